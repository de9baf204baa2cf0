"""Who supervises a home: one process at a time, the one that holds its lock."""

from __future__ import annotations

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO


class AlreadyLedError(Exception):
    """Another Waggle supervises this home already; the message names its process."""


class Leadership:
    """The lock that lets one process supervise a home. Children never inherit it (close-on-exec)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None

    def take(self) -> None:
        """Take the lock.

        Raises:
            AlreadyLedError: another live process holds it.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        file = os.fdopen(descriptor, "r+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid, _, since = file.read().strip().partition("\n")
            file.close()
            raise AlreadyLedError(
                f"Another Waggle (process {pid or 'unknown'}{f', since {since}' if since else ''}) already runs on "
                f"{self._path.parent}. Stop that one{f' (kill {pid})' if pid else ''}, or give this one a home of its "
                "own with WAGGLE_HOME."
            ) from None
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
        file.flush()
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
