"""What people can do to a task, from Slack or the command line, as changes of rows.

Each function takes an open write session, says in one sentence what it did or why it did not, and leaves
the side effects to the supervisor, which the change wakes. Who is allowed to call them was decided before.

replies.py    who acts, what they are told, and the sentences that several commands share
plans.py      from a request to an approved plan
proposals.py  start, set aside or refuse what Waggle found by itself
steering.py   stop, pause, resume, wait for other tasks, take over, give back
after_merge.py  take a merged task back, or ask for more in the light of it
emergency.py  stop everything at once, and go on
money.py      extend: more money for what has spent its budget
words.py      retry, answer, guide: what people say to the agent
"""

from scheduler.commands.after_merge import follow_up, revert
from scheduler.commands.emergency import estop, thaw
from scheduler.commands.money import extend
from scheduler.commands.plans import approve, edit, new_request, reject
from scheduler.commands.proposals import never, snooze, start
from scheduler.commands.replies import Actor, Reply
from scheduler.commands.steering import give_back, pause, resume, stop, take_over, wait_for
from scheduler.commands.words import answer, guide, retry

__all__ = [
    "Actor",
    "Reply",
    "answer",
    "approve",
    "edit",
    "estop",
    "extend",
    "follow_up",
    "give_back",
    "guide",
    "never",
    "new_request",
    "pause",
    "reject",
    "resume",
    "retry",
    "revert",
    "snooze",
    "start",
    "stop",
    "take_over",
    "thaw",
    "wait_for",
]
