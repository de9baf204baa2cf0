"""A proposal in Slack: its card comes by itself, and only people who may decide it can."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlmodel import Session, select

from bot.slack.access import grant
from scheduler.discovery.promotion import promote
from scheduler.lifecycle import SignalState, TaskState
from scheduler.registry import Event, Judgement, Signal, Task
from tests.integration.playground_slack_world import BEN, PRODUCT
from tests.integration.slack_world import POLICY, SlackWorld, now, slack_side
from tests.unit.error_facts import signal

SUPPORT = "U0SUPPORT"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SlackWorld]:
    async with slack_side(tmp_path) as made:
        yield made


async def proposed(world: SlackWorld) -> Task:
    """A proposal whose card is shown."""

    def work(session: Session) -> int | None:
        row = signal(SignalState.NEW, id=None, task_id=None)
        session.add(row)
        session.flush()
        return promote(session, now(), POLICY, row).id

    return await world.shown(await world.registry.write(work))


async def refusals(world: SlackWorld) -> list[tuple[str, str]]:
    rows = await world.read(lambda s: s.exec(select(Event).where(Event.what == "access_refused")).all())
    return [(row.actor, row.why) for row in rows]


async def test_the_card_opens_a_thread_and_a_reply_there_starts_it(world: SlackWorld) -> None:
    task = await proposed(world)
    assert task.channel == PRODUCT and task.thread_ts == task.card_ts
    (card, *_) = await world.thread(task)
    assert "LEDGERLINE-7" in card and "app/web.py:71 in invoice_page" in card
    await world.visitor.say(PRODUCT, "start", task.thread_ts)
    await world.state(task.id, TaskState.SCOPING)
    (asked,) = await world.read(lambda s: s.exec(select(Judgement)).all())
    assert asked.facts["request"].startswith("Fix ValueError")


@pytest.mark.parametrize("verb", ["start", "snooze", "never"])
@pytest.mark.parametrize("role", ["", "viewer", "requester"])
async def test_who_may_not_decide_is_turned_away_and_written_down(world: SlackWorld, verb: str, role: str) -> None:
    if role:
        await world.registry.write(lambda s: grant(s, now(), SUPPORT, role, by="test"))
    task = await proposed(world)
    await world.visitor.click(PRODUCT, task.card_ts, f"waggle.{verb}", user=SUPPORT)
    await world.visitor.say(PRODUCT, verb, task.thread_ts, user=SUPPORT)
    await world.quiet()
    await world.state(task.id, TaskState.PROPOSED)
    (row,) = await world.read(lambda s: s.exec(select(Signal)).all())
    assert row.state is SignalState.PROPOSED
    told = await refusals(world)
    assert [actor for actor, _ in told] == [SUPPORT, SUPPORT]


@pytest.mark.parametrize(
    ("verb", "state", "signal_state"),
    [
        ("start", TaskState.SCOPING, SignalState.STARTED),
        ("snooze", TaskState.PROPOSED, SignalState.SNOOZED),
        ("never", TaskState.DROPPED, SignalState.MUTED),
    ],
)
async def test_an_approver_decides_once_and_it_is_on_record(
    world: SlackWorld, verb: str, state: TaskState, signal_state: SignalState
) -> None:
    await world.let_in(BEN)
    task = await proposed(world)
    await world.visitor.click(PRODUCT, task.card_ts, f"waggle.{verb}", user=BEN)
    await world.visitor.click(PRODUCT, task.card_ts, f"waggle.{verb}", user=BEN)
    await world.quiet()
    await world.state(task.id, state)
    (row,) = await world.read(lambda s: s.exec(select(Signal)).all())
    assert row.state is signal_state
    by = await world.read(lambda s: s.exec(select(Event).where(Event.actor == BEN, Event.subject == "task")).all())
    assert len(by) == 1
