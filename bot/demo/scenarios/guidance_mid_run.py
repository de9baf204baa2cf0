"""`guidance-mid-run`: somebody writes while the agent works; the thread says when it will be told; `now` stops it
and lets it go on with the words."""

from __future__ import annotations

from bot.demo.records import the_agent
from bot.demo.stage import SceneFailed, Stage
from scheduler.lifecycle import TaskState

REQUEST = "customers want CSV export of invoices"
SCRIPT = [{"match": "CSV", "attempts": ["slow:600"]}]
WORDS = "accountants of Northwind open it with a German spreadsheet"


async def play(stage: Stage) -> None:
    thread = await stage.ask(REQUEST)
    await stage.reaches(TaskState.PLANNED, seconds=120)
    await stage.press(thread, "approve")
    await the_agent(stage)
    await stage.reply(thread, WORDS)
    await stage.sees(thread, "told when its turn ends", "now")
    await stage.reply(thread, "now")
    await stage.sees(thread, "go on with your words")
    ready = await stage.reaches(TaskState.READY, TaskState.NEEDS_HELP, seconds=150)
    if ready.task.state is not TaskState.READY:
        raise SceneFailed(f"it needs help: {ready.task.help_cause}")
    first, second = ready.attempts
    if not second.resumes or second.session_id != first.session_id:
        raise SceneFailed("it did not go on with its session")
    if WORDS not in second.prompt:
        raise SceneFailed("the next prompt does not hold the person's words")
    if ready.task.retries_failure:
        raise SceneFailed("a person's words have spent a retry")
    await stage.sees(thread, "ready")
