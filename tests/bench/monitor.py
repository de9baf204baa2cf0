"""What a quiet tick costs at 50, 200 and 1,000 open pull requests of one repository, each answer of GitHub 250 ms away.

GitHub is the playground in a process of its own; its price for a query is GitHub's published formula.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median

from integrations.playground.place import Place
from integrations.playground.start import ensure_playground, stop_playground
from tests.bench import Figure
from tests.bench.quiet import Cost, Quiet, quiet_home, verifying
from tests.bench.thousand import open_pulls
from tests.integration.loop import Person

SIZES = (50, 200, 1000)
LATENCY_MS = 250
TICK_S = 60
_TICKS = 9


async def measure(directory: Path) -> list[Figure]:
    place = ensure_playground(directory / "playground")
    try:
        pulls = open_pulls(place, directory, verifying(max(SIZES)))
        costs = {}
        for size in SIZES:
            quiet = quiet_home(directory / f"home-{size}", place, dict(list(pulls.items())[:size]))
            try:
                costs[size] = await _costs(place, quiet)
            finally:
                quiet.close()
        return _figures(costs)
    finally:
        stop_playground(directory / "playground")


async def _costs(place: Place, quiet: Quiet) -> list[Cost]:
    await quiet.settle()
    github = Person(place)
    await github.page_call("POST", "/page/fault", {"service": "github", "spec": {"latency_ms": LATENCY_MS}})
    try:
        return [await quiet.tick() for _ in range(_TICKS)]
    finally:
        await github.page_call("POST", "/page/fault", {"service": "github", "spec": {"clear": True}})


def _figures(costs: dict[int, list[Cost]]) -> list[Figure]:
    least, most = SIZES[0], SIZES[-1]
    small, large = costs[least], costs[most]
    shape = f"{least} open pull requests in one repository, nothing changed"

    def wall(size: int) -> float:
        return median(one.wall_ms for one in costs[size])

    def cpu(ticks: list[Cost]) -> float:
        return median(one.cpu_ms for one in ticks)

    growth = (most - least) or 1
    hour = 3600 / TICK_S
    return [
        Figure("monitor.requests_50", max(one.report.requests for one in small), "1", _TICKS, shape),
        Figure("monitor.processes_50", max(one.processes for one in small), "1", _TICKS, "started by a tick"),
        Figure("monitor.rows_50", max(one.rows for one in small), "rows", _TICKS, "written: the heartbeat"),
        Figure("monitor.cpu_ms_50", round(cpu(small), 1), "ms", _TICKS, "of all threads, median"),
        *(
            Figure(f"monitor.wall_ms_{size}", round(wall(size)), "ms", _TICKS, f"GitHub answers after {LATENCY_MS} ms")
            for size in SIZES
        ),
        Figure("monitor.cpu_ms_1000", round(cpu(large), 1), "ms", _TICKS, "of all threads, median"),
        Figure(
            "monitor.points_per_hour_50",
            max(one.points for one in small) * hour,
            "points",
            _TICKS,
            f"a tick every {TICK_S} s; GitHub gives 5000",
        ),
        Figure("monitor.points_per_hour_1000", max(one.points for one in large) * hour, "points", _TICKS, "the same"),
        Figure(
            "monitor.cpu_ms_per_task",
            round((cpu(large) - cpu(small)) / growth, 3),
            "ms",
            _TICKS,
            f"growth of a tick from {least} to {most}",
        ),
        Figure("monitor.wall_ms_per_task", round((wall(most) - wall(least)) / growth, 2), "ms", _TICKS, "the same"),
        Figure(
            "monitor.requests_per_task",
            round((large[0].report.requests - small[0].report.requests) / growth, 4),
            "1",
            _TICKS,
            "the same",
        ),
        Figure("monitor.rows_per_task", (large[0].rows - small[0].rows) / growth, "rows", _TICKS, "the same"),
    ]
