"""How many small writes the registry takes in a second, each on disk before its writer goes on."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

from scheduler.registry import Registry
from scheduler.registry.migrate import migrate
from scheduler.registry.writers import record
from tests.bench import Figure

SECONDS = 4.0
WRITERS = 16


async def measure(directory: Path) -> list[Figure]:
    url = f"sqlite:///{directory / 'registry.db'}"
    migrate(url, directory / "copies", datetime.now(UTC))
    registry = Registry(url)
    try:
        alone = await _writes(registry, 1)
        commits = registry.commits
        together = await _writes(registry, WRITERS)
        grouped = together * SECONDS / max(registry.commits - commits, 1)
    finally:
        registry.close()
    return [
        Figure("registry.tx_per_s", round(together), "1/s", round(together * SECONDS), f"{WRITERS} writers at once"),
        Figure("registry.tx_per_s_alone", round(alone), "1/s", round(alone * SECONDS), "one writer"),
        Figure("registry.group", round(grouped, 1), "writes", round(together * SECONDS), "writes in one commit"),
    ]


async def _writes(registry: Registry, writers: int) -> float:
    end = time.monotonic() + SECONDS

    async def write() -> int:
        done = 0
        while time.monotonic() < end:
            await registry.write(lambda session: record(session, datetime.now(UTC), what="measured"))
            done += 1
        return done

    return sum(await asyncio.gather(*(write() for _ in range(writers)))) / SECONDS
