"""Slack: what people say becomes rows, and rows become what people see. It calls no model and decides no state.

side.py        all of it, started and stopped in order
connection.py  the client, the socket, the watch over it
listeners.py   Bolt's listeners: read, ask the door, store, acknowledge
inbox.py       payloads to deliveries with a key of their own
entrance.py    the one door: for us, allowed, stored
access.py      who may do what
worker.py      acts on what is stored, in order
verbs.py       commands to the supervisor's commands
grammar.py     text to commands; intents.py, markup.py
answering.py   direct answers
outbox.py      the sender of what people must hear; rendering.py, places.py, cards.py
courier.py     posts and edits, each once; pace.py, outbox_rows.py
catching_up.py what was written while nobody listened
posting.py     the calls of the Web API; errors.py
people.py      who somebody is; intake.py: what channels say, as context
views/         rows to Block Kit
"""
