"""The tracker's memory: one SQLite file with issues, their events, merges already seen, and the call log."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

_LAYOUT = """
CREATE TABLE IF NOT EXISTS issues (id INTEGER PRIMARY KEY AUTOINCREMENT, fingerprint TEXT UNIQUE, title TEXT,
  culprit TEXT, kind TEXT, message TEXT, level TEXT, platform TEXT, status TEXT, substatus TEXT, first_seen REAL,
  last_seen REAL, resolved_at REAL, resolved_in TEXT);
CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, issue INTEGER, at REAL, person TEXT, release TEXT, body TEXT);
CREATE INDEX IF NOT EXISTS ix_events ON events (issue, at);
CREATE TABLE IF NOT EXISTS merges (pull INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS calls (at REAL, method TEXT, path TEXT, query TEXT, status INTEGER);
"""
_ISSUE_COLUMNS = (
    "id, fingerprint, title, culprit, kind, message, level, platform, status, substatus, first_seen, last_seen, "
    "resolved_at, resolved_in"
)


@dataclass(frozen=True)
class StoredIssue:
    """One issue. `resolved_in` is the commit that resolved it; `count` and `people` are counted from its events."""

    id: int
    fingerprint: str
    title: str
    culprit: str
    kind: str
    message: str
    level: str
    platform: str
    status: str
    substatus: str
    first_seen: float
    last_seen: float
    resolved_at: float
    resolved_in: str
    count: int = 0
    people: int = 0


@dataclass(frozen=True)
class StoredEvent:
    id: str
    issue: int
    at: float
    person: str
    release: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """One call of the REST interface or of an SDK; `status` is 0 when the connection was cut."""

    at: float
    method: str
    path: str
    query: str
    status: int


class Memory:
    """Survives a restart of the playground. For use from any thread."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {_LAYOUT}")

    def close(self) -> None:
        self._db.close()

    def issue_of(self, fingerprint: str) -> StoredIssue | None:
        return self._first("fingerprint=?", fingerprint)

    def issue(self, issue_id: int) -> StoredIssue | None:
        return self._first("id=?", issue_id)

    def issues(self) -> list[StoredIssue]:
        """All of them, the latest first."""
        return self._issues("1", (), "last_seen DESC, id DESC")

    def add_issue(self, issue: StoredIssue) -> StoredIssue:
        """Store a new issue, and return it with its number."""
        names = [one.name for one in fields(issue) if one.name not in {"id", "count", "people"}]
        values = [getattr(issue, name) for name in names]
        with self._lock:
            done = self._db.execute(
                f"INSERT INTO issues ({','.join(names)}) VALUES ({','.join('?' * len(names))})",  # noqa: S608 (our own names)
                values,
            )
            found = self.issue(done.lastrowid or 0)
        assert found is not None
        return found

    def change(self, issue_id: int, **values: object) -> None:
        sets = ",".join(f"{name}=?" for name in values)
        with self._lock:
            self._db.execute(f"UPDATE issues SET {sets} WHERE id=?", [*values.values(), issue_id])  # noqa: S608

    def add_event(self, event: StoredEvent) -> bool:
        """False when the event was sent before: an SDK may repeat itself."""
        row = asdict(event) | {"body": json.dumps(event.body)}
        with self._lock:
            done = self._db.execute(
                "INSERT OR IGNORE INTO events VALUES (:id, :issue, :at, :person, :release, :body)", row
            )
        return done.rowcount == 1

    def event(self, issue_id: int, *, newest: bool = True) -> StoredEvent | None:
        order = "DESC" if newest else "ASC"
        row = self._one(
            f"SELECT id, issue, at, person, release, body FROM events WHERE issue=? ORDER BY at {order}, rowid {order}",  # noqa: S608
            issue_id,
        )
        return None if row is None else StoredEvent(row[0], row[1], row[2], row[3], row[4], json.loads(row[5]))

    def knows_release(self, issue_id: int, release: str, before: float) -> bool:
        """Whether the issue had happened in a release before a moment."""
        return (
            self._one("SELECT 1 FROM events WHERE issue=? AND release=? AND at<=?", issue_id, release, before)
            is not None
        )

    def see_merge(self, pull_id: int) -> bool:
        """False when that merge was seen before."""
        with self._lock:
            return self._db.execute("INSERT OR IGNORE INTO merges VALUES (?)", (pull_id,)).rowcount == 1

    def log(self, call: Call) -> None:
        with self._lock:
            self._db.execute("INSERT INTO calls VALUES (?, ?, ?, ?, ?)", list(asdict(call).values()))

    def calls(self) -> list[Call]:
        with self._lock:
            return [Call(*row) for row in self._db.execute("SELECT * FROM calls ORDER BY rowid")]

    def _first(self, where: str, *values: object) -> StoredIssue | None:
        found = self._issues(where, values, "id")
        return found[0] if found else None

    def _issues(self, where: str, values: tuple[object, ...], order: str) -> list[StoredIssue]:
        with self._lock:
            rows = self._db.execute(
                f"SELECT {_ISSUE_COLUMNS}, (SELECT count(*) FROM events WHERE issue=issues.id), "  # noqa: S608
                "(SELECT count(DISTINCT person) FROM events WHERE issue=issues.id AND person<>'') "
                f"FROM issues WHERE {where} ORDER BY {order}",
                values,
            ).fetchall()
        return [StoredIssue(*row) for row in rows]

    def _one(self, query: str, *values: object) -> Any:
        with self._lock:
            return self._db.execute(query, values).fetchone()
