"""`context-overflow`: the agent runs out of context; a new session gets a narrower prompt, the card says why and what
changed, and it becomes ready."""

from __future__ import annotations

from bot.demo.records import check_one_of_everything, ready_is_said
from bot.demo.stage import SceneFailed, Stage
from scheduler.lifecycle import TaskState

REQUEST = "customers want CSV export of invoices"
SCRIPT = [{"match": "CSV", "attempts": ["context"]}]


async def play(stage: Stage) -> None:
    thread = await stage.ask(REQUEST)
    await stage.reaches(TaskState.PLANNED, seconds=120)
    await stage.press(thread, "approve")
    ready = await stage.reaches(TaskState.READY, TaskState.NEEDS_HELP, seconds=150)
    if ready.task.state is not TaskState.READY or len(ready.attempts) != 2:
        raise SceneFailed(f"{ready.task.state} after {len(ready.attempts)} attempts: {ready.task.help_cause}")
    first, second = ready.attempts
    if first.outcome != "context":
        raise SceneFailed(f"{first.name} ended as {first.outcome}: {first.message}")
    if second.resumes or second.session_id == first.session_id:
        raise SceneFailed("it went on with the session that had no room left")
    if not second.prompt_change or "Read and change only" not in second.prompt:
        raise SceneFailed("the second prompt is no narrower than the first one")
    stage.narrate(f"{second.name} began a session of its own and was told: {second.prompt_change}")
    await stage.sees(thread, "ran out of context", f"told: _{second.prompt_change[:40]}")
    await ready_is_said(stage)
    stage.narrate(await check_one_of_everything(stage, attempts=2))
