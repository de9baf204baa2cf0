"""Ten minutes without GitHub, git, the models or Slack: one notice each, nothing lost, picked up by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler import commands
from scheduler.lifecycle import TaskState
from scheduler.policy import AttemptTimes
from scheduler.registry import Attempt, Judgement, Outbox, Topic
from tests.integration.loop import SLUG, Loop, policy, running
from tests.integration.playground_slack_world import PRODUCT
from tests.integration.slack_world import slack_side

CSV = "customers want CSV export of invoices"
ALWAYS = 10**6
#: the agents' output carries the machine's own time, which no test moves
PATIENT = policy(times=AttemptTimes(idle_s=10**6))


class Ahead:
    """The present, moved ahead by whoever has no ten minutes."""

    def __init__(self) -> None:
        self.by = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.by

    def minutes(self, minutes: float) -> None:
        self.by += timedelta(minutes=minutes)


async def alerts(loop: Loop, *words: str) -> list[Outbox]:
    """What the admins were told, as far as it holds one of the words."""
    told = await loop.said("alert")
    return [row for row in told if any(word in str(row.payload["text"]) for word in words)]


async def to_next_try(loop: Loop, clock: Ahead, kind: str) -> None:
    """No longer than until a question of this kind is asked again."""
    for row in await loop.rows(Judgement, kind=kind, state="asked"):
        if row.not_before is not None and row.not_before > clock():
            clock.by += row.not_before - clock()
            loop.registry.ring([Topic.JUDGEMENTS])


async def test_ten_minutes_without_git_and_then_without_github_cost_one_notice_each(tmp_path: Path) -> None:
    """The remote is gone while two agents are to start; later the token is refused while a person merges."""
    clock = Ahead()
    async with running(tmp_path, PATIENT, clock=clock) as loop:
        loop.fault("github", answer=503, next=ALWAYS, path="/git/")
        first = await loop.request(CSV)
        second = await loop.request("Document how invoice totals are rounded")
        for task_id in (first, second):
            await loop.until(task_id, TaskState.PLANNED)
            assert (await loop.do(commands.approve, task_id)).ok

        async def waiting() -> bool:
            return (
                all("waiting" in one.milestone for one in await loop.rows(Attempt))
                and len(await loop.rows(Attempt)) == 2
            )

        await loop.eventually(waiting)
        for _ in range(2):
            clock.minutes(10)
            await loop.eventually(lambda: alerts(loop, "git remote"))
        assert len(await alerts(loop, "git remote")) == 1
        assert {(await loop.task(task_id)).state for task_id in (first, second)} == {TaskState.RUNNING}
        loop.fault("github", clear=True)
        for task_id in (first, second):
            await loop.until(task_id, TaskState.READY, timeout=120)
        assert len(await alerts(loop, "git remote")) == 2 and not await loop.said("needs_help")
        assert [one.n for one in await loop.rows(Attempt)] == [1, 1], "no retry was spent on it"

        loop.fault("github", answer=401, next=ALWAYS, path="/api/")
        pull = await loop.pull(first)
        await loop.person.merge(SLUG, pull.number)
        seen = (await loop.rows(Outbox))[-1].id or 0

        async def noticed() -> bool:
            clock.minutes(2)
            return bool(await alerts(loop, "GitHub cannot be reached or refuses"))

        await loop.eventually(noticed)
        assert {(await loop.task(task_id)).state for task_id in (first, second)} == {TaskState.READY}
        loop.fault("github", clear=True)
        await loop.until(first, TaskState.MERGED)
        told = [row for row in await loop.rows(Outbox) if (row.id or 0) > seen and row.kind != "card"]
        assert sorted(row.kind for row in told) == ["alert", "alert", "merged"]
        assert (await loop.task(second)).state is TaskState.READY, "and the other is as ready as it was"


async def test_ten_minutes_without_any_model_cost_one_notice_each_and_the_review_comes_after_it(tmp_path: Path) -> None:
    """Scope is answered by rules meanwhile; the review waits for the models and needs no person."""
    clock = Ahead()
    async with running(tmp_path, PATIENT, clock=clock) as loop:
        task_id = await loop.approved(CSV)
        loop.fault("models", answer=529, next=ALWAYS)
        await loop.until(task_id, TaskState.VERIFYING)

        async def noticed() -> bool:
            await to_next_try(loop, clock, "review")
            return len(await alerts(loop, "model service")) == 2

        await loop.eventually(noticed)
        assert (await loop.task(task_id)).state is TaskState.VERIFYING
        other = await loop.request("Document how invoice totals are rounded")

        async def by_rules() -> bool:
            await to_next_try(loop, clock, "scope")
            return (await loop.task(other)).state is TaskState.PLANNED

        await loop.eventually(by_rules)
        assert (await loop.task(other)).scoped_by == "rules"
        loop.fault("models", clear=True)

        async def ready() -> bool:
            await to_next_try(loop, clock, "review")
            return (await loop.task(task_id)).state is TaskState.READY

        await loop.eventually(ready)
        texts = [str(row.payload["text"]) for row in await alerts(loop, "model service")]
        assert len(texts) == 4 and sum("answers again" in text for text in texts) == 2
        assert not await loop.said("needs_help")


@pytest.mark.parametrize("answer", [503, "invalid_auth"], ids=["gone", "token refused"])
async def test_what_is_said_in_slack_while_slack_is_down_arrives_after_it_once_and_in_order(
    tmp_path: Path, answer: int | str
) -> None:
    """Slack gives up redelivering meanwhile; Waggle's own words wait, and the admins hear of it afterwards."""
    lines = [f"line {n}" for n in range(4)]
    async with slack_side(tmp_path, watch_s=0.3) as world:
        clock = Ahead()
        world.clock = clock
        task = await world.ask_for()
        await world.quiet()
        await world.visitor.fault("slack", {"ack_s": 0.3, "redelivery_s": [0.2]})
        await world.visitor.fault("slack", {"answer": answer, "next": ALWAYS})
        await world.visitor.fault("slack", {"socket": "cut"})
        for n in range(3):
            await world.say("note", f"n{n}", task, text=f"line {n}")
            await world.visitor.say(PRODUCT, f"guidance number {n}", task.thread_ts)

        async def tried() -> bool:
            return any(row.tries for row in await world.outbox("note"))

        await world.until(tried)
        clock.minutes(10)
        await world.visitor.fault("slack", {"clear": True})
        await world.say("note", "n3", task, text="line 3")  # which also wakes a sender that waits longer for a token
        await world.quiet()

        async def heard() -> bool:
            row = next(one for one in await world.tasks() if one.id == task.id)
            return len(row.guidance) == 3

        await world.until(heard)
        await world.quiet()
        row = next(one for one in await world.tasks() if one.id == task.id)
        assert [entry["text"] for entry in row.guidance] == [f"guidance number {n}" for n in range(3)]
        assert [text for text in await world.thread(task) if text.startswith("line")] == lines
        told = [str(one.payload["text"]) for one in await world.outbox("alert")]
        assert len([text for text in told if "Slack could not be spoken to" in text]) == 1
