"""Error trackers behind one small protocol: issues that happened lately, and the latest event of one.

values.py     issues, events and stack frames, as every tracker gives them
faults.py     what a tracker can refuse, and the cure of each
sentry.py     Sentry, hosted or on an own server
answers.py    the shapes of Sentry's answers, read into values

Everything that a tracker says was written by strangers: anybody who has a public DSN can send an event.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from integrations.errors.faults import (
    AuthFailed,
    Forbidden,
    NotFound,
    NotTracker,
    RateLimited,
    Refused,
    TimedOut,
    TrackerError,
    Unavailable,
)
from integrations.errors.values import Changed, Event, Frame, Issue

__all__ = [
    "AuthFailed",
    "Changed",
    "ErrorTracker",
    "Event",
    "Finding",
    "Forbidden",
    "Frame",
    "Issue",
    "NotFound",
    "NotTracker",
    "RateLimited",
    "Refused",
    "TimedOut",
    "TrackerError",
    "Unavailable",
]


@dataclass(frozen=True)
class Finding:
    """One line of a look at the connection, for `waggle doctor`."""

    check: str
    ok: bool
    detail: str
    fix: str = ""


class ErrorTracker(Protocol):
    """Where applications report their errors. Blocking: callers use a thread. All but `probe` raise TrackerError.

    Nothing here changes anything in the tracker.
    """

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def scope(self) -> str:
        """What it looks at, as one word: another scope means other issues, and a cursor of its own."""
        ...

    def changed_since(self, since: datetime) -> Changed:
        """Unresolved issues that happened after `since`, the latest first."""
        ...

    def issue(self, issue_id: str) -> Issue:
        """One issue as it is now, in whatever state."""
        ...

    def latest_event(self, issue_id: str) -> Event:
        """The newest event of an issue, with its stack trace."""
        ...

    def probe(self) -> list[Finding]:
        """Whether everything that is asked of it may be asked, one line for each; never raises."""
        ...
