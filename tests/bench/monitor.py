"""What a restart with a thousand tasks costs until the first correct tick, and whether ticks make the process grow."""

from __future__ import annotations

import gc
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil
from sqlmodel import Session, select

from scheduler.lifecycle import AttemptState, PullState, TaskState
from scheduler.registry import Attempt, PullRequest, Registry, Request, Task
from scheduler.registry.database import Registry as Database
from tests.bench.figure import Figure
from tests.integration.loop import running

_TASKS, _TICKS, _ROUNDS = 1000, 1000, 3


def fill(registry: Database, count: int) -> None:
    """Tasks in every state, with the attempts and pull requests that belong to them."""
    now = datetime.now(UTC)
    states = list(TaskState)

    def work(session: Session) -> None:
        for n in range(1, count + 1):
            state = states[n % len(states)]
            session.add(Request(id=n, dedupe_key=str(n), text="x", requester="U0ANA", source="cli", created_at=now))
            session.flush()
            session.add(
                Task(
                    id=n,
                    request_id=n,
                    state=state,
                    paused_from=TaskState.QUEUED if state is TaskState.PAUSED else None,
                    title=f"task {n}",
                    repo="acme/ledgerline",
                    branch=f"waggle/t-{n}",
                    created_at=now,
                    updated_at=now,
                    cleaned_at=now,
                )
            )
            session.flush()
            if state in {TaskState.VERIFYING, TaskState.READY, TaskState.NEEDS_HELP, TaskState.DIAGNOSING}:
                session.add(
                    Attempt(
                        task_id=n,
                        n=1,
                        name=f"t-{n}-a1",
                        state=AttemptState.ENDED,
                        agent="scripted",
                        prompt="x",
                        outcome="done",
                        published=True,
                        created_at=now,
                    )
                )
                session.add(
                    PullRequest(
                        task_id=n,
                        repo="acme/ledgerline",
                        number=n,
                        node_id=f"PR_{n}",
                        url="",
                        branch=f"waggle/t-{n}",
                        state=PullState.OPEN,
                        head_sha="a" * 40,
                        head_since=now,
                        created_at=now,
                    )
                )

    registry.write_now(work)


async def measure_recovery(home: Path) -> list[Figure]:
    """From opening the registry to the end of the first tick over rows alone."""
    async with running(home, tick_s=3600.0) as loop:
        fill(loop.registry, _TASKS)
        path = loop.registry.path
        took = []
        for _ in range(_ROUNDS):
            began = time.perf_counter()
            opened = Registry(f"sqlite:///{path}")
            report = await loop.supervisor.monitor.tick(fetch=False)
            took.append((time.perf_counter() - began) * 1000)
            assert report is not None
            assert len(opened.read_now(lambda s: s.exec(select(Task)).all())) == _TASKS
            opened.close()
    return [
        Figure("recovery.ms_1000", sorted(took)[_ROUNDS // 2], "ms", _ROUNDS, "1,000 tasks in every state, first tick")
    ]


async def measure_growth(home: Path) -> list[Figure]:
    """Resident memory after a thousand quiet ticks against after the first hundred."""
    async with running(home, tick_s=3600.0) as loop:
        fill(loop.registry, 50)
        process = psutil.Process()
        for _ in range(100):
            await loop.supervisor.monitor.tick(fetch=False)
        gc.collect()
        before = process.memory_info().rss
        written = loop.registry.commits
        cpu = process.cpu_times().user + process.cpu_times().system
        for _ in range(_TICKS):
            await loop.supervisor.monitor.tick(fetch=False)
        cpu = process.cpu_times().user + process.cpu_times().system - cpu
        gc.collect()
        after = process.memory_info().rss
        written = loop.registry.commits - written
    growth = (after - before) / before * 100
    note = f"{before / 2**20:.0f} MB to {after / 2**20:.0f} MB; {written} commits"
    return [
        Figure("rss.growth_pct_1000_ticks", growth, "%", _TICKS, note),
        Figure("tick.cpu_ms_50", cpu / _TICKS * 1000, "ms", _TICKS, "a quiet tick over 50 tasks, without GitHub"),
    ]
