"""`crash`: the agent is killed in the middle of its work; Waggle sees it, resumes its session, and it becomes ready."""

from __future__ import annotations

import os
import signal
import time

from bot.demo.records import check_one_of_everything, processes, ready_is_said, the_agent
from bot.demo.stage import SceneFailed, Stage
from scheduler.lifecycle import AttemptState, TaskState

REQUEST = "customers want CSV export of invoices"
SCRIPT = [{"match": "CSV", "attempts": ["stall:600"]}]
CHANGED = "app/export.py"  #: what the agent has written when it is killed, and has not committed


async def play(stage: Stage) -> None:
    thread = await stage.ask(REQUEST)
    await stage.press(thread, "approve")
    agent = await the_agent(stage)
    await changed(stage)
    stage.narrate(f"the agent (process {agent.pid}) has written {CHANGED} and not committed it; it is killed")
    began = time.monotonic()
    os.kill(agent.pid, signal.SIGKILL)

    async def seen() -> bool | None:
        first = (await stage.task()).attempts[0]
        return first.state not in {AttemptState.RUNNING, AttemptState.STARTING} or None

    await stage.until("Waggle sees that the agent is gone", seen, 30)
    first = (await stage.task()).attempts[0]
    left = [one.pid for one in processes(stage) if one.environ().get("WAGGLE_RUN") == first.name]
    stage.narrate(f"seen after {time.monotonic() - began:.1f} s: {first.name} ended, {first.outcome}: {first.message}")
    if first.outcome != "crashed" or left:
        raise SceneFailed(f"{first.name} ended as {first.outcome}, and of its processes {left} live")

    ready = await stage.reaches(TaskState.READY, TaskState.NEEDS_HELP, seconds=150)
    if ready.task.state is not TaskState.READY or len(ready.attempts) != 2:
        raise SceneFailed(f"{ready.task.state} after {len(ready.attempts)} attempts: {ready.task.help_cause}")
    second = ready.attempts[1]
    if not second.resumes or second.session_id != first.session_id or ready.task.retries_failure:
        raise SceneFailed(f"{second.name} does not resume the session of {first.name}, or cost a retry")
    stage.narrate(f"{second.name} resumed session {second.session_id[:8]} of {first.name}; it cost no retry")
    await ready_is_said(stage)
    stage.narrate(await check_one_of_everything(stage, attempts=2))


async def changed(stage: Stage) -> None:
    """Wait until the agent has changed something in its workspace."""

    async def written() -> bool | None:
        return any((stage.home.root / "work" / name / CHANGED).is_file() for name in stage.workspaces()) or None

    await stage.until(f"the agent has written {CHANGED}", written, 60)
