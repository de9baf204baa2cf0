"""Whether a thousand quiet ticks make the process grow."""

from __future__ import annotations

import gc
from pathlib import Path

import psutil

from tests.bench import Figure
from tests.bench.thousand import fill, open_pulls, states
from tests.integration.loop import running

_TASKS, _TICKS, _WARM = 50, 1000, 100


async def measure(home: Path) -> list[Figure]:
    """Resident memory after a thousand quiet ticks against after the first hundred."""
    async with running(home, tick_s=3600.0) as loop:
        tasks = states(_TASKS)
        fill(loop.registry, tasks, open_pulls(loop.place, home, tasks))
        monitor, process = loop.supervisor.monitor, psutil.Process()
        for _ in range(_WARM):
            await monitor.tick(fetch=True)
        await monitor.jobs.settle(60)
        gc.collect()
        before = process.memory_info().rss
        for _ in range(_TICKS):
            await monitor.tick(fetch=True)
        gc.collect()
        after = process.memory_info().rss
    growth = (after - before) / before * 100
    note = f"{before / 2**20:.0f} MB to {after / 2**20:.0f} MB, {_TASKS} tasks, each tick asks GitHub"
    return [Figure("rss.growth_pct_1000_ticks", round(growth, 2), "%", _TICKS, note)]
