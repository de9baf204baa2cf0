"""What a tick costs when nothing has changed: few requests, one row, no process."""

from __future__ import annotations

from pathlib import Path

from tests.bench.quiet import quiet_home, verifying
from tests.bench.thousand import open_pulls
from tests.integration.github_world import playground


async def test_a_quiet_tick_asks_once_writes_its_heartbeat_and_starts_nothing(tmp_path: Path) -> None:
    with playground(tmp_path) as github:
        github.act(lambda world: world.seeding.sample())
        pulls = open_pulls(github.place, tmp_path, verifying(12))
        quiet = quiet_home(tmp_path / "waggle", github.place, pulls)
        try:
            await quiet.settle()
            before = len(github.calls())
            cost = await quiet.tick()
            asked = github.calls()[before:]
        finally:
            quiet.close()
    assert cost.report.seen == 12
    assert [one["operation"] for one in asked] == ["WaggleLight"]
    assert (cost.rows, cost.processes, cost.points) == (1, 0, 1)
    said = cost.report
    assert (said.requests, said.rows_written, said.processes, said.tokens, said.did) == (1, 1, 0, 0, [])


async def test_a_hundred_and_one_pull_requests_take_two_requests(tmp_path: Path) -> None:
    with playground(tmp_path) as github:
        github.act(lambda world: world.seeding.sample())
        (pull,) = open_pulls(github.place, tmp_path, verifying(1)).values()
        seen = github.client().light([pull.node_id, *(f"PR_nobody{n}" for n in range(100))])
    assert (seen.requests, len(seen.pulls), len(seen.gone)) == (2, 1, 100)
