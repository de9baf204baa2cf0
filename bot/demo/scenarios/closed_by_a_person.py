"""`closed-by-a-person`: closed unmerged, the task is dropped and its work kept, and people are asked what was wrong;
reopened, it is ready again without another attempt."""

from __future__ import annotations

from bot.demo.records import ready_is_said
from bot.demo.stage import SceneFailed, Stage
from bot.playground_config import REPOSITORY
from scheduler.lifecycle import TaskState

REQUEST = "customers want CSV export of invoices"


async def play(stage: Stage) -> None:
    thread = await stage.ask(REQUEST)
    await stage.reaches(TaskState.PLANNED)
    await stage.press(thread, "approve")
    ready = await stage.reaches(TaskState.READY, TaskState.NEEDS_HELP, seconds=200)
    if ready.task.state is not TaskState.READY:
        raise SceneFailed(f"it needs help: {ready.task.help_cause}")
    await ready_is_said(stage)

    pull = (await stage.visitor.pulls(REPOSITORY))[0]
    await stage.visitor.close(REPOSITORY, pull.number)
    await stage.reaches(TaskState.DROPPED, seconds=60)
    await stage.sees(thread, "closed by ana", "dropped", "what was wrong with it?")

    async def cleaned() -> bool | None:
        return not stage.workspaces() or None

    await stage.until("its workspace is given back", cleaned, 60)
    if not await stage.branch_exists(pull.head_branch):
        raise SceneFailed("its branch is gone from GitHub: the work is lost")
    stage.narrate(f"the branch {pull.head_branch} is still on GitHub")

    await stage.visitor.reopen(REPOSITORY, pull.number)
    again = await stage.reaches(TaskState.READY, TaskState.NEEDS_HELP, seconds=120)
    if again.task.state is not TaskState.READY:
        raise SceneFailed(f"it needs help: {again.task.help_cause}")
    if len(again.attempts) != len(ready.attempts):
        raise SceneFailed("another agent was started for work that was there already")
    session, kept = ready.attempts[-1].session_id, again.attempts[-1].session_id
    if not kept or kept != session:
        raise SceneFailed("the agent's session is not known any more")
    await stage.visitor.merge(REPOSITORY, pull.number)
    await stage.reaches(TaskState.MERGED, seconds=60)
