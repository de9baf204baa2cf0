"""A writer that nobody waits for any more must not take the registry with it."""

from __future__ import annotations

import asyncio
import contextlib
import threading

from sqlmodel import Session, select

from scheduler.registry import Fact, Registry
from scheduler.registry.writers import remember
from tests.conftest import Clock


async def test_a_cancelled_write_leaves_the_registry_working(registry: Registry, clock: Clock) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(session: Session) -> None:
        begun.set()
        assert go_on.wait(10)
        remember(session, clock(), "slow", {})

    running = asyncio.create_task(registry.write(slow))
    await asyncio.to_thread(begun.wait, 10)
    waiting = asyncio.create_task(registry.write(lambda s: remember(s, clock(), "waiting", {})))
    await asyncio.sleep(0)
    for task in (running, waiting):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    go_on.set()
    await asyncio.wait_for(registry.write(lambda s: remember(s, clock(), "later", {})), 10)
    keys = registry.read_now(lambda s: sorted(s.exec(select(Fact.key)).all()))
    assert keys == ["later", "slow"]
