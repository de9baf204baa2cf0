"""`duplicate-delivery`: Slack delivers each thing three times and cuts the socket in between; everything acts once."""

from __future__ import annotations

from collections import Counter

from bot.demo.records import check_one_of_everything, ready_is_said, the_agent
from bot.demo.stage import SceneFailed, Stage
from scheduler.lifecycle import TaskState

REQUEST = "customers want CSV export of invoices"
GUIDANCE = "use semicolons between the columns"
COPIES = 3


async def play(stage: Stage) -> None:
    await stage.visitor.fault("slack", {"copies": COPIES})
    stage.narrate(f"from now on Slack delivers every event {COPIES} times")
    thread = await stage.ask(REQUEST)
    await stage.reaches(TaskState.PLANNED)
    await _cut(stage)
    await stage.reply(thread, GUIDANCE)

    async def heard() -> bool | None:
        return bool((await stage.task()).task.guidance) or None

    await stage.until("the guidance arrives", heard, 60)
    await stage.reply(thread, "approve")
    await the_agent(stage)
    await _cut(stage)

    ready = await stage.reaches(TaskState.READY, TaskState.NEEDS_HELP, seconds=150)
    if ready.task.state is not TaskState.READY:
        raise SceneFailed(f"it needs help: {ready.task.help_cause}")
    await ready_is_said(stage)

    delivered = Counter(_said(one) for one in await stage.visitor.deliveries() if one["kind"] == "events_api")
    for words in (REQUEST, GUIDANCE, "approve"):
        times = max(n for said, n in delivered.items() if words in said)
        if times < COPIES:
            raise SceneFailed(f"“{words}” was delivered {times} times only")
    guidance = [str(one["text"]) for one in ready.task.guidance]
    approvals = [one for one in ready.events if one.subject == "task" and one.after == "queued"]
    if guidance != [GUIDANCE] or len(approvals) != 1:
        raise SceneFailed(f"guidance {guidance}, approved {len(approvals)} times")
    stage.narrate(
        f"each word was delivered {COPIES} times or more; one guidance and one approval stand in the registry"
    )
    stage.narrate(await check_one_of_everything(stage, attempts=1))


async def _cut(stage: Stage) -> None:
    """Cut the socket without a word, and wait until Waggle has made another."""
    await stage.visitor.fault("slack", {"socket": "cut"})
    stage.narrate("Slack cuts the socket")

    async def back() -> bool | None:
        return bool((await stage.visitor.state())["connected"]) or None

    await stage.until("Waggle is connected again", back, 60)
    stage.narrate("Waggle has made another")


def _said(delivery: dict[str, object]) -> str:
    payload = delivery["payload"]
    event = payload.get("event", {}) if isinstance(payload, dict) else {}
    return f"{event.get('type')} {event.get('text', '')}"
