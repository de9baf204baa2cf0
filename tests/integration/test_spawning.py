"""Many attempts started at once on one repository: all of them run, and nothing is left that belongs to none."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from integrations.git.command import GitCommand, Output
from scheduler.dispatch import Host
from scheduler.lifecycle import AttemptState
from scheduler.policy import Capacity
from tests.integration.spawning import MB, swarm, upstream

COUNT = 12
CAPACITY = Capacity(max_agents=COUNT, agent_memory_bytes=50 * MB, reserve_bytes=0)


async def test_attempts_started_at_once_all_run_and_cost_two_git_commands_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: Counter[str] = Counter()
    execute = GitCommand._execute

    def counted(self: GitCommand, args: list[str], *rest: object) -> Output:
        commands[args[0]] += 1
        return execute(self, args, *rest)  # type: ignore[arg-type]  # handed on as it came

    async with swarm(tmp_path, upstream(tmp_path, 40), CAPACITY, lambda: Host(available_bytes=4096 * MB)) as world:
        world.outside.repositories.ensure(world.outside.remotes("acme/site"))
        monkeypatch.setattr(GitCommand, "_execute", counted)
        await world.queue(COUNT)
        await world.supervisor.start()
        await world.until(lambda states: states == [AttemptState.RUNNING] * COUNT)
        assert len(world.alive()) == COUNT
        assert len(world.branches()) == COUNT
        assert len(world.outside.repositories.workspaces("acme/site")) == COUNT
    assert (commands["worktree"], commands["read-tree"]) == (COUNT, COUNT)
    others = sum(commands.values()) - 2 * COUNT
    assert others <= COUNT, f"fetches are shared, and what a branch's tip is can be read: {commands}"
