"""`error-to-fix`: the application fails for real, Waggle proposes to mend it, a person starts it; after the merge the
tracker resolves the issue, and the same address no longer fails."""

from __future__ import annotations

from bot.demo.stage import WORK, SceneFailed, Stage
from bot.playground_config import REPOSITORY
from scheduler.lifecycle import TaskState

ISSUE = "LEDGERLINE-1"


async def play(stage: Stage) -> None:
    if await stage.visitor.cause_error(visitors=5) != 5:
        raise SceneFailed("the application did not fail")
    proposed = (await stage.reaches(TaskState.PROPOSED, seconds=60)).task
    thread = await _card(stage)
    await stage.sees(thread, ISSUE, "invoice_page", "5 events, 5 people", "start")
    await stage.press(thread, "start")
    await stage.reaches(TaskState.PLANNED)
    await stage.reply(thread, "approve")

    ready = await stage.reaches(TaskState.READY, TaskState.NEEDS_HELP, seconds=150)
    if ready.task.state is not TaskState.READY:
        raise SceneFailed(f"it needs help: {ready.task.help_cause}")
    told = ready.attempts[0].prompt
    if "```trace" not in told or "app/web.py" not in told or 'int(query.get("id", "0"))' not in told:
        raise SceneFailed("the prompt does not hold the stack trace and the code")
    pull = (await stage.visitor.pulls(REPOSITORY))[0]
    if f"Fixes {ISSUE}" not in pull.body:
        raise SceneFailed(f"the pull request does not say what it fixes: {pull.body}")
    await stage.visitor.merge(REPOSITORY, pull.number)
    await stage.reaches(TaskState.MERGED, seconds=60)
    await stage.sees(thread, f"Sentry resolved {ISSUE}", seconds=60)
    if await stage.visitor.cause_error(visitors=2) != 0:
        raise SceneFailed("the application still fails after the merge")
    if len(await stage.tasks_json()) != 1:
        raise SceneFailed(f"T-{proposed.id} is not the only task of {ISSUE}")


async def _card(stage: Stage) -> str:
    """The thread of the proposal: its card stands alone in the channel."""

    async def shown() -> str | None:
        messages = await stage.visitor.messages(WORK)
        return next((str(one["ts"]) for one in messages if ISSUE in str(one.get("blocks"))), None)

    return await stage.until("the proposal is shown", shown, 60)
