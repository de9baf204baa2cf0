"""`conflict-train`: two tasks write at the same place. The second waits for the first while it is checked; the first is
merged, the second conflicts, is brought up to the base with both texts kept, is ready, and is merged."""

from __future__ import annotations

from bot.demo.stage import SceneFailed, Stage
from bot.look import read_task
from bot.playground_config import REPOSITORY
from bot.show import TaskView
from scheduler.lifecycle import TaskState

FIRST = "explain in the README how totals are made"
SECOND = "explain in the README how dates are written"


async def play(stage: Stage) -> None:
    for number, text in enumerate((FIRST, SECOND), start=1):
        thread = await stage.ask(text)
        await _reaches(stage, number, TaskState.PLANNED)
        await stage.press(thread, "approve")
    for number in (1, 2):
        await _reaches(stage, number, TaskState.READY)

    await _merge(stage, 1)

    async def conflicts() -> bool | None:
        return any("git merge" in attempt.prompt for attempt in (await _view(stage, 2)).attempts) or None

    await stage.until("the second is sent back to be brought up to the base", conflicts, 120)
    ready = await _reaches(stage, 2, TaskState.READY)
    if len(ready.attempts) != 2:
        raise SceneFailed(f"it took {len(ready.attempts)} attempts instead of 2")
    await _merge(stage, 2)


async def _view(stage: Stage, number: int) -> TaskView:
    async def there() -> TaskView | None:
        return await stage.registry.read(lambda session: read_task(session, number))

    return await stage.until(f"there is T-{number}", there, 60)


async def _reaches(stage: Stage, number: int, wanted: TaskState) -> TaskView:
    async def there() -> TaskView | None:
        view = await _view(stage, number)
        if view.task.state is TaskState.NEEDS_HELP:
            raise SceneFailed(f"T-{number} needs help: {view.task.help_cause}")
        return view if view.task.state is wanted else None

    return await stage.until(f"T-{number} is {wanted.value}", there, 240)


async def _merge(stage: Stage, number: int) -> None:
    view = await _view(stage, number)
    pull = next(one for one in await stage.visitor.pulls(REPOSITORY) if one.head_branch == view.task.branch)
    await stage.visitor.merge(REPOSITORY, pull.number)
    await _reaches(stage, number, TaskState.MERGED)
