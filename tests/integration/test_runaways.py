"""Runaways with real processes, held by control groups and by the watchdog alone: each is stopped, whole and alone."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import Session, select

from bot.slack.shown import task_facts
from bot.slack.views.card import card
from integrations.engines import RunState, RunView, local
from integrations.engines.processes import is_zombie
from integrations.engines.watchdog import LOOK_S
from scheduler.dispatch import Host
from scheduler.lifecycle import AttemptState, TaskState
from scheduler.policy import Capacity
from scheduler.registry import Attempt, Task
from tests.integration.engine_world import World, until
from tests.integration.spawning import swarm, upstream

MB = 2**20
LIMIT = 100 * MB
RATE = 200 * MB  #: of the allocator, in bytes a second: fast for its limit, and harmless for the machine

#: takes memory, never faster than that, and never gives it back; gives up by itself far above its limit
ALLOCATOR = f"""
import time
held = []
while len(held) < 400:
    held.append(b"x" * 2**20)
    time.sleep(2**20 / {RATE})
"""
BOMB = "import os\nwhile True:\n  if os.fork() == 0: os.setsid(); os.execlp('sleep', 'sleep', '1000')\n"
CHILDREN = """
import subprocess, time
for _ in range(361):
    subprocess.Popen(["sleep", "1000"], start_new_session=True)
print("all up", flush=True)
time.sleep(1000)
"""
#: the runner as it is where no control group can be made
UNBOUNDED = """
import sys
sys.path.insert(0, {engines!r})
import bounds, runner
bounds.make = lambda *given: bounds.Bounds("watchdog", {{}})
runner.main(sys.argv[1], int(sys.argv[2]))
"""


@pytest.fixture(params=["cgroup", "watchdog"])
def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    if request.param == "watchdog":
        wrapped = tmp_path / "unbounded.py"
        wrapped.write_text(UNBOUNDED.format(engines=str(Path(local.__file__).parent)))
        monkeypatch.setattr(local, "_RUNNER", wrapped)
    made = World(tmp_path)
    made.engine.start(made.spec("t-9-a1", "echo up; exec sleep 1000"))
    try:
        made.until_said("t-9-a1", "up")
        if not made.engine.find("t-9-a1").bounds.startswith(request.param):
            pytest.skip("no control group can be made here")
        yield made
        assert made.engine.find("t-9-a1").state is RunState.RUNNING, "the others go on"
        assert len(made.alive("t-9-a1")) == 1
    finally:
        made.close()


def stopped(world: World, why: str) -> RunView:
    """The end of the runaway, which left nobody."""
    view = world.until_over("t-1-a1")
    assert view.exit is not None
    assert view.exit.why == why
    assert world.alive("t-1-a1") == []
    until(lambda: is_zombie(world.runner("t-1-a1")))
    return view


def test_a_fast_allocator_passes_its_limit_by_no_more_than_was_promised(world: World) -> None:
    world.engine.start(world.python("t-1-a1", ALLOCATOR, max_rss_bytes=LIMIT))
    view = stopped(world, "memory")
    allowed = 1.1 * LIMIT if view.bounds.startswith("cgroup") else LIMIT + RATE * 2 * LOOK_S
    assert view.exit is not None
    assert 0.9 * LIMIT < view.exit.peak_rss_bytes <= allowed


def test_a_bomb_of_sleepers_is_killed_whole(world: World) -> None:
    world.engine.start(world.python("t-1-a1", BOMB, max_processes=50))
    stopped(world, "processes")


def test_361_children_are_too_many(world: World) -> None:
    world.engine.start(world.python("t-1-a1", CHILDREN))
    stopped(world, "processes")


def test_endless_output_is_cut(world: World) -> None:
    world.engine.start(world.spec("t-1-a1", "yes", max_output_bytes=5 * MB))
    view = stopped(world, "output")
    assert view.event_bytes <= 5 * MB + 1  # the cut line gets an end
    assert view.exit is not None and view.exit.rc == -signal.SIGKILL


def test_forks_that_share_their_memory_are_no_runaway(world: World) -> None:
    """Twelve processes see the same 30 MB: together they hold little more than that, and not 400."""
    shares = (
        "import os, time\nheld = bytearray(30 << 20)\n"
        "for _ in range(12):\n  if os.fork() == 0: time.sleep(1000)\nprint('up', flush=True)\ntime.sleep(1000)"
    )
    world.engine.start(world.python("t-1-a1", shares, max_rss_bytes=200 * MB))
    world.until_said("t-1-a1", "up")
    until(lambda: (world.engine.find("t-1-a1").processes or 0) == 13)
    view = world.engine.find("t-1-a1")
    assert view.state is RunState.RUNNING
    assert 30 * MB < (view.rss_bytes or 0) < 150 * MB


#: T-1 leaves too many processes behind, everybody else works
ONE_RUNAWAY = """
read verb n
[ "$n" = 1 ] || { echo up; exec sleep 1000; }
i=0; while [ $i -lt 361 ]; do sleep 1000 & i=$((i + 1)); done; wait
"""


async def test_the_card_names_what_the_runaway_did_and_the_others_go_on(tmp_path: Path) -> None:
    capacity = Capacity(max_agents=2, agent_memory_bytes=50 * MB, reserve_bytes=0)
    host, agent = Host(available_bytes=4096 * MB), ("bash", "-c", ONE_RUNAWAY)
    async with swarm(tmp_path, upstream(tmp_path, 5), capacity, lambda: host, agent) as world:
        await world.queue(2)
        await world.supervisor.start()
        await world.until(lambda states: states == [AttemptState.ENDED, AttemptState.RUNNING])

        def shown(session: Session) -> tuple[TaskState, str, str]:
            task = session.get(Task, 1)
            assert task is not None
            attempt = session.exec(select(Attempt).where(Attempt.task_id == 1)).one()
            message = card(task_facts(session, world.outside.policy(), (), task))
            return task.state, attempt.outcome, json.dumps(message.blocks)

        state, outcome, text = await world.registry.read(shown)
        assert (state, outcome) == (TaskState.DIAGNOSING, "processes")
        assert "It started more processes than a run may, and was stopped" in text
        assert world.alive() == ["t-2-a1"]
