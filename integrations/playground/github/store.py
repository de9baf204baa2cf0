"""The stand-in's memory: one SQLite file in WAL mode, a table for each record.

Called on the event loop: every statement touches a few rows of a local file and WAL commits do not wait for
the disk, so one takes well under a millisecond. What a power cut may lose here is a sample world.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from integrations.playground.github import records
from integrations.playground.github.records import Record

R = TypeVar("R", bound=Record)
KINDS: tuple[type[Record], ...] = get_args(records.Record)
LAYOUT = 1
"""Raised when a table changes; a playground of another layout is refused with a sentence."""

_COLUMN = {int: "INTEGER", bool: "INTEGER", float: "REAL", str: "TEXT", tuple[str, ...]: "TEXT"}


class StoreTooOld(Exception):
    """The file was written by another version of Waggle."""


class Store:
    """Rows in, frozen dataclasses out.

    Parameters:
        path: the SQLite file; made when missing.
    """

    def __init__(self, path: Path) -> None:
        self.told: Callable[[Record | None, Record], None] | None = None  #: hears what was added or changed, and how
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._types: dict[type, dict[str, Any]] = {kind: _types(kind) for kind in KINDS}
        self._depth = 0
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=5000"):
            self._db.execute(f"PRAGMA {pragma}")
        found = self._db.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, LAYOUT):
            raise StoreTooOld(f"{path} belongs to another version of Waggle: move its folder away and start again")
        with self.together():
            for kind in KINDS:
                self._create(kind)
            self._db.execute(f"PRAGMA user_version={LAYOUT}")

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

    def add(self, record: R) -> R:
        """Store a new record and return it with its id."""
        names = [name for name in self._types[type(record)] if name != "id"]
        marks = ",".join("?" * len(names))
        cursor = self._db.execute(
            f"INSERT INTO {record.TABLE} ({','.join(names)}) VALUES ({marks})",  # noqa: S608 (names are our own)
            [_encode(getattr(record, name)) for name in names],
        )
        assert cursor.lastrowid is not None
        added = replace(record, id=cursor.lastrowid)
        if self.told is not None:
            self.told(None, added)
        return added

    def change(self, record: R, **values: object) -> R:
        """Set columns of a stored record; return the record as it is then, with what others changed meanwhile."""
        unknown = values.keys() - self._types[type(record)].keys()
        if unknown:
            raise KeyError(f"{record.TABLE} has no {', '.join(sorted(unknown))}")
        sets = ",".join(f"{name}=?" for name in values)
        self._db.execute(
            f"UPDATE {record.TABLE} SET {sets} WHERE id=?",  # noqa: S608 (names are checked above)
            [*map(_encode, values.values()), record.id],
        )
        changed = self.again(record)
        if self.told is not None:
            self.told(record, changed)
        return changed

    def again(self, record: R) -> R:
        """The record as it is stored now."""
        found = self.get(type(record), record.id)
        if found is None:
            raise LookupError(f"{record.TABLE} {record.id} is gone")
        return found

    def remove(self, record: Record) -> None:
        self._db.execute(f"DELETE FROM {record.TABLE} WHERE id=?", [record.id])  # noqa: S608

    def remove_all(self, kind: type[Record], where: str, *values: object) -> None:
        self._db.execute(f"DELETE FROM {kind.TABLE} WHERE {where}", values)  # noqa: S608

    def get(self, kind: type[R], number: int) -> R | None:
        return self.first(kind, "id=?", number)

    def first(self, kind: type[R], where: str, *values: object, order: str = "id") -> R | None:
        found = self.all(kind, where, *values, order=order, limit=1)
        return found[0] if found else None

    def all(self, kind: type[R], where: str = "1", *values: object, order: str = "id", limit: int = -1) -> list[R]:
        """Records of one kind that fulfil a condition written by us, with `?` for every value."""
        rows = self._db.execute(
            f"SELECT * FROM {kind.TABLE} WHERE {where} ORDER BY {order} LIMIT ?",  # noqa: S608
            [*map(_encode, values), limit],
        )
        types = self._types[kind]
        return [kind(**{name: _decode(row[name], types[name]) for name in types}) for row in rows]

    def count(self, kind: type[Record], where: str, *values: object) -> int:
        rows = self._db.execute(f"SELECT count(*) FROM {kind.TABLE} WHERE {where}", values)  # noqa: S608
        return int(rows.fetchone()[0])

    def _create(self, kind: type[Record]) -> None:
        columns = [
            f"{name} INTEGER PRIMARY KEY AUTOINCREMENT" if name == "id" else f"{name} {_COLUMN[of]} NOT NULL"
            for name, of in self._types[kind].items()
        ]
        unique = getattr(kind, "UNIQUE", ())
        if unique:
            columns.append(f"UNIQUE ({','.join(unique)})")
        self._db.execute(f"CREATE TABLE IF NOT EXISTS {kind.TABLE} ({','.join(columns)})")
        index = getattr(kind, "INDEX", ())
        if index:
            self._db.execute(f"CREATE INDEX IF NOT EXISTS ix_{kind.TABLE} ON {kind.TABLE} ({','.join(index)})")


def _types(kind: type[Record]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _encode(value: object) -> object:
    return json.dumps(value) if isinstance(value, tuple | list) else value


def _decode(value: Any, of: Any) -> Any:
    if of is bool:
        return bool(value)
    if of == tuple[str, ...]:
        return tuple(json.loads(value))
    return value
