"""The stand-in's memory: one SQLite file in WAL mode, written at the moment things happen.

Called on the event loop: each statement touches a few rows of a local file, and WAL commits do not wait for
the disk. A killed process loses nothing that was answered; what a power cut may lose here is a sample world.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Value = str | int | float | None

LAYOUT = 1
"""Raised when a table changes; a playground of another layout is refused with a sentence."""

_TABLES = """
CREATE TABLE channels (id TEXT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, purpose TEXT NOT NULL,
  created INTEGER NOT NULL, archived INTEGER NOT NULL DEFAULT 0, with_user TEXT NOT NULL DEFAULT '');
CREATE TABLE members (channel TEXT NOT NULL, user TEXT NOT NULL, PRIMARY KEY (channel, user));
CREATE TABLE reads (channel TEXT NOT NULL, user TEXT NOT NULL, ts TEXT NOT NULL, PRIMARY KEY (channel, user));
CREATE TABLE messages (channel TEXT NOT NULL, ts TEXT NOT NULL, user TEXT NOT NULL, text TEXT NOT NULL,
  thread_ts TEXT NOT NULL, bot_id TEXT NOT NULL, subtype TEXT NOT NULL, client_msg_id TEXT NOT NULL, blocks TEXT,
  metadata TEXT, files TEXT NOT NULL, edited_user TEXT NOT NULL, edited_ts TEXT NOT NULL, deleted INTEGER NOT NULL,
  PRIMARY KEY (channel, ts));
CREATE INDEX replies ON messages (channel, thread_ts, ts);
CREATE TABLE ephemerals (ts TEXT PRIMARY KEY, channel TEXT NOT NULL, user TEXT NOT NULL, thread_ts TEXT NOT NULL,
  text TEXT NOT NULL, blocks TEXT);
CREATE TABLE reactions (id INTEGER PRIMARY KEY, channel TEXT NOT NULL, ts TEXT NOT NULL, name TEXT NOT NULL,
  user TEXT NOT NULL, UNIQUE (channel, ts, name, user));
CREATE TABLE files (id TEXT PRIMARY KEY, name TEXT NOT NULL, title TEXT NOT NULL, mimetype TEXT NOT NULL,
  size INTEGER NOT NULL, user TEXT NOT NULL, created INTEGER NOT NULL, channels TEXT NOT NULL, ready INTEGER NOT NULL);
CREATE TABLE views (id TEXT PRIMARY KEY, kind TEXT NOT NULL, user TEXT NOT NULL, body TEXT NOT NULL,
  hash TEXT NOT NULL, root TEXT NOT NULL, previous TEXT NOT NULL, open INTEGER NOT NULL);
CREATE TABLE envelopes (id TEXT PRIMARY KEY, number INTEGER NOT NULL, kind TEXT NOT NULL, payload TEXT NOT NULL,
  state TEXT NOT NULL, attempt INTEGER NOT NULL, created REAL NOT NULL, due REAL NOT NULL, sent REAL, acked REAL);
CREATE INDEX waiting ON envelopes (state, due);
CREATE TABLE response_urls (token TEXT PRIMARY KEY, channel TEXT NOT NULL, user TEXT NOT NULL,
  message_ts TEXT NOT NULL, thread_ts TEXT NOT NULL, ephemeral INTEGER NOT NULL, expires REAL NOT NULL,
  uses INTEGER NOT NULL);
CREATE TABLE calls (id INTEGER PRIMARY KEY, at REAL NOT NULL, method TEXT NOT NULL, args TEXT NOT NULL,
  status INTEGER NOT NULL, ok INTEGER NOT NULL, error TEXT NOT NULL, performed INTEGER NOT NULL, ms REAL NOT NULL,
  result TEXT NOT NULL);
"""


class StoreTooOld(Exception):
    """The file was written by another version of Waggle."""


class Store:
    """SQL in, rows out.

    Parameters:
        path: the SQLite file; made when missing.

    Raises:
        StoreTooOld: with the cure, when the file has another layout.
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._depth = 0
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=5000"):
            self._db.execute(f"PRAGMA {pragma}")
        found = self._db.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, LAYOUT):
            raise StoreTooOld(f"{path} belongs to another version of Waggle: move its folder away and start again")
        if found == 0:
            self._db.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version={LAYOUT}; COMMIT;")

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """All writes inside become visible at once, or not at all. May be nested. Never await inside."""
        if self._depth:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        else:
            self._db.execute("COMMIT")
        finally:
            self._depth -= 1

    def rows(self, sql: str, *values: Value) -> list[sqlite3.Row]:
        return self._db.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Value) -> sqlite3.Row | None:
        found: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
        return found

    def run(self, sql: str, *values: Value) -> int:
        """Execute a statement and return how many rows it changed."""
        return self._db.execute(sql, values).rowcount


def pack(value: object) -> str | None:
    return None if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def unpack(text: str | None) -> Any:
    return None if text is None else json.loads(text)
