"""A Waggle whose pull requests are all ready and quiet, so that a tick has nothing to do but look; and what that costs.

GitHub is the playground, wherever the caller runs it. The rows hold what the product's own looks would have put there;
then the product ticks until it has called every pull request ready.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlmodel import select

from integrations.github import PullLight, PullRef
from integrations.playground.place import Place
from scheduler.lifecycle import TaskState
from scheduler.monitor import Monitor, TickReport
from scheduler.policy import ReviewPolicy
from scheduler.registry import PullRequest, Registry, Task
from tests.bench.thousand import fill
from tests.integration.loop import Loop, compose, open_home, policy

_FIRST_ID = 1000
_SETTLE_S = 60.0  #: GitHub computes in the background whether what was just opened can be merged


def verifying(count: int) -> dict[int, TaskState]:
    """Task ids whose pull requests wait for their verdict."""
    return {_FIRST_ID + n: TaskState.VERIFYING for n in range(count)}


@dataclass(frozen=True)
class Cost:
    """What one tick took; rows, processes and requests are counted beside the product, not by it."""

    report: TickReport
    wall_ms: float
    cpu_ms: float
    rows: int
    processes: int
    points: int


class Quiet:
    """A supervised home whose ticks can be measured."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self._rows = 0
        event.listen(loop.registry.engine, "after_cursor_execute", self._count)

    @property
    def monitor(self) -> Monitor:
        return self.loop.supervisor.monitor

    async def tick(self) -> Cost:
        rows, points = self._rows, self._points()
        with _processes() as started:
            wall, cpu = time.perf_counter(), time.process_time()
            report = await self.monitor.tick(fetch=True)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        spent = points - self._points()
        return Cost(report, wall * 1000, cpu * 1000, self._rows - rows, len(started), spent)

    async def settle(self) -> None:
        """Tick until every task is ready, and once more."""
        deadline = time.monotonic() + _SETTLE_S
        while time.monotonic() < deadline:
            await self.monitor.tick(fetch=True)
            await self.monitor.jobs.settle(60)
            left = await self.loop.registry.read(
                lambda s: [one for one in s.exec(select(Task)).all() if one.state is not TaskState.READY]
            )
            if not left:
                break
        else:
            raise AssertionError(await self.loop.story(left[0].id or 0))
        await self.monitor.tick(fetch=True)
        await self.monitor.jobs.settle(60)

    def close(self) -> None:
        event.remove(self.loop.registry.engine, "after_cursor_execute", self._count)
        self.loop.registry.close()

    def _points(self) -> int:
        rate = self.loop.outside.github.rates().get("graphql")
        return rate.remaining if rate else 0

    def _count(self, _connection: Any, cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.lstrip()[:6].upper() in {"INSERT", "UPDATE", "DELETE"}:
            self._rows += max(cursor.rowcount, 1)


def quiet_home(home: Path, place: Place, pulls: dict[int, PullRef]) -> Quiet:
    """A home that watches these pull requests, not ticking yet."""
    registry = open_home(home)
    chosen = policy(reviews=ReviewPolicy(families=0))
    loop = compose(home, place, registry, chosen, tick_s=3600.0)
    fill(registry, verifying(len(pulls)), pulls)
    look_closely(registry, _known(loop, [one.node_id for one in pulls.values()]))
    return Quiet(loop)


def _known(loop: Loop, node_ids: list[str]) -> dict[str, PullLight]:
    """What a light look says once GitHub has computed what can be merged: later it would be a change to look into."""
    deadline = time.monotonic() + _SETTLE_S
    while time.monotonic() < deadline:
        seen = dict(loop.outside.github.light(node_ids).pulls)
        if all(one.mergeable != "unknown" for one in seen.values()):
            return seen
        time.sleep(0.1)
    raise AssertionError("GitHub still computes what can be merged")


def look_closely(registry: Registry, seen: Any) -> None:
    """What the close look at each pull request would have written, and git's diff."""

    def work(session: Any) -> None:
        for row in session.exec(select(PullRequest)).all():
            light: PullLight = seen[row.node_id]
            row.fingerprint, row.facts_head, row.observed_at = light.fingerprint, light.head_sha, datetime.now(UTC)
            row.base_sha, row.mergeable = light.base_sha, light.mergeable
            check = {"name": "tests", "state": "ok", "conclusion": "success", "required": True, "url": "", "job_id": 1}
            row.facts = {
                "checks": [check],
                "required": ["tests"],
                "complete": True,
                "threads": 0,
                "unresolved": [],
                "comments": [],
                "diff": {
                    "head": light.head_sha,
                    "base": light.base_sha,
                    "files": ["app/invoices.py"],
                    "lines": 12,
                    "secrets": [],
                    "ui_files": [],
                    "workflow_files": [],
                },
                "conflicts": [],
                # As where the credential may set none: thousands of writes would only change what is measured.
                "statuses": {"head": light.head_sha, "said": {}, "refused": True},
            }
            session.add(row)

    registry.write_now(work)


_watchers: list[Callable[[str], None]] = []
_watching = False


def _heard(name: str, _args: Any) -> None:
    if name in {"subprocess.Popen", "os.posix_spawn", "os.fork", "os.exec", "os.system"}:
        for watcher in _watchers:
            watcher(name)


@contextmanager
def _processes() -> Iterator[list[str]]:
    """Every process that this one starts meanwhile. An audit hook stays for good, so there is one for all."""
    global _watching
    if not _watching:
        sys.addaudithook(_heard)
        _watching = True
    started: list[str] = []
    _watchers.append(started.append)
    try:
        yield started
    finally:
        _watchers.remove(started.append)
