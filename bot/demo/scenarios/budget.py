"""`budget`: half and most of a task's money are said, at its end the agent is stopped and people are asked; a reply
extends it, and it becomes ready."""

from __future__ import annotations

from bot.demo.records import check_one_of_everything, posts, processes, ready_is_said, the_agent
from bot.demo.stage import SceneFailed, Stage
from integrations.playground.visitor import text_of
from scheduler.lifecycle import TaskState

REQUEST = "customers want CSV export of invoices"
SCRIPT = [{"match": "CSV", "attempts": ["slow:600"]}]
TOKENS = 600_000  #: the agent reads the same file again and again: reached in half a minute
TOML = f"[budget]\nattempt_tokens = {TOKENS}\ntask_tokens = {TOKENS}\n"


async def play(stage: Stage) -> None:
    thread = await stage.ask(REQUEST)
    await stage.reaches(TaskState.PLANNED, seconds=120)
    await stage.press(thread, "approve")
    await the_agent(stage)
    for percent in (50, 80):
        await stage.sees(thread, f"has used {percent} % of its budget", f"of {TOKENS:,} tokens", seconds=120)
    broke = await stage.reaches(TaskState.NEEDS_HELP, TaskState.READY, seconds=120)
    if broke.task.state is not TaskState.NEEDS_HELP or broke.task.help_class != "budget":
        raise SceneFailed(f"{broke.task.state} at the end of its money: {broke.task.help_cause}")
    if left := processes(stage):
        raise SceneFailed(f"its money is spent, and {[one.pid for one in left]} still live")
    first = broke.attempts[0]
    spent = first.tokens_input + first.tokens_output
    stage.narrate(f"{first.name} was stopped after {spent:,} of {TOKENS:,} tokens")
    asked = text_of(await stage.sees(thread, "needs your help", "spent its budget", "extend"))
    missing = [words for words in ("Extend", "Stop") if words not in asked]
    if missing:
        raise SceneFailed(f"people are not offered {missing}")

    await stage.reply(thread, "extend")
    ready = await stage.reaches(TaskState.READY, seconds=150)
    if len(ready.attempts) != 2:
        raise SceneFailed(f"it took {len(ready.attempts)} attempts instead of 2")
    said = [str(one["text"]) for one in await posts(stage)]
    for percent in (50, 80):
        times = sum(f"has used {percent} % of its budget" in one and f"of {TOKENS:,} tokens" in one for one in said)
        if times != 1:
            raise SceneFailed(f"{percent} % was said {times} times")
    await ready_is_said(stage)
    stage.narrate(await check_one_of_everything(stage, attempts=2))
