"""`approve-retry`: with `retries.approve = "always"` the diagnosis and the changed prompt appear in the thread, and
nothing starts before somebody approves; a second approval is told who was faster."""

from __future__ import annotations

from bot.demo.stage import SceneFailed, Stage
from integrations.playground.visitor import text_of
from scheduler.lifecycle import TaskState

REQUEST = "reminders call an invoice overdue on the very day it is due; wait until the next day"
SCRIPT = [{"match": "overdue", "attempts": ["break-test"]}]
TOML = '[retries]\napprove = "always"\n'


async def play(stage: Stage) -> None:
    thread = await stage.ask(REQUEST)
    await stage.reaches(TaskState.PLANNED, seconds=120)
    await stage.press(thread, "approve")
    asking = await stage.reaches(TaskState.ASKING, TaskState.READY, seconds=150)
    if asking.task.state is TaskState.READY:
        raise SceneFailed("it was ready without a second attempt")
    if len(asking.attempts) != 1:
        raise SceneFailed("the next attempt did not wait for approval")
    await stage.sees(thread, "next prompt")
    if not asking.task.next_change:
        raise SceneFailed("the card does not say what changed in the prompt")
    await stage.sees(thread, "the next attempt is told")

    await stage.reply(thread, "approve")
    await stage.reaches(TaskState.QUEUED, TaskState.RUNNING, TaskState.VERIFYING, TaskState.READY, seconds=30)
    await stage.reply(thread, "approve", user="U0BEN")

    async def told() -> bool | None:
        mine = await stage.visitor.ephemerals(user="U0BEN")
        return any("was approved already by" in text_of(one) and "U0ANA" in text_of(one) for one in mine) or None

    await stage.until("ben alone is told who was faster", told, 60)
    ready = await stage.reaches(TaskState.READY, TaskState.NEEDS_HELP, seconds=150)
    if ready.task.state is not TaskState.READY:
        raise SceneFailed(f"it needs help: {ready.task.help_cause}")
    if len(ready.attempts) != 2:
        raise SceneFailed(f"it took {len(ready.attempts)} attempts instead of 2")
    await stage.sees(thread, "ready")
