"""A whole life behind walls without a network: agent, install and verify command see what they need and no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations.engines.isolation import Isolation, Level, Network
from integrations.engines.walls import bubblewrap_problem
from scheduler.lifecycle import TaskState
from scheduler.policy import RepositoryPolicy
from tests.integration.loop import SLUG, policy, running

PROBLEM = bubblewrap_problem()
pytestmark = pytest.mark.skipif(PROBLEM is not None, reason=str(PROBLEM))

PROOF = "ls / {home} {home}/mirrors > $HOME/{what} 2>&1; env >> $HOME/{what}; cat /proc/1/environ >> $HOME/{what}"
CACHED = "; echo {what} > $UV_CACHE_DIR/{what}"


async def test_a_life_behind_walls_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-planted")
    home = tmp_path / "home"
    commands = home / "commands"
    commands.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(commands))
    repository = RepositoryPolicy(
        SLUG,
        playground=True,
        has_ci=False,
        install=(PROOF + CACHED).format(home=home, what="install"),
        verify=(PROOF + CACHED).format(home=home, what="verify") + "; python3 -m unittest -q",
    )
    walls = policy(repositories=(repository,), isolation=Isolation(Level.BUBBLEWRAP, Network.OFF))
    async with running(tmp_path, walls) as loop:
        task_id = await loop.approved("customers want CSV export of invoices")
        await loop.until(task_id, TaskState.READY)
    for what in ("install", "verify"):
        seen = (commands / what).read_text()
        assert "xoxb-planted" not in seen
        assert "registry.db" not in seen and "git-home" not in seen
        assert "WAGGLE_RUN=t-1-a1" in seen
        assert (home / "caches" / "acme__ledgerline" / "uv" / what).read_text() == f"{what}\n", "it outlives the walls"
