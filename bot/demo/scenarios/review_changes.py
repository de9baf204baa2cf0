"""`review-changes`: reviewers ask for a change, the agent makes it, a second round approves; one comment says so."""

from __future__ import annotations

from bot.demo.stage import SceneFailed, Stage
from bot.playground_config import REPOSITORY
from scheduler.lifecycle import TaskState

REQUEST = "the customer search should ignore upper and lower case"
SCRIPT = [{"match": "search", "attempts": ["sloppy", "succeed"]}]


async def play(stage: Stage) -> None:
    thread = await stage.ask(REQUEST)
    await stage.reaches(TaskState.PLANNED)
    await stage.press(thread, "approve")
    done = await stage.reaches(TaskState.READY, TaskState.NEEDS_HELP, seconds=200)
    if done.task.state is not TaskState.READY:
        raise SceneFailed(f"it needs help: {done.task.help_cause}")
    if len(done.attempts) != 2:
        raise SceneFailed(f"it took {len(done.attempts)} attempts instead of 2")
    if done.task.retries_review != 1 or done.task.retries_failure:
        raise SceneFailed(
            f"counted {done.task.retries_review} rounds of review and {done.task.retries_failure} failures"
        )
    told = done.attempts[1].prompt
    if "app/customers.py" not in told or "debug" not in told.lower():
        raise SceneFailed("the second prompt does not hold what the reviewers found")
    pull = (await stage.visitor.pulls(REPOSITORY))[0]

    async def said() -> bool | None:
        summaries = [one for one in await stage.comments(pull.number) if "### AI review of" in one]
        if len(summaries) > 1:
            raise SceneFailed(f"{len(summaries)} summaries on the pull request instead of one")
        return (bool(summaries) and summaries[0].count("✅ approves") == 2) or None

    await stage.until("the one summary shows two approvals", said, 20)
    remarks = await stage.remarks(pull.number)
    if len(remarks) != 1 or "Debug line left behind" not in remarks[0]:
        raise SceneFailed(f"{len(remarks)} remarks on lines instead of one about the debug line")
    await stage.sees(thread, "ready")
