"""The emergency stop: everything stands still, through a restart too, and goes on from where it stood."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlmodel import Session, select

from scheduler import commands
from scheduler.commands import Actor
from scheduler.dispatch import Host
from scheduler.lifecycle import AttemptState, TaskState
from scheduler.policy import Capacity
from scheduler.registry import Attempt, Task
from scheduler.supervisor import Supervisor
from tests.integration.spawning import MB, Swarm, swarm, upstream

ANA = Actor("U0ANA", "ana")
COUNTING = ("sh", "-c", "n=0; while :; do n=$((n + 1)); echo $n; sleep 0.05; done")
CAPACITY = Capacity(max_agents=2, agent_memory_bytes=50 * MB, reserve_bytes=0)


async def act(world: Swarm, command: object) -> bool:
    now, policy = datetime.now(UTC), world.outside.policy()
    reply = await world.registry.write(lambda s: command(s, now, policy, ANA))  # type: ignore[operator]  # one of two
    return bool(reply.ok)


async def test_estop_freezes_all_starts_none_survives_a_restart_and_thaw_goes_on(tmp_path: Path) -> None:
    remote = upstream(tmp_path, 5)
    async with swarm(tmp_path, remote, CAPACITY, lambda: Host(available_bytes=4096 * MB), COUNTING) as world:
        engine = world.outside.engine
        await world.queue(2)
        await world.supervisor.start()
        await world.until(lambda states: states == [AttemptState.RUNNING] * 2)
        assert await act(world, commands.estop)
        await world.until(lambda _: all(one.frozen for one in engine.list()))
        assert not await act(world, commands.estop), "it is in force already"
        await world.registry.write(_aged)

        await world.supervisor.stop()
        world.supervisor = Supervisor(world.outside, tick_s=3600.0)
        await world.supervisor.start()
        await world.supervisor.tick()
        sizes = {one.name: one.event_bytes for one in engine.list()}
        await world.supervisor.tick()
        assert {one.name: one.event_bytes for one in engine.list()} == sizes
        assert await world.states() == [AttemptState.RUNNING] * 2, "what stands still is not idle"

        assert await act(world, commands.thaw)
        await world.until(lambda _: all(one.event_bytes > sizes[one.name] for one in engine.list()))
        assert not await act(world, commands.thaw)
        assert await world.states() == [AttemptState.RUNNING] * 2
        for name in sizes:
            numbers = [int(line) for line in engine.read_events(name, 0).lines]
            assert numbers == list(range(1, len(numbers) + 1)), "it went on with what it knew"


def _aged(session: Session) -> None:
    """As if they had started long ago: without the frost they would count as silent."""
    for attempt in session.exec(select(Attempt)).all():
        attempt.started_at = datetime.now(UTC) - timedelta(days=1)
        session.add(attempt)


async def test_nothing_starts_during_an_emergency_stop_and_deadlines_wait(tmp_path: Path) -> None:
    remote = upstream(tmp_path, 5)
    async with swarm(tmp_path, remote, CAPACITY, lambda: Host(available_bytes=4096 * MB), COUNTING) as world:
        assert await act(world, commands.estop)
        await world.queue(1)
        report = await world.supervisor.tick()
        assert not [what for what in report.did if what.startswith("admitted")]
        (task,) = await world.registry.read(lambda s: s.exec(select(Task)).all())
        assert task.state is TaskState.QUEUED
        assert await act(world, commands.thaw)
        report = await world.supervisor.tick()
        assert "admitted t-1-a1" in report.did
