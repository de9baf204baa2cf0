"""The rows through which Waggle hears and speaks, and what it wrote down about itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel

from scheduler.registry.columns import UtcDateTime


def _instant(*, nullable: bool = False) -> Any:
    return Field(default=None, sa_type=UtcDateTime, nullable=nullable)


class Inbox(SQLModel, table=True):
    """One delivery from outside, stored before it is acknowledged."""

    __tablename__ = "inbox"

    id: int | None = Field(default=None, primary_key=True)
    delivery_key: str = Field(unique=True)
    kind: str
    payload: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    state: str = Field(default="new", index=True)  #: new, done, failed
    error: str = ""
    tries: int = 0
    received_at: datetime = _instant()
    handled_at: datetime | None = _instant(nullable=True)


class Outbox(SQLModel, table=True):
    """One thing that people must hear, written in the transaction of the change that causes it."""

    __tablename__ = "outbox"

    id: int | None = Field(default=None, primary_key=True)
    dedupe_key: str = Field(unique=True)
    kind: str  #: card, plan, question, needs_help, pr_ready, merged, closed, note, alert
    task_id: int | None = Field(default=None, foreign_key="task.id", index=True)
    head: str = ""  #: head commit that the message speaks of
    payload: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    state: str = Field(default="pending", index=True)  #: pending, sending, sent, void, failed
    channel: str = ""
    ts: str = ""
    tries: int = 0
    error: str = ""
    not_before: datetime | None = _instant(nullable=True)
    created_at: datetime = _instant()
    sent_at: datetime | None = _instant(nullable=True)


class Event(SQLModel, table=True):
    """One state change or decision: who, what, why, evidence. Append-only."""

    __tablename__ = "event"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = _instant()
    task_id: int | None = Field(default=None, foreign_key="task.id", index=True)
    subject: str = ""  #: `task`, `attempt t-12-a1`, `pull 5`, `question 3`, `access`
    actor: str  #: Slack user id, `cli:<login>`, `waggle`, or the model that answered
    what: str
    why: str = ""
    before: str = ""
    after: str = ""
    evidence: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))


class Ledger(SQLModel, table=True):
    """Money and tokens spent, one row for each thing that cost something."""

    __tablename__ = "ledger"

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = _instant()
    key: str = Field(unique=True)  #: what was paid for; a second record of the same changes nothing
    task_id: int | None = Field(default=None, foreign_key="task.id", index=True)
    attempt_id: int | None = Field(default=None, foreign_key="attempt.id")
    purpose: str  #: attempt, scope, diagnose, review
    model: str = ""
    tokens_input: int = 0
    tokens_cached: int = 0
    tokens_output: int = 0
    cost_usd: float = 0.0


class Person(SQLModel, table=True):
    """Who may do what. Nobody is here until a claim or an admin puts them here."""

    __tablename__ = "person"

    user_id: str = Field(primary_key=True)
    name: str = ""
    role: str  #: viewer, requester, approver, admin
    added_by: str = ""
    added_at: datetime = _instant()


class Fact(SQLModel, table=True):
    """Small durable facts of the running system: cursors, the last tick, notices already given."""

    __tablename__ = "fact"

    key: str = Field(primary_key=True)
    value: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    at: datetime = _instant()
