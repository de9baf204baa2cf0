"""What an agent is expected to take: what was measured in its repository, seen by admission and by people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.slack.views.status import tasks as task_list
from integrations.engines import RunExit, RunState, RunView
from integrations.engines.isolation import Isolation
from integrations.engines.machine import free_memory
from scheduler.admission import Admission
from scheduler.dispatch import Host
from scheduler.finishing import Finisher
from scheduler.footprints import footprints
from scheduler.lifecycle import AttemptState, TaskState
from scheduler.policy import Capacity, Policy
from scheduler.registry import Attempt, Registry, Task
from tests.conftest import Clock
from tests.unit.supervised import SLUG, Stand

GB = 2**30
PRIOR = Policy(capacity=Capacity(agent_memory_bytes=3 * GB), isolation=Isolation(memory_bytes=6 * GB))


@pytest.fixture
def stand(registry: Registry, clock: Clock) -> Stand:
    return Stand(registry, clock)


def expected(stand: Stand, *ended: tuple[str, float], repo: str = SLUG) -> float:
    """GB expected, after attempts that ended so with such a peak, the oldest first."""
    task = stand.task_in(TaskState.VERIFYING, pull=False)

    def work(session: object) -> None:
        for n, (outcome, peak) in enumerate(ended, start=2):
            attempt = Attempt(
                task_id=task.id or 0, n=n, name=f"t-{task.id}-a{n}", state=AttemptState.ENDED, agent="agent",
                prompt="x", outcome=outcome, peak_bytes=int(peak * GB), created_at=stand.clock(),
            )  # fmt: skip
            session.add(attempt)  # type: ignore[attr-defined]  # a session

    stand.change(work)
    said = stand.registry.read_now(lambda s: footprints(s, PRIOR, [repo]))
    return round(said[repo] / GB, 2)


@pytest.mark.parametrize(
    ("ended", "gb"),
    [
        ([], 3.0),
        ([("done", 1.0)], 1.2),
        ([("done", 1.0), ("no-change", 2.0), ("done", 0.5)], 2.4),
        ([("auth", 0.1)], 3.0),
        ([("done", 0.01)], 0.25),
        ([("memory", 6.0)], 6.0),
        ([("done", 5.0), *[("done", 1.0)] * 10], 1.2),
    ],
)
def test_the_largest_of_the_last_measured_peaks_with_a_margin(
    stand: Stand, ended: list[tuple[str, float]], gb: float
) -> None:
    assert expected(stand, *ended) == gb


def test_what_another_repository_takes_says_nothing(stand: Stand) -> None:
    assert expected(stand, ("done", 1.0), repo="acme/other") == 3.0


async def test_a_measured_peak_is_kept_and_decides_who_starts_next(stand: Stand) -> None:
    """Five queued tasks on 8 GB: by the guess of 3 GB two would start, by the measured 1 GB more do."""
    stand.policy = replace(stand.policy, capacity=replace(PRIOR.capacity, max_agents=9, reserve_bytes=0))
    stand.outside = replace(stand.outside, host=lambda: Host(8 * GB))
    first = stand.task_in(TaskState.RUNNING, pull=False)

    def running(session: object) -> None:
        attempt = session.get(Attempt, 1)  # type: ignore[attr-defined]  # a session
        attempt.state, attempt.outcome = AttemptState.RUNNING, ""
        session.add(attempt)  # type: ignore[attr-defined]  # a session

    stand.change(running)
    stand.engine.views["t-1-a1"] = RunView(
        "t-1-a1", RunState.ENDED, exit=RunExit(0, "exited", 0.0, peak_rss_bytes=int(1.5 * GB))
    )
    await Finisher(stand.outside).finish(1)
    assert stand.rows(Attempt)[0].peak_bytes == int(1.5 * GB)

    for _ in range(5):
        stand.task_in(TaskState.QUEUED, pull=False, next_prompt="do it", routes=[{"agent": "agent"}])
    assert len(await Admission(stand.outside).admit()) == 4
    waits = stand.rows(Task)[-1].waits_for
    assert waits == "waits for memory: it may need 1.8 GB, and 0.8 GB is free beside what runs (place 5 in the queue)"
    shown = task_list(stand.rows(Task), [], 6, "/waggle")
    assert waits in str(shown.blocks)
    assert first.id == 1


async def test_what_agents_hold_already_is_not_counted_twice(stand: Stand) -> None:
    stand.policy = replace(stand.policy, capacity=replace(PRIOR.capacity, max_agents=9, reserve_bytes=0))
    stand.outside = replace(stand.outside, host=lambda: Host(4 * GB))  # of 7 GB, 3 of which are taken
    stand.task_in(TaskState.RUNNING, pull=False)

    def running(session: object) -> None:
        attempt = session.get(Attempt, 1)  # type: ignore[attr-defined]  # a session
        attempt.state = AttemptState.RUNNING
        session.add(attempt)  # type: ignore[attr-defined]  # a session

    stand.change(running)
    stand.task_in(TaskState.QUEUED, pull=False, next_prompt="do it", routes=[{"agent": "agent"}])
    stand.engine.views["t-1-a1"] = RunView("t-1-a1", RunState.RUNNING, rss_bytes=0)
    assert await Admission(stand.outside).admit() == []
    stand.engine.failing = True
    assert await Admission(stand.outside).admit() == [], "a look that fails says nothing"
    stand.engine.failing = False
    stand.engine.views["t-1-a1"] = RunView("t-1-a1", RunState.RUNNING, rss_bytes=3 * GB)
    assert await Admission(stand.outside).admit() == ["t-2-a2"]


@pytest.mark.parametrize(
    ("own", "files", "left"),
    [
        ("0::/app/waggle\n", {"app/memory.max": "3000", "app/memory.current": "1000"}, 2000),
        ("0::/\n", {"memory.max": "3000", "memory.current": "2900", "memory.stat": "inactive_file 400\n"}, 500),
        (
            "8:pids:/\n4:memory:/job\n0::/\n",
            {"memory/job/memory.limit_in_bytes": "3000", "memory/job/memory.usage_in_bytes": "4000"},
            0,
        ),
    ],
)
def test_in_a_container_its_limit_counts(tmp_path: Path, own: str, files: dict[str, str], left: int) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "own").write_text(own)
    assert free_memory(tmp_path, tmp_path / "own") == left


def test_without_a_limit_the_whole_machine_counts(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("max")
    (tmp_path / "own").write_text("0::/\n")
    assert free_memory(tmp_path, tmp_path / "own") > 2**20
