"""Whoever may not is turned away at every entrance, is told so, and it is on record."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlmodel import select

from integrations.playground.visitor import text_of
from scheduler.lifecycle import TaskState
from scheduler.registry import Event, Inbox
from tests.integration.playground_slack_world import BEN, PRODUCT
from tests.integration.slack_world import SlackWorld, slack_side


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SlackWorld]:
    async with slack_side(tmp_path) as made:
        yield made


async def refusals(world: SlackWorld) -> int:
    return len(await world.read(lambda s: s.exec(select(Event).where(Event.what == "access_refused")).all()))


async def test_a_stranger_is_turned_away_at_every_entrance(world: SlackWorld) -> None:
    task = await world.ask_for()
    tries = 0
    for verb in ("approve", "reject", "stop", "edit x", "retry", "pause", "context add x", "allow @ben admin"):
        await world.visitor.say(PRODUCT, verb, task.thread_ts, user=BEN)
        await world.visitor.slash(f"/waggle {verb.replace(' ', ' T-1 ', 1) if verb[0] in 'er' else verb}", user=BEN)
        tries += 2
    await world.visitor.say(PRODUCT, "@waggle build me a shop", user=BEN)
    for button in ("approve", "edit", "reject"):
        await world.visitor.click(PRODUCT, task.card_ts, f"waggle.{button}", user=BEN)
    await world.quiet()

    assert (await world.state(task.id, TaskState.PLANNED)).version == task.version
    assert len(await world.tasks()) == 1
    assert await world.visitor.views(BEN) == []
    told = [text_of(message) for message in await world.visitor.ephemerals(BEN)]
    assert all("not on Waggle's list" in text for text in told)
    assert len(told) >= tries + 4  # a private answer cannot be looked up: in doubt it is said again
    assert await refusals(world) == tries + 4


async def test_a_form_opened_before_the_right_was_taken_changes_nothing(world: SlackWorld) -> None:
    await world.let_in(BEN)
    task = await world.ask_for()
    await world.visitor.click(PRODUCT, task.card_ts, "waggle.edit", user=BEN)

    async def opened() -> list[dict[str, object]]:
        return await world.visitor.views(BEN)

    form = (await world.until(opened))[0]
    await world.visitor.slash("/waggle deny @ben")
    await world.quiet()
    await world.visitor.submit(str(form["id"]), {"words": "something else"}, user=BEN)
    await world.quiet()

    assert (await world.state(task.id, TaskState.PLANNED)).version == task.version
    assert await refusals(world) == 1


async def test_talk_of_colleagues_in_the_thread_is_told_once_that_it_does_not_count(world: SlackWorld) -> None:
    task = await world.ask_for()
    for n in range(4):
        await world.visitor.say(PRODUCT, f"I would do it differently {n}", task.thread_ts, user=BEN)
    await world.quiet()

    assert (await world.tasks())[0].guidance == []
    assert len(await world.visitor.ephemerals(BEN)) == 1


async def test_customers_words_command_nothing(world: SlackWorld) -> None:
    await world.visitor.say("C0CUSTOMERS", "approve T-1", user="U0SUPPORT")
    await world.visitor.say("C0CUSTOMERS", "@waggle stop T-1", user="U0SUPPORT")
    await world.quiet()

    assert await world.tasks() == []
    kinds = await world.read(lambda s: {row.kind for row in s.exec(select(Inbox)).all()})
    assert "said" not in kinds
    assert await refusals(world) == 1
