"""Slow work beside the tick: at most one job for each thing, none lost, none in a hot loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

log = structlog.get_logger(__name__)

T = TypeVar("T")

_PAUSE_S = 1.0  #: the first pause of a job that has to wait; doubled each time
_IN_VAIN_S = 1.0  #: a job that is wanted again so soon after it succeeded may have changed nothing
_IN_VAIN = 3  #: so often in a row, and it has to pause
_TOLD_AFTER = 3  #: failures in a row, after which people are told


class NotYetError(Exception):
    """What a job needs is not there yet; the next try comes after a pause that grows, at most a minute."""


class Jobs:
    """Slow work beside the tick: at most one job for each key, started again only after a pause.

    Parameters:
        done: called after each job, so that a tick sees what it changed.
        broken: called with the key and the error when a job fails again and again for no known reason.
    """

    def __init__(self, done: Callable[[], None], broken: Callable[[str, Exception], Awaitable[None]]) -> None:
        self._running: dict[str, asyncio.Task[None]] = {}
        self._not_before: dict[str, float] = {}
        self._ended: dict[str, tuple[float, int]] = {}
        self._lanes: set[str] = set()
        self._done = done
        self._broken = broken
        self.failures: Counter[str] = Counter()

    def start(self, key: str, work: Callable[[], Awaitable[None]], lane: str = "", *, paced: bool = False) -> bool:
        """Start `work` unless a job of that key runs or ended a moment ago.

        Parameters:
            lane: jobs of the same lane never run beside each other: a stop must not overtake the start of the
                same attempt, or the process that it looked for comes to life after it looked; and nobody may
                clean, verify or install in a workspace that somebody else works in.
            paced: it has a rhythm of its own, so that being wanted again is no sign of having worked in vain.
        """
        if key in self._running or self._not_before.get(key, 0.0) > time.monotonic():
            return False
        if lane and lane in self._lanes:
            return False
        self._forget_old()
        self._lanes.add(lane)
        self._running[key] = asyncio.create_task(self._run(key, work, lane, paced), name=key)
        return True

    async def _run(self, key: str, work: Callable[[], Awaitable[None]], lane: str, paced: bool) -> None:
        began, pause = time.monotonic(), 0.0
        try:
            await work()
        except NotYetError as reason:
            self.failures[key] += 1
            pause = min(_PAUSE_S * 2 ** (self.failures[key] - 1), 60.0)
            log.info("tried again later", job=key, why=str(reason), pause_s=pause)
        except Exception as problem:
            # A defect in one job must not stop the others; it is tried again, more and more rarely.
            self.failures[key] += 1
            pause = min(_PAUSE_S * 2 ** self.failures[key], 300.0)
            log.exception("job failed", job=key)
            if self.failures[key] == _TOLD_AFTER:
                await self._broken(key, problem)
        else:
            self.failures.pop(key, None)
            pause = 0.0 if paced else self._in_vain(key, began)
        finally:
            self._not_before[key] = time.monotonic() + pause
            self._running.pop(key, None)
            self._lanes.discard(lane)
            self._done()

    def _in_vain(self, key: str, began: float) -> float:
        """Seconds that a job pauses which succeeds over and over and is wanted again each time."""
        ended, streak = self._ended.get(key, (0.0, 0))
        streak = streak + 1 if began - ended < _IN_VAIN_S + self._pause_after(streak) else 0
        self._ended[key] = (time.monotonic(), streak)
        return self._pause_after(streak)

    def _pause_after(self, streak: int) -> float:
        return min(_PAUSE_S * 2.0 ** (streak - _IN_VAIN), 60.0) if streak >= _IN_VAIN else 0.0

    def _forget_old(self) -> None:
        long_ago = time.monotonic() - 600.0
        for known in [key for key, (ended, _) in self._ended.items() if ended < long_ago]:
            del self._ended[known]
        for known in [key for key, until in self._not_before.items() if until < long_ago]:
            del self._not_before[known]

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


async def in_own_thread(work: Callable[[], T]) -> T:
    """Run what may take half an hour in a thread of its own.

    The loop's pool has few threads, and a stop that waits for one is no stop. The thread is a daemon: it does not
    hold up the end of the process; what it waited for is looked for again at the next start.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, problem: BaseException | None) -> None:
        if done.done():
            return
        if problem is not None:
            done.set_exception(problem)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # None only where T is None

    def run() -> None:
        result: T | None = None
        problem: BaseException | None = None
        try:
            result = work()
        except BaseException as raised:  # handed to whoever waits
            problem = raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, problem)

    threading.Thread(target=run, name="long command", daemon=True).start()
    return await done
