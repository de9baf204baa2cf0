"""`feature`: mention, scope card with the customer's words, approval, agent, green CI, two reviews, ready, merged by a
person, and nothing left behind."""

from __future__ import annotations

from bot.demo.stage import SceneFailed, Stage
from bot.playground_config import REPOSITORY
from scheduler.lifecycle import TaskState

REQUEST = "customers want CSV export of invoices"


async def play(stage: Stage) -> None:
    thread = await stage.ask(REQUEST)
    planned = (await stage.reaches(TaskState.PLANNED)).task
    if not planned.citations:
        raise SceneFailed("the plan cites nobody")
    quote = str(planned.citations[0]["quote"])
    await stage.sees(thread, quote[:40])
    await stage.press(thread, "approve")

    ready = await stage.reaches(TaskState.READY, seconds=120)
    await stage.sees(thread, "ready")
    reviews = {line.check: line.state for line in ready.evidence}
    if any(state not in {"ok", "n/a", "human"} for state in reviews.values()):
        raise SceneFailed(f"ready in spite of {reviews}")

    pull = (await stage.visitor.pulls(REPOSITORY))[0]
    ci = {name: state for name, state in pull.checks.items() if not name.startswith("waggle/")}
    if set(ci.values()) != {"passed"}:
        raise SceneFailed(f"CI says {ci}")
    await stage.visitor.merge(REPOSITORY, pull.number)
    await stage.reaches(TaskState.MERGED, seconds=30)
    await stage.sees(thread, "merged")

    async def clean() -> bool | None:
        gone = not stage.workspaces() and not await stage.branch_exists(pull.head_branch)
        return gone or None

    await stage.until("worktree and branch are gone", clean, 30)
