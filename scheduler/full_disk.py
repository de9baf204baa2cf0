"""A disk that is full: nothing can be written, so nobody can be told while it lasts. It is said once, when it is over.

What could not be written was not acted on either: the intent comes before the act. So nothing is lost, and everything
is taken up again by the next tick that can write.
"""

from __future__ import annotations

import errno
import sqlite3
from datetime import datetime

import structlog
from sqlmodel import Session

from integrations.git import DiskFull
from scheduler.registry.writers import say

log = structlog.get_logger(__name__)

_FULL = {errno.ENOSPC, errno.EDQUOT}


def is_full(problem: BaseException | None) -> bool:
    """Whether a failure means that the disk, or a quota, has no room left."""
    while problem is not None:
        code = getattr(getattr(problem, "orig", problem), "sqlite_errorcode", None)
        if code == sqlite3.SQLITE_FULL or isinstance(problem, DiskFull):
            return True
        if isinstance(problem, OSError) and problem.errno in _FULL:
            return True
        problem = problem.__cause__
    return False


class FullDisk:
    """Remembers, in memory for want of any other place, that the disk was full."""

    def __init__(self) -> None:
        self.since: datetime | None = None

    def saw(self, problem: BaseException, now: datetime) -> bool:
        """Take note of a failure; whether it is one of a full disk."""
        if not is_full(problem):
            return False
        if self.since is None:
            self.since = now
            log.error("the disk is full; Waggle waits for room", since=now.isoformat())
        return True

    def say_that_it_is_over(self, session: Session, now: datetime) -> None:
        """To be called in a write: when that succeeds, there is room again."""
        if self.since is None:
            return
        minutes = max(1, round((now - self.since).total_seconds() / 60))
        text = (
            f"The disk of Waggle's home was full for about {minutes} min. There is room again and everything goes on; "
            "nothing was lost. `waggle doctor` says how much is left."
        )
        say(session, now, kind="alert", dedupe_key=f"full disk:{self.since.isoformat()}", payload={"text": text})
