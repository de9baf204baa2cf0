"""The registry: every row of Waggle, the only thing that the two tiers share.

work.py       requests, tasks, attempts, pull requests and what is known of them
context.py    sources, passages, lessons
talk.py       inbox, outbox, events, ledger, people, small facts
columns.py    column types that mean the same in SQLite and PostgreSQL
database.py   opening it, writing in groups, reading, waking the other side
migrate.py    alembic at start, with a copy of the database before it
reading.py    rows that more than one room looks up
writers.py    the few ways in which rows are written by more than one room
"""

from scheduler.registry.context import Lesson, Passage, Source
from scheduler.registry.database import Registry, RegistryError, Topic
from scheduler.registry.talk import Event, Fact, Inbox, Ledger, Outbox, Person
from scheduler.registry.work import (
    Attempt,
    Diagnosis,
    Evidence,
    Judgement,
    PortLease,
    PullRequest,
    Question,
    Request,
    Review,
    Signal,
    Task,
)

__all__ = [
    "Attempt",
    "Diagnosis",
    "Event",
    "Evidence",
    "Fact",
    "Inbox",
    "Judgement",
    "Ledger",
    "Lesson",
    "Outbox",
    "Passage",
    "Person",
    "PortLease",
    "PullRequest",
    "Question",
    "Registry",
    "RegistryError",
    "Request",
    "Review",
    "Signal",
    "Source",
    "Task",
    "Topic",
]
