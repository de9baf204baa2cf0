"""`agent-asks`: the agent asks about the product; its options stand in the thread, and the answer resumes it."""

from __future__ import annotations

from bot.demo.stage import SceneFailed, Stage
from scheduler.lifecycle import TaskState

REQUEST = "customers want CSV export of invoices"
SCRIPT = [{"match": "CSV", "attempts": ["ask"]}]
ANSWER = "semicolons"


async def play(stage: Stage) -> None:
    thread = await stage.ask(REQUEST)
    await stage.reaches(TaskState.PLANNED, seconds=120)
    await stage.press(thread, "approve")
    await stage.reaches(TaskState.ASKING, seconds=120)
    await stage.sees(thread, "Which character", "commas", ANSWER)
    await stage.reply(thread, f"answer {ANSWER}")
    ready = await stage.reaches(TaskState.READY, TaskState.NEEDS_HELP, seconds=150)
    if ready.task.state is not TaskState.READY:
        raise SceneFailed(f"it needs help: {ready.task.help_cause}")
    first, second = ready.attempts
    if not second.resumes or second.session_id != first.session_id:
        raise SceneFailed("the answer did not go to the session that asked")
    if ANSWER not in second.prompt:
        raise SceneFailed("the next prompt does not hold the answer")
    if ready.task.retries_failure:
        raise SceneFailed("a question has spent a retry")
    await stage.sees(thread, "ready")
