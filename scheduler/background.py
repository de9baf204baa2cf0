"""Slow work beside the tick: at most one job for each thing, none lost, none in a hot loop."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)

_PAUSE_S = 1.0  #: the first pause of a job that has to wait; doubled each time


class NotYetError(Exception):
    """What a job needs is not there yet; the next try comes after a pause that grows, at most a minute."""


class Jobs:
    """Slow work beside the tick: at most one job for each key, started again only after a pause."""

    def __init__(self, done: Callable[[], None]) -> None:
        self._running: dict[str, asyncio.Task[None]] = {}
        self._not_before: dict[str, float] = {}
        self._lanes: set[str] = set()
        self._done = done
        self.failures: Counter[str] = Counter()

    def start(self, key: str, work: Callable[[], Awaitable[None]], lane: str = "") -> bool:
        """Start `work` unless a job of that key runs or ended a moment ago.

        Parameters:
            lane: jobs of the same lane never run beside each other: a stop must not overtake the start of the
                same attempt, or the process that it looked for comes to life after it looked.
        """
        if key in self._running or self._not_before.get(key, 0.0) > time.monotonic():
            return False
        if lane and lane in self._lanes:
            return False
        self._lanes.add(lane)
        self._running[key] = asyncio.create_task(self._run(key, work, lane), name=key)
        return True

    async def _run(self, key: str, work: Callable[[], Awaitable[None]], lane: str) -> None:
        pause = 0.0
        try:
            await work()
        except NotYetError as reason:
            self.failures[key] += 1
            pause = min(_PAUSE_S * 2 ** (self.failures[key] - 1), 60.0)
            log.info("tried again later", job=key, why=str(reason), pause_s=pause)
        except Exception:
            # A defect in one job must not stop the others; it is tried again, more and more rarely.
            self.failures[key] += 1
            pause = min(_PAUSE_S * 2 ** self.failures[key], 300.0)
            log.exception("job failed", job=key)
        else:
            self.failures.pop(key, None)
        finally:
            self._not_before[key] = time.monotonic() + pause
            self._running.pop(key, None)
            self._lanes.discard(lane)
            self._done()

    @property
    def running(self) -> int:
        return len(self._running)

    async def settle(self, timeout_s: float) -> None:
        """Wait until no job runs, at most `timeout_s` seconds, then cut the rest short."""
        tasks = list(self._running.values())
        if not tasks:
            return
        _, left = await asyncio.wait(tasks, timeout=timeout_s)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
