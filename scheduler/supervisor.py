"""The supervisor as a running thing: what runs when, and how it is woken. Who leads is settled in `leadership.py`.

APScheduler (3.x, memory job store) owns the rhythm: the tick, the error scan and the sweep of the outbox. Rows that
want action ring a bell, so that a stop reaches its process within moments; the rhythm is only the safety net. A row
written by another process rings it too: SQLite's data version is watched for that.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from scheduler.discovery.scan import ErrorScan
from scheduler.monitor import Monitor, TickReport
from scheduler.outside import Outside
from scheduler.registry import Topic

log = structlog.get_logger(__name__)

_LOOK_S = 2.0  #: how often to look at agents, whose end should not wait for a tick that asks GitHub
_FOREIGN_S = 0.3  #: how often to look whether another process wrote rows
_DRAIN_S = 5.0
_NUDGED_S = 5.0  #: between two looks at GitHub that somebody nudged for, so that a busy repository spends no quota


class Supervisor:
    """Runs the monitor at its rhythm and whenever a row wants it.

    Parameters:
        tick_s: seconds between two ticks that ask GitHub.
    """

    def __init__(self, out: Outside, *, tick_s: float) -> None:
        self._out = out
        self._tick_s = tick_s
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._loops: list[asyncio.Task[None]] = []
        self._caught_up = asyncio.Event()
        self._nudged = asyncio.Event()
        self._error_scan = ErrorScan(out)
        self._scan_s = out.policy().errors.every_s
        self.monitor = Monitor(out, lambda: out.registry.ring([Topic.SUPERVISOR]))

    async def start(self) -> None:
        """Start ticking. Returns at once; the first tick is on its way."""
        options = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        soon = datetime.now(UTC)
        self._scheduler.add_job(self.tick, "interval", seconds=self._tick_s, next_run_time=soon, id="tick", **options)
        self._scheduler.add_job(self._look, "interval", seconds=min(self._tick_s, _LOOK_S), id="look", **options)
        self._scheduler.add_job(self._sweep, "interval", seconds=max(self._tick_s, 5.0), id="outbox sweep", **options)
        if self._out.tracker is not None:
            self._scheduler.add_job(self._scan, "interval", seconds=self._scan_s, id="error scan", **options)
            self._scheduler.modify_job("error scan", next_run_time=datetime.now(UTC))
        self._scheduler.start()
        self._loops = [
            asyncio.create_task(self._follow(), name="supervisor wake"),
            asyncio.create_task(self._notice_others(), name="supervisor foreign writes"),
            asyncio.create_task(self._follow_nudges(), name="supervisor nudges"),
        ]
        self._out.registry.ring([Topic.SUPERVISOR])

    async def stop(self) -> None:
        """Stop ticking and let work in progress come to an end; what is cut short is taken up at the next start."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        if self._scheduler.running:
            self._scheduler.pause()
            # A tick that is cut short does no harm, but APScheduler reports it as a failed job.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.monitor.idle(), _DRAIN_S)
            self._scheduler.shutdown(wait=False)
        await self.monitor.jobs.settle(_DRAIN_S)

    async def caught_up(self, limit_s: float) -> None:
        """Return after the first full tick since the start, or after `limit_s` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._caught_up.wait()

    async def tick(self) -> TickReport:
        """One full tick, at once."""
        try:
            return await self.monitor.tick(fetch=True)
        finally:
            self._caught_up.set()

    def nudge(self) -> None:
        """Something may have happened at GitHub: look at it now, not at the next tick. Many nudges are one look."""
        self._nudged.set()

    async def _follow_nudges(self) -> None:
        while True:
            await self._nudged.wait()
            self._nudged.clear()
            try:
                await self.tick()
            except Exception:
                # The rhythm looks anyway; the next nudge must find somebody.
                log.exception("tick failed")
            await asyncio.sleep(_NUDGED_S)

    async def _follow(self) -> None:
        bell = self._out.registry.bell(Topic.SUPERVISOR)
        while True:
            await bell.wait()
            bell.clear()
            try:
                await self.monitor.tick(fetch=False)
            except Exception:
                # The next ring or the rhythm tries again; a supervisor that stops silently would be worse.
                log.exception("tick failed")

    async def _look(self) -> None:
        """Between two ticks: agents are looked at and rows followed, and nobody outside is asked."""
        self._keep_rhythm()
        await self.monitor.tick(fetch=False)

    async def _scan(self) -> None:
        """Look for errors that deserve a task."""
        try:
            await self._error_scan.look()
        except Exception:
            # The next look tries again; a scan that is defective stops nothing else.
            log.exception("the error scan failed")

    def _keep_rhythm(self) -> None:
        """What waggle.toml says about the rhythm counts from when it was read again."""
        wanted = self._out.policy().errors.every_s
        if self._out.tracker is not None and wanted != self._scan_s:
            self._scan_s = wanted
            self._scheduler.reschedule_job("error scan", trigger="interval", seconds=wanted)

    async def _sweep(self) -> None:
        self._out.registry.ring(list(Topic))

    async def _notice_others(self) -> None:
        known = await asyncio.to_thread(self._out.registry.foreign_version)
        while True:
            await asyncio.sleep(_FOREIGN_S)
            version = await asyncio.to_thread(self._out.registry.foreign_version)
            if version != known:
                known = version
                self._out.registry.ring(list(Topic))
