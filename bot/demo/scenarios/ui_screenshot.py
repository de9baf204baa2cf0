"""`ui-screenshot`: a change of the pages is shown before and after, on the pull request and in the thread."""

from __future__ import annotations

import shutil

from bot.demo.stage import SceneFailed, Stage
from bot.playground_config import REPOSITORY
from scheduler.lifecycle import TaskState

REQUEST = "shade every second row of the tables, long lists are hard to read along"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


async def play(stage: Stage) -> None:
    thread = await stage.ask(REQUEST)
    await stage.reaches(TaskState.PLANNED)
    await stage.press(thread, "approve")
    ready = await stage.reaches(TaskState.READY, TaskState.NEEDS_HELP, seconds=200)
    if ready.task.state is not TaskState.READY:
        raise SceneFailed(f"it needs help: {ready.task.help_cause}")
    line = next(one for one in ready.evidence if one.check == "screenshots")
    if not any(shutil.which(name) for name in _BROWSERS):
        if line.state != "human" or "Chromium" not in line.detail:
            raise SceneFailed(f"without a browser the screenshots are {line.state}: {line.detail}")
        return
    if line.state != "ok":
        raise SceneFailed(f"the screenshots are {line.state}: {line.detail}")
    await stage.sees(thread, "what changes on the screen")

    async def uploaded() -> bool | None:
        files = [one for message in await stage.thread(thread) for one in message.get("files", ())]
        titles = {str(one["title"]) for one in files}
        return {"invoices, before", "invoices, after"} <= titles or None

    await stage.until("before and after are in the thread", uploaded, 30)
    pull = (await stage.visitor.pulls(REPOSITORY))[0]
    shown = [one for one in await stage.comments(pull.number) if "### Screenshots at" in one]
    if len(shown) != 1 or "![invoices, before](" not in shown[0] or "![invoices, after](" not in shown[0]:
        raise SceneFailed("the pull request does not show the pictures in one comment")
