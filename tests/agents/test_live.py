"""Words for the real Claude Code while it works: it hears them in the session that runs, and ends by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scheduler import commands
from scheduler.lifecycle import AttemptState, TaskState
from tests.agents.world import COMMIT, LOOK, REQUEST, SAY, WRITE, world

pytestmark = [pytest.mark.agents, pytest.mark.timeout(300)]

WORDS = "keep it to five lines, please"


async def test_it_hears_what_is_said_while_it_works_and_comes_to_its_end(tmp_path: Path) -> None:
    plan = (LOOK, replace(WRITE, gate="before it writes"), COMMIT, SAY)
    async with world(tmp_path, "claude-code", plan, live=True, live_agents=("claude-code",)) as here:
        loop = here.loop
        task_id = await loop.approved(REQUEST)
        await here.reached("before it writes")
        await here.attempt(task_id, 1, AttemptState.RUNNING)
        assert (await loop.do(commands.guide, task_id, WORDS)).ok

        async def sent() -> bool:
            return bool((await loop.task(task_id)).guidance[0].get("sent_to"))

        await loop.eventually(sent)
        here.model.gate("before it writes").set()
        task = await loop.until(task_id, TaskState.READY, timeout=120)
        (attempt,) = await here.attempts(task_id)
        assert attempt.outcome == "done" and task.guidance[0]["used_in"] == attempt.name
        # The program puts them beside the result of the tool that was at work: its model hears them in the same turn.
        assert any(WORDS in one.whole for one in here.model.asked)
