"""`ci-retry`: the first attempt breaks a test; the second is told the failing lines, and it is green."""

from __future__ import annotations

from bot.demo.stage import SceneFailed, Stage
from scheduler.lifecycle import TaskState

REQUEST = "reminders call an invoice overdue on the very day it is due; wait until the next day"
SCRIPT = [{"match": "overdue", "attempts": ["break-test"]}]


async def play(stage: Stage) -> None:
    thread = await stage.ask(REQUEST)
    await stage.reaches(TaskState.PLANNED)
    await stage.press(thread, "approve")
    done = await stage.reaches(TaskState.READY, TaskState.NEEDS_HELP, seconds=150)
    if done.task.state is not TaskState.READY:
        raise SceneFailed(f"it needs help: {done.task.help_cause}")
    if len(done.attempts) != 2:
        raise SceneFailed(f"it took {len(done.attempts)} attempts instead of 2")
    told = done.attempts[1].prompt
    if "FAIL" not in told or "test_" not in told:
        raise SceneFailed("the second prompt does not hold the failing lines")
    await stage.sees(thread, "ready")
