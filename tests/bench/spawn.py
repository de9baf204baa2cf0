"""What starting fifty attempts at once on one repository costs, beside fifty bare `git worktree add` in one run."""

from __future__ import annotations

import time
from pathlib import Path

from scheduler.dispatch import Host
from scheduler.lifecycle import AttemptState
from scheduler.policy import Capacity
from tests.bench import Figure
from tests.integration.git_world import git
from tests.integration.spawning import MB, swarm, upstream

_ATTEMPTS, _FILES = 50, 500
_CAPACITY = Capacity(max_agents=_ATTEMPTS, agent_memory_bytes=50 * MB, reserve_bytes=0, stagger_s=0.0)


async def measure(directory: Path) -> list[Figure]:
    remote = upstream(directory, _FILES)
    # Half of them before and half after: a machine that is slower by then is blamed on neither.
    bare_s = _bare(directory, remote, range(_ATTEMPTS // 2))
    async with swarm(directory, remote, _CAPACITY, lambda: Host(available_bytes=8192 * MB)) as world:
        # The first clone of a repository is no part of a start.
        world.outside.repositories.ensure(world.outside.remotes("acme/site"))
        await world.queue(_ATTEMPTS)
        began = time.monotonic()
        await world.supervisor.start()
        await world.until(lambda states: len(states) == _ATTEMPTS and not set(states) & _UNDER_WAY)
        wall_s = time.monotonic() - began
        running = (await world.states()).count(AttemptState.RUNNING)
        orphans = len(world.branches()) - running
        alive = len(world.alive())
    bare_s += _bare(directory, remote, range(_ATTEMPTS // 2, _ATTEMPTS))
    return [
        Figure("spawn.failures_50", _ATTEMPTS - min(running, alive) + orphans, "", _ATTEMPTS, "and orphan branches"),
        Figure(
            "spawn.overhead_ms",
            round((wall_s - bare_s) / _ATTEMPTS * 1000, 1),
            "ms",
            _ATTEMPTS,
            f"for each start; all took {wall_s:.1f} s, bare worktrees of {_FILES} files {bare_s:.1f} s",
        ),
    ]


_UNDER_WAY = {AttemptState.INTENDED, AttemptState.PREPARING, AttemptState.STARTING}


def _bare(directory: Path, remote: Path, numbers: range) -> float:
    """Seconds for so many worktrees as git makes them alone, one after the other."""
    began = time.monotonic()
    for n in numbers:
        git("worktree", "add", "--quiet", "-b", f"bare-{n}", str(directory / "bare" / str(n)), "main", cwd=remote)
    return time.monotonic() - began
