"""The log of every call, for tests and demos that judge by what arrived."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Call:
    """One call. `status` is 0 when the connection was cut; `kind` is the question's, empty without facts."""

    at: float
    family: str
    model: str
    kind: str
    status: int
    stop: str
    input_tokens: int
    output_tokens: int
    prompt: str


class CallLog:
    """Kept in one SQLite file, so that it survives a restart of the playground. For use from any thread."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS calls (at REAL, family TEXT, model TEXT, kind TEXT, status INTEGER, "
            "stop TEXT, input_tokens INTEGER, output_tokens INTEGER, prompt TEXT)"
        )

    def add(self, call: Call) -> None:
        values = (
            *(call.at, call.family, call.model, call.kind, call.status),
            *(call.stop, call.input_tokens, call.output_tokens, call.prompt),
        )
        with self._lock:
            self._db.execute("INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    def all(self) -> list[Call]:
        with self._lock:
            return [Call(*row) for row in self._db.execute("SELECT * FROM calls ORDER BY rowid")]

    def close(self) -> None:
        self._db.close()
