"""What people say and press in Slack, from the page to the registry and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integrations.playground.visitor import button_ids, text_of
from scheduler.lifecycle import TaskState
from tests.integration.playground_slack_world import BEN, PRODUCT
from tests.integration.slack_world import SlackWorld, slack_side


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SlackWorld]:
    async with slack_side(tmp_path) as made:
        yield made


async def test_a_mention_becomes_a_task_whose_card_is_in_its_thread(world: SlackWorld) -> None:
    task = await world.ask_for()

    thread = await world.visitor.thread(PRODUCT, task.thread_ts)
    assert [message["ts"] for message in thread][1] == task.card_ts
    assert "Waits for your approval" in text_of(thread[1])
    assert {"waggle.approve", "waggle.edit", "waggle.reject"} <= set(button_ids(thread[1]))


async def test_approve_in_the_thread_is_answered_there(world: SlackWorld) -> None:
    task = await world.ask_for()

    await world.visitor.say(PRODUCT, "lgtm!", task.thread_ts)

    await world.state(task.id, TaskState.QUEUED)
    await world.quiet()
    said = [text_of(message) for message in await world.visitor.thread(PRODUCT, task.thread_ts)]
    assert sum("Approved." in text for text in said) == 1


async def test_a_stranger_is_told_why_and_nothing_happens(world: SlackWorld) -> None:
    task = await world.ask_for()

    await world.visitor.say(PRODUCT, "approve", task.thread_ts, user=BEN)
    await world.visitor.click(PRODUCT, task.card_ts, "waggle.approve", user=BEN)
    await world.quiet()

    assert (await world.state(task.id, TaskState.PLANNED)).version == task.version
    told = [text_of(message) for message in await world.visitor.ephemerals(BEN)]
    assert sum("not on Waggle's list" in text for text in told) == 2
