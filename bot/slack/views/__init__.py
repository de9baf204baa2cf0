"""What people see in Slack. Pure: rows and values in, Block Kit out.

facts.py        what is known of one task, as one value
escape.py       text of others made harmless: the only place where Slack's markup is made
budget.py       Slack's limits: lengths, number of blocks, size of a message
blocks.py       the few kinds of blocks that are used, and buttons
words.py        states, checks and people in plain words
card.py         the one message per task that is edited in place
checklist.py    the lines of the definition of done, attempts
messages.py     what is worth a new message: question, needs help, PR ready, merged, closed, stopped, note, alert
forms.py        forms that buttons open
help.py         what can be said
status.py       lists of tasks, search results
"""
