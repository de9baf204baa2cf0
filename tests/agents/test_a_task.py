"""A task of the sample repository, from its request to a merge, done by the real programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.lifecycle import TaskState
from scheduler.registry import Review
from tests.agents.world import AGENTS, FAMILIES, REQUEST, world
from tests.integration.loop import SLUG

pytestmark = [pytest.mark.agents, pytest.mark.parametrize("agent", AGENTS), pytest.mark.timeout(300)]


async def test_from_a_request_to_a_merged_pull_request(tmp_path: Path, agent: str) -> None:
    async with world(tmp_path, agent) as here:
        loop = here.loop
        task_id = await loop.approved(REQUEST)
        await loop.until(task_id, TaskState.READY, timeout=120)
        (attempt,) = await here.attempts(task_id)
        assert (attempt.agent, attempt.outcome) == (agent, "done")
        assert attempt.session_id and attempt.tokens_input > 0 and attempt.cost_usd > 0
        pull = await loop.pull(task_id)
        reviews = await loop.rows(Review, pull_request_id=pull.id)
        approved = {one.family for one in reviews if one.verdict == "approve"}
        assert approved - {FAMILIES[agent]}, "another family than the one that wrote it has approved"
        await loop.person.merge(SLUG, pull.number)
        await loop.until(task_id, TaskState.MERGED)
        told = here.model.asked[0].heard
        assert any(attempt.prompt.strip()[:60] in one for one in told), (
            "the prompt that is shown is the one it was told"
        )
