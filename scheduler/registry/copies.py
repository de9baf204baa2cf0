"""Copies of a SQLite registry: made while it is in use, found again when it is damaged.

A copy is taken with SQLite's own backup, so it is whole whatever is being written meanwhile, and appears under
its name only when it is complete.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from shlex import quote as quoted
from urllib.parse import quote

from scheduler.registry.database import RegistryError

_KEPT = 14
_PATTERN = "registry-*.db"


class DamagedRegistryError(RegistryError):
    """The registry's file is not whole. It is left as it is, for whoever wants to rescue something from it."""


def check(path: Path, copies: Path) -> None:
    """Hold a registry against SQLite's integrity check without writing to it. A missing file is fine: it is new.

    Raises:
        DamagedRegistryError: it is damaged; the message names the newest copy and how to restore it.
    """
    if not path.exists():
        return
    try:
        empty = path.stat().st_size == 0
        damage = "the file is empty" if empty and newest(copies) is not None else _damage(path)
    except sqlite3.DatabaseError as problem:
        damage = str(problem)
    except OSError as problem:
        raise RegistryError(
            f"The registry {path} cannot be read: {problem.strerror}. Mend its permissions."
        ) from problem
    if damage:
        raise DamagedRegistryError(_how_to_restore(path, damage, newest(copies)))


def copy(path: Path, copies: Path, now: datetime, why: str) -> Path:
    """Copy the registry and return the copy's path. Old copies beyond the newest 14 go.

    Parameters:
        why: becomes part of the name, such as `before-0002`.

    Raises:
        RegistryError: no copy could be made, for want of room or permission.
    """
    target = copies / f"registry-{now:%Y%m%dT%H%M%SZ}-{why}.db"
    unfinished = target.with_suffix(".unfinished")
    try:
        copies.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
        with closing(_open_read_only(path)) as source, closing(sqlite3.connect(unfinished)) as sink:
            source.backup(sink)
            sink.execute("PRAGMA journal_mode=DELETE")
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())
        unfinished.rename(target)
    except (OSError, sqlite3.Error) as problem:
        unfinished.unlink(missing_ok=True)
        raise RegistryError(
            f"The registry could not be copied to {copies}: {problem}. Make room there; nothing was changed."
        ) from problem
    for old in sorted(copies.glob(_PATTERN))[:-_KEPT]:
        old.unlink(missing_ok=True)
    return target


def copy_when_due(path: Path, copies: Path, now: datetime, every: timedelta) -> Path | None:
    """Copy the registry when the newest copy is older than `every`; so that there is one when it is needed."""
    last = newest(copies)
    if last is not None and now.timestamp() - last.stat().st_mtime < every.total_seconds():
        return None
    return copy(path, copies, now, "daily")


def newest(copies: Path) -> Path | None:
    """The newest whole copy; None when there is none."""
    return max(copies.glob(_PATTERN), default=None) if copies.is_dir() else None


def _open_read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=30)


def _damage(path: Path) -> str:
    with closing(_open_read_only(path)) as connection:
        found = [" ".join(str(row[0]).split()) for row in connection.execute("PRAGMA integrity_check(3)")]
    return "" if found == ["ok"] else "; ".join(found)[:300]


def _how_to_restore(path: Path, damage: str, last: Path | None) -> str:
    told = f"The registry {path} is damaged ({damage}). Waggle did not touch it and does not start on it.\n"
    if last is None:
        return told + (
            f"There is no copy of it. To rescue what can be read: sqlite3 {path} .recover | sqlite3 rescued.db\n"
            f"To begin anew: mv {path} {path}.damaged"
        )
    return told + (f"The newest copy is {last}. To go on from it:\n  {restoring(path, last, '.damaged')}")


def restoring(path: Path, copied: Path, aside: str = ".before") -> str:
    """The shell command that puts a copy in the registry's place, which is kept beside it."""
    old, new = quoted(str(path)), quoted(str(copied))
    return f"mv {old} {old}{aside}; rm -f {old}-wal {old}-shm; cp {new} {old}"
