"""The rows of business context: sources, their passages, and lessons."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel

from scheduler.registry.columns import UtcDateTime


class Source(SQLModel, table=True):
    """A note, transcript, message or past failure as it was taken in."""

    __tablename__ = "source"

    id: int | None = Field(default=None, primary_key=True)
    dedupe_key: str = Field(unique=True)  #: content hash, or `slack:<channel>:<ts>`
    kind: str  #: note, transcript, message, failure
    title: str
    path: str = ""
    url: str = ""
    author: str = ""
    customer: str = ""
    date: str = ""
    trust: str = "internal"  #: internal, external, system
    sensitivity: str = "team"
    text: str = ""
    forgotten: bool = False
    created_at: datetime = Field(sa_type=UtcDateTime)


class Passage(SQLModel, table=True):
    """A searchable piece of a source."""

    __tablename__ = "passage"

    id: int | None = Field(default=None, primary_key=True)
    source_id: int = Field(foreign_key="source.id", index=True)
    n: int
    text: str
    speaker: str = ""
    customer: str = ""
    date: str = ""
    start_s: float | None = None
    end_s: float | None = None
    url: str = ""


class Lesson(SQLModel, table=True):
    """A pattern that helped or hurt, with its scope and evidence."""

    __tablename__ = "lesson"

    id: int | None = Field(default=None, primary_key=True)
    text: str
    scope: str = ""
    evidence: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    helped: int = 0
    hurt: int = 0
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
