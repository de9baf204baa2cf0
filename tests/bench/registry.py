"""How fast the registry takes what waits: a state change, its event and its card, in one transaction each."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlmodel import SQLModel

from scheduler import commands
from scheduler.commands import Actor
from scheduler.policy import Policy
from scheduler.registry import Registry
from tests.bench.figure import Figure

_REQUESTS, _AT_ONCE = 400, 20


async def measure(home: Path) -> list[Figure]:
    """Requests from twenty writers at once, and from one writer that waits for each."""
    registry = Registry(f"sqlite:///{home / 'registry.db'}")
    SQLModel.metadata.create_all(registry.engine)
    now, policy, actor = datetime.now(UTC), Policy(), Actor("U0ANA")

    async def request(n: int) -> None:
        await registry.write(
            lambda s: commands.new_request(s, now, policy, actor, text=f"request {n}", source="cli", dedupe_key=str(n))
        )

    async def writer(first: int) -> None:
        for n in range(first, _REQUESTS, _AT_ONCE):
            await request(n)

    began = time.perf_counter()
    await asyncio.gather(*(writer(first) for first in range(_AT_ONCE)))
    together = _REQUESTS / (time.perf_counter() - began)
    commits = registry.commits
    began = time.perf_counter()
    for n in range(_REQUESTS, _REQUESTS + 50):
        await request(n)
    alone = 50 / (time.perf_counter() - began)
    registry.close()
    note = f"{_AT_ONCE} writers, {commits} commits for {_REQUESTS} requests; a request is 5 rows"
    return [
        Figure("registry.tx_per_s", together, "1/s", _REQUESTS, note),
        Figure("registry.tx_per_s_alone", alone, "1/s", 50, "one writer that waits for each commit (synchronous=FULL)"),
    ]
