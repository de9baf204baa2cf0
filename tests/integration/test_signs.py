"""What shows that a real agent lives: read from its processes, its log and its worktree, kept in its row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from integrations.engines.isolation import Level
from scheduler.policy import AttemptTimes
from scheduler.registry import Attempt
from tests.integration.loop import policy, running


async def test_an_agent_at_work_shows_four_facts_each_with_its_age(tmp_path: Path) -> None:
    async with running(tmp_path, policy(times=AttemptTimes(worktree_s=0.3))) as loop:
        loop.behave("CSV", "hang:3000")
        task_id = await loop.approved("customers want CSV export of invoices")

        async def seen() -> Attempt | None:
            for one in await loop.rows(Attempt, task_id=task_id):
                states = {name: fact["state"] for name, fact in one.signs.items()}
                known = {"process": "alive", "events": "seen", "git": "seen"}.items() <= states.items()
                if known and states["activity"] in {"busy", "quiet"}:
                    return one
            return None

        attempt = await loop.eventually(seen)
        ages = [datetime.fromisoformat(attempt.signs[name]["at"]) for name in ("process", "events", "git")]
        assert all(timedelta() <= datetime.now(UTC) - at < timedelta(minutes=2) for at in ages)
        assert attempt.isolation == Level.WORKTREE

        path, repositories = Path(attempt.workspace), loop.outside.repositories
        before = repositories.changed_at(path)
        (path / "new.txt").write_text("new\n")
        made = repositories.changed_at(path)
        assert before <= made == (path / "new.txt").stat().st_mtime
        (path / "README.md").unlink()
        assert repositories.changed_at(path) >= path.stat().st_mtime
