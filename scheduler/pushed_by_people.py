"""Somebody else pushed to a task's branch: the agent stands back and people say who goes on.

Whatever an attempt of the task made is Waggle's own. Another head commit is a person's: nothing is pushed over it, no
retry is started on top of it, and it is held against the definition of done while the question is open. When all of
that holds, the question has answered itself.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, select

from scheduler.lifecycle import Cause, TaskState
from scheduler.questions import open_question, put_question, withdraw_questions
from scheduler.registry.work import Attempt, PullRequest, Question, Task
from scheduler.registry.writers import move_task, unask

ABOUT = "push"
AGENT, PERSON = "let the agent go on", "a person goes on"
_ASKED = "asked_about_head"  #: among a pull request's facts: the head that was asked about
#: states in which an agent works or would be sent
_STANDS_BACK = frozenset({TaskState.RUNNING, TaskState.VERIFYING, TaskState.DIAGNOSING, TaskState.QUEUED})


def is_ours(session: Session, pull: PullRequest, sha: str) -> bool:
    """Whether an attempt of the task made this commit."""
    if sha == pull.pushed_sha:
        return True
    made = select(Attempt.id).where(Attempt.task_id == pull.task_id, Attempt.head_sha == sha)
    return session.exec(made).first() is not None


def waits_for_answer(session: Session, task: Task) -> Question | None:
    """The open question about a push; None when there is none."""
    question = open_question(session, task) if task.state is TaskState.ASKING else None
    return question if question is not None and question.about == ABOUT else None


def ask_about_push(session: Session, now: datetime, pull: PullRequest, task: Task) -> bool:
    """Let the agent stand back from a head commit that somebody else pushed, and ask, once for each such head.

    A task that needs help anyway, or that a person took over, asks nothing: there the push is the answer.
    """
    if is_ours(session, pull, pull.head_sha) or pull.facts.get(_ASKED) == pull.head_sha:
        return False
    question = open_question(session, task) if task.state is TaskState.ASKING else None
    if question is not None and question.about in {"retry", ABOUT}:
        # It was asked about another head: what was to be approved or decided is not that any more.
        withdraw_questions(session, now, task)
        move_task(session, task, TaskState.VERIFYING, Cause.HEAD_MOVED, now, why=f"now at {pull.head_sha[:8]}")
    if task.state not in _STANDS_BACK:
        return False
    pull.facts = {**pull.facts, _ASKED: pull.head_sha}
    session.add(pull)
    unask(session, now, task)
    working = " The agent that works is stopped; what it did is kept." if task.state is TaskState.RUNNING else ""
    text = (
        f"Somebody pushed {pull.head_sha[:8]} to {pull.branch}, and it was not me. Nothing is pushed over it, and no "
        f"agent is sent.{working} Shall the agent go on from there when a check fails, or do you go on?"
    )
    put_question(session, now, task, Cause.PERSON_PUSHED, about=ABOUT, text=text, options=(AGENT, PERSON))
    return True
