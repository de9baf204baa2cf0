"""A real attempt whose login is refused: its task waits, spends nothing, and goes on when a person says so."""

from __future__ import annotations

from pathlib import Path

from scheduler import commands
from scheduler.lifecycle import AttemptState, TaskState
from scheduler.registry import Attempt
from tests.integration.loop import running


async def test_a_refused_login_is_waited_for_and_the_task_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path) as loop:
        loop.behave("CSV", "auth", "succeed")
        task_id = await loop.approved("customers want CSV export of invoices")

        async def waits() -> bool:
            return "login of scripted is refused" in (await loop.task(task_id)).waits_for

        await loop.eventually(waits)
        (first,) = await loop.rows(Attempt, task_id=task_id)
        assert (first.state, first.outcome) == (AttemptState.PARKED, "auth")
        assert (await loop.do(commands.retry, task_id)).ok
        task = await loop.until(task_id, TaskState.READY)
        assert (task.retries_failure, task.infra_waits, task.extra_attempts) == (0, 0, 0)
        began, ended = await loop.said("alert")
        assert "No task starts scripted" in began.payload["text"] and "works again" in ended.payload["text"]
        assert not await loop.said("needs_help")
