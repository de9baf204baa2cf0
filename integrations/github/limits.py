"""What GitHub allows, remembered for the whole process: quotas it reported, pauses it asked for, our own writes.

GitHub's published secondary limits are 80 content-creating requests a minute and 500 an hour; Waggle stays far below
them (20 and 200), because a person's own use of the same token counts too.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from integrations.github.errors import GitHubError, RateLimited, SecondaryLimited, rate_limited
from integrations.github.values import Rate

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


class Limits:
    """Asked before every call, told after it. Thread-safe.

    Parameters:
        clock: the time now, UTC.
        writes_per_minute, writes_per_hour: None for a server that has no such limit (an own server, the playground).
    """

    def __init__(
        self, clock: Clock = utc_now, writes_per_minute: int | None = 20, writes_per_hour: int | None = 200
    ) -> None:
        self._clock = clock
        self._windows = [
            (timedelta(minutes=1), writes_per_minute),
            (timedelta(hours=1), writes_per_hour),
        ]
        self._writes: deque[datetime] = deque()
        self._rates: dict[str, Rate] = {}
        self._paused_until: datetime | None = None
        self._guard = threading.Lock()

    def check(self, resource: str, *, write: bool = False) -> None:
        """Raise RateLimited or SecondaryLimited when a call now would be refused, without making it.

        Parameters:
            resource: GitHub's name of the quota, "core" or "graphql".
            write: count it as a write; call this once for each.
        """
        with self._guard:
            now = self._clock()
            if self._paused_until is not None and now < self._paused_until:
                raise _pause(self._paused_until, "GitHub asked for a pause")
            rate = self._rates.get(resource)
            if rate is not None and rate.remaining <= 0 and now < rate.reset:
                raise rate_limited(resource, rate.reset)
            if write:
                self._count_write(now)

    def reported(self, resource: str, rate: Rate) -> None:
        """GitHub said how much of a quota is left."""
        with self._guard:
            self._rates[resource] = rate

    def failed(self, resource: str, problem: GitHubError) -> None:
        """Remember a limit that GitHub answered with, so that the next call need not find it again."""
        with self._guard:
            if problem.not_before is None:
                return
            if isinstance(problem, SecondaryLimited):
                self._paused_until = max(self._paused_until or problem.not_before, problem.not_before)
            elif isinstance(problem, RateLimited):
                known = self._rates.get(resource)
                self._rates[resource] = Rate(known.limit if known else 0, 0, problem.not_before)

    def rates(self) -> dict[str, Rate]:
        """The quotas as last reported, by resource."""
        with self._guard:
            return dict(self._rates)

    def _count_write(self, now: datetime) -> None:
        while self._writes and now - self._writes[0] >= timedelta(hours=1):
            self._writes.popleft()
        for window, allowed in self._windows:
            recent = [at for at in self._writes if now - at < window]
            if allowed is not None and len(recent) >= allowed:
                raise _pause(recent[-allowed] + window, f"{allowed} writes in {window}")
        self._writes.append(now)


def _pause(until: datetime, why: str) -> SecondaryLimited:
    return SecondaryLimited(
        f"{why}; next call at {until:%H:%M:%S} UTC",
        retryable=True,
        not_before=until,
        user_message="Waggle is pausing its calls to GitHub to stay within the limits.",
    )
