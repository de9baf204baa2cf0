"""`rate-limit`: the provider's limit parks the agent until the time that it names, for every task; then the same
session goes on, no retry is spent, and it becomes ready."""

from __future__ import annotations

from datetime import timedelta

from bot.demo.records import check_one_of_everything, ready_is_said
from bot.demo.stage import SceneFailed, Stage
from integrations.playground.visitor import text_of
from scheduler.lifecycle import TaskState

REQUEST = "customers want CSV export of invoices"
WAITS_S = 20  #: hours, with a real provider
SCRIPT = [{"match": "CSV", "attempts": [f"rate-limit:{WAITS_S}"]}]


async def play(stage: Stage) -> None:
    thread = await stage.ask(REQUEST)
    await stage.reaches(TaskState.PLANNED, seconds=120)
    await stage.press(thread, "approve")

    async def parked() -> bool | None:
        view = await stage.task()
        limited = bool(view.attempts) and view.attempts[0].outcome == "rate-limit"
        return (limited and view.task.state is TaskState.QUEUED and view.task.not_before is not None) or None

    await stage.until("the agent is parked", parked, 60)
    waiting = (await stage.task()).task
    until = waiting.not_before
    assert until is not None, "it was just seen"
    stage.narrate(f"the provider's limit ends at {until:%H:%M:%S} UTC, {WAITS_S} s after it was met")
    card = text_of(await stage.sees(thread, "limits the rate", "not before", f"{until:%H:%M} utc"))
    if "0 of 3 retries spent" not in card:
        raise SceneFailed("the card does not say that no retry is spent")

    ready = await stage.reaches(TaskState.READY, TaskState.NEEDS_HELP, seconds=150)
    if ready.task.state is not TaskState.READY or len(ready.attempts) != 2:
        raise SceneFailed(f"{ready.task.state} after {len(ready.attempts)} attempts: {ready.task.help_cause}")
    first, second = ready.attempts
    if second.created_at < until:
        raise SceneFailed(f"{second.name} began at {second.created_at:%H:%M:%S}, before the limit ended")
    if second.created_at > until + timedelta(seconds=15):
        raise SceneFailed(f"{second.name} began at {second.created_at:%H:%M:%S}, long after the limit ended")
    if not second.resumes or second.session_id != first.session_id:
        raise SceneFailed("it did not go on with its session")
    if ready.task.retries_failure:
        raise SceneFailed("a limit has spent a retry")
    began = (second.created_at - until).total_seconds()
    stage.narrate(f"{second.name} resumed the session {began:.1f} s after the limit ended; it cost no retry")
    await ready_is_said(stage)
    stage.narrate(await check_one_of_everything(stage, attempts=2))
