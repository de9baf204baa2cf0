"""Whether a thousand quiet ticks make the process grow. GitHub is the playground in a process of its own."""

from __future__ import annotations

import gc
from pathlib import Path

import psutil

from integrations.playground.start import ensure_playground, stop_playground
from tests.bench import Figure
from tests.bench.quiet import Quiet, quiet_home, verifying
from tests.bench.thousand import open_pulls

_TASKS, _TICKS, _WARM = 50, 1000, 100


async def measure(directory: Path) -> list[Figure]:
    """Resident memory after a thousand quiet ticks against after the first hundred."""
    place = ensure_playground(directory / "playground")
    try:
        quiet = quiet_home(directory / "home", place, open_pulls(place, directory, verifying(_TASKS)))
        try:
            await quiet.settle()
            before = await _resident(quiet, _WARM)
            after = await _resident(quiet, _TICKS)
        finally:
            quiet.close()
    finally:
        stop_playground(directory / "playground")
    growth = (after - before) / before * 100
    note = f"{before / 2**20:.0f} MB to {after / 2**20:.0f} MB, {_TASKS} open pull requests, each tick asks GitHub"
    return [Figure("rss.growth_pct_1000_ticks", round(growth, 2), "%", _TICKS, note)]


async def _resident(quiet: Quiet, ticks: int) -> int:
    """Bytes after so many ticks more."""
    for _ in range(ticks):
        report = await quiet.monitor.tick(fetch=True)
        assert report.requests and report.seen == _TASKS, report
    await quiet.monitor.jobs.settle(60)
    gc.collect()
    return psutil.Process().memory_info().rss
