"""Slack delivers at least once and forgets what is acknowledged: each delivery acts once, and none is lost.

# invariant 11
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlmodel import Session, select

from integrations.playground.visitor import text_of
from scheduler.lifecycle import TaskState
from scheduler.registry import Inbox
from tests.integration.playground_slack_world import PRODUCT
from tests.integration.slack_world import SlackWorld, now, slack_side


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SlackWorld]:
    async with slack_side(tmp_path) as made:
        yield made


async def test_a_delivery_that_comes_three_times_acts_once(world: SlackWorld) -> None:
    # A click has one chance, and this is not about a machine that is too slow for it.
    await world.visitor.fault("slack", {"copies": 3, "ack_s": 30.0})
    task = await world.ask_for()
    await world.visitor.say(PRODUCT, "use semicolons", task.thread_ts)
    await world.visitor.click(PRODUCT, task.card_ts, "waggle.approve")
    await world.state(task.id, TaskState.QUEUED)
    await world.quiet()

    tasks = await world.tasks()
    assert len(tasks) == 1
    assert [entry["text"] for entry in tasks[0].guidance] == ["use semicolons"]
    told = [text_of(message) for message in await world.visitor.ephemerals()]
    assert len(told) == len(set(told)) == 3


async def acked(world: SlackWorld) -> list[bool]:
    return [
        one["acked"] is not None
        for one in await world.visitor.deliveries()
        if "remember me" in str(one["payload"].get("event", {}).get("text", ""))
    ]


async def test_nothing_is_acknowledged_that_is_not_on_disk(world: SlackWorld) -> None:
    await world.visitor.fault("slack", {"ack_s": 0.5, "redelivery_s": [0.2, 0.5, 1.0]})
    world.registry.broken = True
    await world.visitor.say(PRODUCT, "@waggle remember me")

    async def tried_twice() -> bool:
        sent = [one for one in await world.visitor.deliveries() if "remember me" in str(one["payload"])]
        return any(one["attempt"] >= 1 for one in sent)

    await world.until(tried_twice)
    assert not any(await acked(world))
    assert await world.tasks() == []

    world.registry.broken = False

    async def made() -> bool:
        return bool(await world.tasks())

    await world.until(made)

    async def all_acked() -> bool:
        return all(await acked(world))

    await world.until(all_acked)
    assert len(await world.tasks()) == 1


async def test_a_click_that_could_not_be_stored_shows_slacks_own_warning(world: SlackWorld) -> None:
    task = await world.ask_for()
    await world.quiet()
    await world.visitor.fault("slack", {"ack_s": 0.5})
    world.registry.broken = True
    with pytest.raises(Exception, match=r"did not|answer"):
        await world.visitor.click(PRODUCT, task.card_ts, "waggle.approve")
    world.registry.broken = False
    await world.state(task.id, TaskState.PLANNED)


@pytest.mark.parametrize("how", ["cut", "refresh_requested", "warning"])
async def test_a_lost_socket_is_made_anew_and_what_was_said_meanwhile_arrives(world: SlackWorld, how: str) -> None:
    await world.visitor.fault("slack", {"ack_s": 1.0, "redelivery_s": [1.0, 3.0, 6.0]})
    await world.visitor.fault("slack", {"socket": how})
    task = await world.ask_for()
    await world.visitor.say(PRODUCT, "approve", task.thread_ts)
    await world.state(task.id, TaskState.QUEUED)
    assert len(await world.tasks()) == 1


@pytest.mark.proves("17")
async def test_what_was_acted_on_before_a_crash_is_answered_after_it_and_not_done_again(world: SlackWorld) -> None:
    task = await world.ask_for()
    await world.quiet()
    await world.visitor.fault("slack", {"answer": "hang", "method": "chat.postMessage", "seconds": 1, "next": 20})
    await world.visitor.say(PRODUCT, "approve", task.thread_ts)

    async def acted() -> bool:
        return any(row.state == "acted" for row in await world.inbox())

    await world.until(acted)
    await world.stop()
    await world.visitor.fault("slack", {"clear": True})
    world.registry = world._open()
    await world.start()
    await world.quiet()

    assert sum("Approved." in text for text in await world.thread(task)) == 1
    assert (await world.state(task.id, TaskState.QUEUED)).version == task.version + 1


async def test_an_answer_whose_delivery_is_in_doubt_is_not_said_twice(world: SlackWorld) -> None:
    task = await world.ask_for()
    await world.quiet()
    await world.visitor.fault("slack", {"answer": "drop", "method": "chat.postMessage"})
    await world.visitor.say(PRODUCT, "approve", task.thread_ts)
    await world.quiet()

    assert sum("Approved." in text for text in await world.thread(task)) == 1


async def test_a_delivery_that_cannot_be_handled_is_reported_and_holds_up_no_other_thread(world: SlackWorld) -> None:
    def spoil(session: Session) -> None:
        session.add(Inbox(delivery_key="bad", kind="said", payload={"kind": "said", "lane": "x"}, received_at=now()))

    await world.registry.write(spoil)
    task = await world.ask_for()
    await world.visitor.say(PRODUCT, "approve", task.thread_ts)
    await world.state(task.id, TaskState.QUEUED)

    async def tries() -> int:
        return await world.read(lambda s: s.exec(select(Inbox.tries).where(Inbox.delivery_key == "bad")).one())

    await world.until(tries)


async def test_people_are_answered_where_waggle_may_not_write(world: SlackWorld) -> None:
    await world.visitor.arrange("C0NOTES", "remove_waggle")
    await world.visitor.slash("/waggle whoami", channel="C0NOTES")
    await world.quiet()

    told = [text_of(message) for message in await world.visitor.ephemerals()]
    assert any("admin" in text for text in told)


@pytest.mark.proves("16", "B")
async def test_slack_may_be_silent_for_a_while(world: SlackWorld) -> None:
    task = await world.ask_for()
    await world.quiet()
    await world.visitor.fault("slack", {"answer": 503, "next": 4})
    await world.visitor.say(PRODUCT, "approve", task.thread_ts)
    await world.visitor.say(PRODUCT, "use semicolons", task.thread_ts)
    await world.quiet()

    said = await world.thread(task)
    assert sum("Approved." in text for text in said) == 1
    assert "Queued" in said[1]


async def test_what_slack_gave_up_delivering_is_read_at_the_next_start(world: SlackWorld) -> None:
    task = await world.ask_for()
    await world.quiet()
    await world.visitor.fault("slack", {"ack_s": 0.3, "redelivery_s": []})
    world.registry.broken = True
    await world.visitor.say(PRODUCT, "@waggle remember me")
    await world.visitor.say(PRODUCT, "approve", task.thread_ts)

    async def given_up() -> bool:
        return sum(one["state"] == "lost" for one in await world.visitor.deliveries()) >= 3

    await world.until(given_up)
    world.registry.broken = False
    await world.visitor.fault("slack", {"clear": True})
    await world.restart()

    await world.state(task.id, TaskState.QUEUED)

    async def made() -> bool:
        return len(await world.tasks()) == 2

    await world.until(made)
    await world.restart()
    await world.quiet_inbox()
    assert len(await world.tasks()) == 2
    assert sum("Approved." in text for text in await world.thread(task)) == 1
