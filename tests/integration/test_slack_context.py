"""What customers and colleagues write becomes context, silently, and goes when they take it back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlmodel import select

from integrations.playground.visitor import text_of
from scheduler.registry import Source
from tests.integration.playground_slack_world import CUSTOMERS, PRODUCT
from tests.integration.slack_world import NOTES, SlackWorld, slack_side


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SlackWorld]:
    async with slack_side(tmp_path) as made:
        yield made


async def sources(world: SlackWorld) -> list[Source]:
    rows = await world.read(lambda s: list(s.exec(select(Source)).all()))
    return [row for row in rows if not row.forgotten]


async def known(world: SlackWorld, words: str) -> list[Source]:
    return [row for row in await sources(world) if words in row.text]


async def test_what_was_written_before_is_read_once_at_the_start(world: SlackWorld) -> None:
    async def read() -> bool:
        return bool(await known(world, "Our accountant retypes them"))

    await world.until(read)
    await world.quiet()
    before = len(await sources(world))
    source = (await known(world, "Our accountant retypes them"))[0]
    assert source.customer == "Northwind Logistics"
    assert source.trust == "external"
    assert f"/archives/{CUSTOMERS}/p" in source.url

    await world.restart()
    await world.quiet()
    assert len(await sources(world)) == before


async def test_a_customers_message_is_taken_in_without_a_word(world: SlackWorld) -> None:
    await world.quiet()
    posts = len(await world.posts()) + len(await world.posts("chat.postEphemeral"))
    text = 'Blue Door (Max, by mail): "A dark theme would spare my eyes &amp; my battery."'
    await world.visitor.say(CUSTOMERS, text, user="U0SUPPORT")

    async def taken() -> list[Source]:
        return await known(world, "dark theme")

    source = (await world.until(taken))[0]
    assert (source.customer, source.author) == ("Blue Door", "support")
    await world.quiet()
    assert len(await world.posts()) + len(await world.posts("chat.postEphemeral")) == posts
    assert await world.tasks() == []


async def test_an_edit_changes_what_is_known_and_a_deletion_removes_it(world: SlackWorld) -> None:
    ts = await world.visitor.say(CUSTOMERS, "They want a purple button", user="U0SUPPORT")

    async def taken() -> list[Source]:
        return await known(world, "purple button")

    await world.until(taken)
    await world.visitor.edit(CUSTOMERS, ts, "They want a green button", user="U0SUPPORT")

    async def changed() -> bool:
        return bool(await known(world, "green button")) and not await known(world, "purple button")

    await world.until(changed)
    await world.visitor.delete(CUSTOMERS, ts, user="U0SUPPORT")

    async def gone() -> bool:
        return not await known(world, "green button")

    await world.until(gone)
    await world.restart()
    await world.quiet()
    assert await gone()


async def test_a_transcript_shared_in_the_notes_channel_is_read(world: SlackWorld) -> None:
    vtt = b"WEBVTT\n\n00:00:01.000 --> 00:00:04.000\n<v Priya>We retype sixty invoices every month.\n"
    await world.visitor.upload(NOTES, "2026-03-20-call.vtt", vtt)

    async def taken() -> list[Source]:
        return await known(world, "sixty invoices every month")

    source = (await world.until(taken))[0]
    assert source.kind == "transcript"


async def test_a_picture_is_no_context_and_no_trouble(world: SlackWorld) -> None:
    await world.visitor.upload(NOTES, "cat.png", b"\x89PNG\r\n\x1a\n" + b"\x00" * 64)
    await world.quiet()
    assert all(row.state == "done" for row in await world.inbox())


async def test_the_context_is_searched_and_added_to_by_command(world: SlackWorld) -> None:
    await world.quiet()
    await world.visitor.slash("/waggle context add Blue Door pays yearly and by invoice")
    await world.quiet()
    await world.visitor.slash("/waggle context search how does Blue Door pay")
    await world.visitor.slash("/waggle context search zzzunheard")
    await world.quiet()

    told = [text_of(message) for message in await world.visitor.ephemerals()]
    assert told[0].startswith("Noted.")
    assert "> Blue Door pays yearly" in told[1]
    assert "Nothing about" in told[2]


async def test_a_request_made_in_a_customers_channel_is_still_a_request(world: SlackWorld) -> None:
    await world.visitor.say(CUSTOMERS, "@waggle customers want a dark theme")

    async def made() -> bool:
        return bool(await world.tasks())

    await world.until(made)
    assert (await world.tasks())[0].channel == CUSTOMERS


async def test_talk_in_a_work_channel_is_neither_work_nor_context(world: SlackWorld) -> None:
    await world.visitor.say(PRODUCT, "what a nice day")
    await world.quiet()
    assert await world.tasks() == []
    assert await known(world, "nice day") == []
