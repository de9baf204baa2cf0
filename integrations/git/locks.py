"""One writer per repository: a thread lock for this process, a file lock against any other."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from integrations.git.errors import RepositoryBusy

#: Longer than the longest single command, a first clone, would ever be waited for by a caller.
PATIENCE_S = 300.0


class RepositoryLock:
    """Held while a repository is written to. Reentrant within a thread.

    The file is opened close-on-exec (Python's default), so that a git command that outlives this process does not
    keep the lock for ever.
    """

    def __init__(self, path: Path, patience_s: float = PATIENCE_S) -> None:
        self.path = path
        self.patience_s = patience_s
        self._thread = threading.RLock()
        self._depth = 0
        self._fd = -1

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock. Raises RepositoryBusy when it is not free within `patience_s` seconds."""
        deadline = time.monotonic() + self.patience_s
        if not self._thread.acquire(timeout=self.patience_s):
            raise self._busy()
        try:
            if self._depth == 0:
                self._fd = self._open(deadline)
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    os.close(self._fd)
        finally:
            self._thread.release()

    def _open(self, deadline: float) -> int:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(fd)
                    raise self._busy() from None
                time.sleep(0.05)
            else:
                return fd

    def _busy(self) -> RepositoryBusy:
        return RepositoryBusy(
            f"{self.path.stem} is in use by another Waggle for more than {self.patience_s:g} s", retryable=True
        )
