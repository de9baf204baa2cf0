"""`restart`: Waggle is killed while an agent works, and between a side effect and its record: nothing is doubled."""

from __future__ import annotations

from bot.demo.records import agents, check_one_of_everything, pulls_opened, ready_is_said, the_agent
from bot.demo.stage import SceneFailed, Stage
from bot.playground_config import REPOSITORY
from scheduler.lifecycle import TaskState

REQUEST = "customers want CSV export of invoices"
SCRIPT = [{"match": "CSV", "attempts": ["slow:6"]}]
_LATE_S = 120.0


async def play(stage: Stage) -> None:
    thread = await stage.ask(REQUEST)
    await stage.press(thread, "approve")
    agent = await the_agent(stage)
    killed = stage.pid
    await stage.waggle.kill()
    if not agent.is_running():
        raise SceneFailed("the agent died together with Waggle")
    stage.narrate(f"Waggle (process {killed}) is killed; the agent (process {agent.pid}) works on without it")

    # GitHub opens the pull request and is slow to say so: time to kill Waggle before it can write it down.
    late = {"answer": "late", "method": "POST", "path": f"/repos/{REPOSITORY}/pulls", "seconds": _LATE_S}
    await stage.visitor.fault("github", late)
    await stage.waggle.start()
    now_at_work = [one.pid for one in agents(stage)]
    if now_at_work not in ([], [agent.pid]):
        raise SceneFailed(f"the new Waggle started another agent: {now_at_work}")
    how = "the same agent is at work" if now_at_work else "the agent has done its work by now"
    stage.narrate(f"a new Waggle (process {stage.pid}) runs; {how}, and no other was started")

    async def opened() -> bool | None:
        return bool(await pulls_opened(stage)) or None

    await stage.until("GitHub has opened the pull request", opened, 90)
    if (await stage.task()).pulls:
        raise SceneFailed("Waggle wrote the pull request down before it was killed")
    killed = stage.pid
    await stage.waggle.kill()
    stage.narrate(f"GitHub has opened the pull request, Waggle (process {killed}) knows nothing of it and is killed")
    await stage.waggle.start()
    stage.narrate(f"a new Waggle (process {stage.pid}) works")

    ready = await stage.reaches(TaskState.READY, TaskState.NEEDS_HELP, seconds=150)
    if ready.task.state is not TaskState.READY:
        raise SceneFailed(f"it needs help: {ready.task.help_cause}")
    await ready_is_said(stage)
    stage.narrate(await check_one_of_everything(stage, attempts=1))
