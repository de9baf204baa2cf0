"""The scripted agent, in parts. Standard library only.

agent.py      options, sessions, and which behaviour a run has
behaviours.py what a run does: the work, or one of the ways in which agents fail
reading.py    what a prompt asks for, and what evidence it brings
hands.py      tool calls that really read, edit and run
stream.py     the events on standard output, as Claude Code writes them
script.py     which behaviour the next run of a request has (for demos and tests)
sessions.py   what a session remembers until it is resumed
recipes/      the jobs it knows, one file each
"""
