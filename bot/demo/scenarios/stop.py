"""`stop`: one word in Slack ends the agent and everything it started within two seconds, and its work is kept."""

from __future__ import annotations

import asyncio
import time

from bot.demo.records import check_one_of_everything, processes, ready_is_said, the_agent
from bot.demo.scenarios.crash import CHANGED, changed
from bot.demo.stage import SceneFailed, Stage
from scheduler.lifecycle import TaskState

REQUEST = "customers want CSV export of invoices"
SCRIPT = [{"match": "CSV", "attempts": ["stall:600"]}]
LONGEST_S = 2.0


async def play(stage: Stage) -> None:
    thread = await stage.ask(REQUEST)
    await stage.press(thread, "approve")
    await the_agent(stage)
    await changed(stage)

    async def with_a_stray() -> bool | None:
        return any("sleep" in one.name() for one in processes(stage)) or None

    await stage.until("the agent has started a command", with_a_stray, 30)
    tree = [f"{one.name()} {one.pid}" for one in processes(stage)]
    stage.narrate(f"at work: {', '.join(tree)}; {CHANGED} is written and not committed")

    began = time.monotonic()
    await stage.reply(thread, "stop")
    while left := await asyncio.to_thread(processes, stage):
        if time.monotonic() - began > 10 * LONGEST_S:
            raise SceneFailed(f"still alive after {10 * LONGEST_S:g} s: {[one.pid for one in left]}")
        await asyncio.sleep(0.02)
    took = time.monotonic() - began
    if took > LONGEST_S:
        raise SceneFailed(f"the last process went {took:.1f} s after the stop, later than {LONGEST_S:g} s")
    stage.narrate(f"all {len(tree)} processes are gone {took:.2f} s after “stop” was said")

    await stage.reaches(TaskState.STOPPED, seconds=30)
    await changed(stage)
    stage.narrate(f"{CHANGED} is still in the workspace")
    await stage.sees(thread, "stopped")

    await stage.reply(thread, "retry")
    ready = await stage.reaches(TaskState.READY, TaskState.NEEDS_HELP, seconds=150)
    if ready.task.state is not TaskState.READY:
        raise SceneFailed(f"it needs help: {ready.task.help_cause}")
    await ready_is_said(stage)
    stage.narrate(await check_one_of_everything(stage, attempts=2))
