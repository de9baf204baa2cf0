"""`needs-help`: the agent fails for want of a fact; a person is called once and gives it; then it is ready."""

from __future__ import annotations

from bot.demo.stage import SceneFailed, Stage
from scheduler.lifecycle import TaskState

REQUEST = "import customers from a CSV file"
FACT = "the schema is in app/schema.py"


async def play(stage: Stage) -> None:
    thread = await stage.ask(REQUEST)
    await stage.reaches(TaskState.PLANNED)
    await stage.press(thread, "approve")
    lost = await stage.reaches(TaskState.NEEDS_HELP, TaskState.READY, seconds=150)
    if lost.task.state is TaskState.READY:
        raise SceneFailed("it was ready without being told the fact")
    await stage.sees(thread, "help", lost.task.help_cause[:30])
    calls = [line for line in stage.transcript.lines if "needs help" in line.text.lower() and not line.edit]
    if len(calls) > 1:
        raise SceneFailed(f"a person was called {len(calls)} times")

    before = len(lost.attempts)
    await stage.reply(thread, f"retry {FACT}")
    ready = await stage.reaches(TaskState.READY, seconds=90)
    told = ready.attempts[before].prompt
    if FACT not in told:
        raise SceneFailed("the next prompt does not hold the person's sentence")
    await stage.sees(thread, "ready")
