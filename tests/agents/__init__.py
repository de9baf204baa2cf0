"""The real command line programs of Claude Code and Codex, supervised by Waggle, against a model server of our own.

conversation.py   what an agent's request says, whichever vendor's wire it came by
wire.py           answers as each vendor streams them: text and tool calls
model_server.py   a model that follows a plan, with trouble on demand
world.py          the whole loop with a real agent in it
installed.py      where `make test-agents` put the programs

`make test-agents` installs the programs and runs these; elsewhere they are skipped, with the reason.
"""
