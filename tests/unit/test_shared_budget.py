"""Money that tasks share: said before it is gone, waited for when it is, and extended by a person for all."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import Session, select

from bot.slack.rendering import render
from bot.slack.values import SlackValues
from integrations.agents import Outcome, OutcomeKind, Text, Tokens, Usage
from integrations.engines import RunExit, RunState, RunView
from scheduler import commands
from scheduler.admission import Admission
from scheduler.commands import Actor
from scheduler.finishing import Finisher
from scheduler.judging import Kind
from scheduler.lifecycle import AttemptState, TaskState
from scheduler.policy import Budget
from scheduler.registry import Attempt, Judgement, Outbox, Registry, Task
from scheduler.registry.writers import pay
from scheduler.watching import Watcher
from tests.conftest import Clock
from tests.unit.supervised import Stand

ANA = Actor("U0ANA", "ana")


@pytest.fixture
def stand(registry: Registry, clock: Clock) -> Stand:
    made = Stand(registry, clock)
    made.policy = replace(made.policy, budget=Budget(day_usd=10.0, task_usd=0.0, attempt_usd=100.0))
    return made


def spend(stand: Stand, usd: float) -> None:
    stand.change(lambda s: pay(s, stand.clock(), key=f"other:{usd}", purpose="review", task_id=None, cost_usd=usd))


def said(stand: Stand) -> list[tuple[int, int | None]]:
    return [(one.payload["percent"], one.task_id) for one in stand.rows(Outbox) if one.kind == "budget"]


def running(stand: Stand) -> None:
    stand.task_in(TaskState.RUNNING, pull=False)

    def work(session: Session) -> None:
        attempt = session.get(Attempt, 1)
        assert attempt is not None
        attempt.state, attempt.outcome, attempt.budget_usd = AttemptState.RUNNING, "", 100.0
        session.add(attempt)

    stand.change(work)
    stand.agents["agent"].meaning = {"work": [Text("hello"), Usage(Tokens(10, 0, 10), 0.5)]}


async def looked(stand: Stand) -> None:
    """The agent says one thing more, and is looked at."""
    lines = stand.engine.lines.setdefault("t-1-a1", [])
    lines.append("work")
    size = sum(len(line) + 1 for line in lines)
    stand.engine.views["t-1-a1"] = RunView("t-1-a1", RunState.RUNNING, event_bytes=size)
    await Watcher(stand.outside).look([stand.rows(Attempt)[0]])


async def test_half_and_most_are_said_once_then_the_agent_stops_and_goes_on_after_an_extension(stand: Stand) -> None:
    running(stand)
    for other, percents in ((4.0, []), (5.0, [50]), (5.1, [50]), (6.5, [50, 80])):
        stand.change(lambda s, usd=other: pay(s, stand.clock(), key="o", purpose="review", task_id=None, cost_usd=usd))
        await looked(stand)
        assert said(stand) == [(percent, 1) for percent in percents]
    assert not stand.rows(Attempt)[0].stop_reason
    spend(stand, 2.0)
    await looked(stand)
    assert stand.rows(Attempt)[0].stop_reason == "budget"

    stand.agents["agent"].result = Outcome(OutcomeKind.STOPPED)
    stand.engine.views["t-1-a1"] = RunView("t-1-a1", RunState.ENDED, exit=RunExit(-15, "stopped", 0.0))
    await Finisher(stand.outside).finish(1)
    assert stand.task().state is TaskState.QUEUED, "it waits, and no retry is spent"
    assert (stand.task().retries_failure, stand.rows(Attempt)[0].outcome) == (0, "budget")
    assert said(stand)[-1] == (100, 1)
    stand.change(_written)
    assert await Admission(stand.outside).admit() == []
    assert "waits for money. Today's budget: $1" in stand.task().waits_for
    assert said(stand)[-1] == (100, 1) and len(said(stand)) == 3, "one asks for all who wait"

    reply = stand.change(lambda s: commands.extend(s, stand.clock(), stand.policy, ANA, 1))
    assert reply.ok and "$11.00 of $12.50" in reply.text
    assert await Admission(stand.outside).admit() == ["t-1-a2"]
    again = stand.change(lambda s: commands.extend(s, stand.clock(), stand.policy, ANA, 1))
    assert not again.ok


def _written(session: Session) -> None:
    """The prompt with which it goes on is there."""
    asked = session.exec(select(Judgement).where(Judgement.kind == Kind.PROMPT)).one()
    assert asked.facts["why"] == "broke"
    task = session.get(Task, 1)
    assert task is not None
    task.next_prompt, task.routes = "go on", [{"agent": "agent"}]
    session.add(task)


async def test_tasks_that_never_started_ask_once_for_all_and_the_next_day_needs_nobody(stand: Stand) -> None:
    for _ in range(3):
        stand.task_in(TaskState.QUEUED, pull=False, next_prompt="do it", routes=[{"agent": "agent"}])
    spend(stand, 10.0)
    for _ in range(2):
        assert await Admission(stand.outside).admit() == []
    assert said(stand) == [(100, 1)]
    row = next(one for one in stand.rows(Outbox) if one.kind == "budget")
    message = stand.registry.read_now(lambda s: render(s, row, stand.policy, _values(), ())).message
    assert message is not None
    text = str(message.blocks)
    assert "Today's budget: $10.00 of $10.00 are spent" in text.replace("&#39;", "'")
    assert "waggle.extend" in text and "waggle.stop" in text
    stand.clock.advance(timedelta(days=1).total_seconds())
    assert await Admission(stand.outside).admit() != []


@pytest.mark.parametrize(("spent", "granted"), [(10.0, "$12.50"), (12.4, "$15.00"), (31.0, "$32.50")])
async def test_an_extension_gives_room_however_far_it_was_overspent(stand: Stand, spent: float, granted: str) -> None:
    stand.task_in(TaskState.QUEUED, pull=False)
    spend(stand, spent)
    reply = stand.change(lambda s: commands.extend(s, stand.clock(), stand.policy, ANA, 1))
    assert (
        reply.text
        == f"More is granted. Today's budget: ${spent:.2f} of {granted} are spent. What waited for it goes on."
    )


def test_a_task_that_spent_its_own_is_granted_an_attempt_and_one_that_works_nothing(stand: Stand) -> None:
    stand.task_in(TaskState.NEEDS_HELP, pull=False, help_class="budget")
    stand.task_in(TaskState.RUNNING, pull=False)
    reply = stand.change(lambda s: commands.extend(s, stand.clock(), stand.policy, ANA, 1))
    assert (reply.ok, reply.text) == (True, "T-1 goes on with one more attempt.")
    assert stand.rows(Task)[0].extra_attempts == 1
    refused = stand.change(lambda s: commands.extend(s, stand.clock(), stand.policy, ANA, 2))
    assert (refused.ok, refused.text) == (False, "T-2 waits for no money.")


def _values() -> SlackValues:
    return SlackValues("xoxb-1", "xapp-1", "http://127.0.0.1:9", (), "U0ANA", ())
