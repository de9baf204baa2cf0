"""What people say and press in Slack, from the page to the registry and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlmodel import select

from integrations.playground.visitor import button_ids, text_of
from scheduler.lifecycle import TaskState
from scheduler.registry import Event, Person
from tests.integration.playground_slack_world import ANA, BEN, PRODUCT
from tests.integration.slack_world import SlackWorld, slack_side


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SlackWorld]:
    async with slack_side(tmp_path) as made:
        yield made


async def whispers(world: SlackWorld, user: str = ANA) -> list[str]:
    return [text_of(message) for message in await world.visitor.ephemerals(user)]


async def test_a_mention_becomes_a_task_whose_card_is_in_its_thread(world: SlackWorld) -> None:
    task = await world.ask_for()
    await world.quiet()

    thread = await world.visitor.thread(PRODUCT, task.thread_ts)
    assert [message["ts"] for message in thread][1] == task.card_ts
    assert "Waits for your approval" in text_of(thread[1])
    assert {"waggle.approve", "waggle.edit", "waggle.reject"} <= set(button_ids(thread[1]))
    assert sum("reading the context" in text for text in await whispers(world)) == 1


async def test_a_slash_command_opens_a_thread_of_its_own(world: SlackWorld) -> None:
    await world.visitor.slash("/waggle new prio:p1 fix the rounding of tax")

    async def made() -> bool:
        return bool(await world.tasks())

    await world.until(made)
    task = (await world.tasks())[0]
    await world.plan(task.id)
    task = await world.shown(task.id)
    assert task.thread_ts == task.card_ts
    assert task.priority == "p1"
    assert task.title == "Export invoices as CSV"
    await world.visitor.say(PRODUCT, "approve", task.thread_ts)
    await world.state(task.id, TaskState.QUEUED)


async def test_approve_in_the_thread_is_answered_there(world: SlackWorld) -> None:
    task = await world.ask_for()

    await world.visitor.say(PRODUCT, "lgtm!", task.thread_ts)

    await world.state(task.id, TaskState.QUEUED)
    await world.quiet()
    assert sum("Approved." in text for text in await world.thread(task)) == 1


async def test_a_button_does_what_it_says_and_the_card_follows(world: SlackWorld) -> None:
    task = await world.ask_for()

    await world.visitor.click(PRODUCT, task.card_ts, "waggle.approve")

    await world.state(task.id, TaskState.QUEUED)
    await world.quiet()
    assert "Queued" in (await world.thread(task))[1]
    assert any("Approved." in text for text in await whispers(world))


async def test_of_two_people_who_press_at_once_the_second_is_told_who_was_first(world: SlackWorld) -> None:
    await world.let_in(BEN)
    task = await world.ask_for()

    await world.visitor.click(PRODUCT, task.card_ts, "waggle.approve")
    await world.visitor.click(PRODUCT, task.card_ts, "waggle.approve", user=BEN)
    await world.quiet()

    assert any("was approved already by <@U0ANA> just now" in text for text in await whispers(world, BEN))
    approvals = await world.read(lambda s: s.exec(select(Event).where(Event.what == "approved")).all())
    assert len(approvals) == 1


async def test_a_button_of_an_older_card_does_nothing(world: SlackWorld) -> None:
    task = await world.ask_for()
    # The card is not edited while Slack refuses edits, so the old button is still there.
    await world.visitor.fault("slack", {"answer": 429, "method": "chat.update", "next": 1, "retry_after": 2})
    await world.visitor.say(PRODUCT, "edit only paid invoices", task.thread_ts)
    await world.state(task.id, TaskState.SCOPING)

    await world.visitor.click(PRODUCT, task.card_ts, "waggle.reject")

    async def told() -> bool:
        return any("changed since that button was shown" in text for text in await whispers(world))

    await world.until(told)
    await world.state(task.id, TaskState.SCOPING)


async def test_guidance_travels_from_a_form_into_the_next_attempt(world: SlackWorld) -> None:
    task = await world.ask_for()
    await world.visitor.click(PRODUCT, task.card_ts, "waggle.edit")

    async def opened() -> list[dict[str, object]]:
        return await world.visitor.views()

    form = (await world.until(opened))[0]
    assert await world.visitor.submit(str(form["id"]), {"words": "only paid invoices"}) == {}

    await world.state(task.id, TaskState.SCOPING)
    await world.quiet_inbox()
    edited = await world.read(lambda s: s.exec(select(Event).where(Event.what == "edited")).one())
    assert (edited.actor, edited.why) == (ANA, "only paid invoices")


async def test_a_form_that_cannot_be_opened_says_what_to_type(world: SlackWorld) -> None:
    task = await world.ask_for()
    await world.visitor.fault("slack", {"answer": "expired_trigger_id", "method": "views.open"})

    await world.visitor.click(PRODUCT, task.card_ts, "waggle.edit")
    await world.quiet()

    assert any("reply `edit …` in the task's thread" in text for text in await whispers(world))


async def test_free_text_is_kept_as_guidance_and_side_talk_is_not(world: SlackWorld) -> None:
    task = await world.ask_for()
    await world.visitor.say(PRODUCT, "use semicolons", task.thread_ts)
    await world.visitor.say(PRODUCT, "// lunch?", task.thread_ts)
    await world.visitor.say(PRODUCT, "@ben what do you think?", task.thread_ts)
    await world.quiet()

    task = (await world.tasks())[0]
    assert [entry["text"] for entry in task.guidance] == ["use semicolons"]
    assert sum("Noted for the next attempt" in text for text in await whispers(world)) == 1


async def test_replies_of_one_thread_are_handled_in_their_order(world: SlackWorld) -> None:
    task = await world.ask_for()
    for n in range(12):
        await world.visitor.say(PRODUCT, f"word {n}", task.thread_ts)
    await world.quiet()

    assert [entry["text"] for entry in (await world.tasks())[0].guidance] == [f"word {n}" for n in range(12)]


async def test_an_edited_message_is_not_acted_on_again(world: SlackWorld) -> None:
    task = await world.ask_for()
    ts = await world.visitor.say(PRODUCT, "use semicolons", task.thread_ts)
    await world.quiet()
    await world.visitor.edit(PRODUCT, ts, "use commas")

    async def told() -> bool:
        return any("first version of that message" in text for text in await whispers(world))

    await world.until(told)
    assert [entry["text"] for entry in (await world.tasks())[0].guidance] == ["use semicolons"]


async def test_commands_that_only_look_are_answered_to_the_person_alone(world: SlackWorld) -> None:
    await world.ask_for()
    for command in ("status", "help", "whoami", "status T-1", "stop T-99", "aprove T-1", "answer"):
        await world.visitor.slash(f"/waggle {command}")
    await world.quiet()

    told = "\n".join(await whispers(world))
    for piece in (
        "*T-1*",
        "*Ask for work*",
        "admin.",
        "Waits for your approval",
        "There is no T-99",
        "aprove T-1",
        "answer <",
    ):
        assert piece in told.replace("&lt;", "<")
    assert len(await world.tasks()) == 1


async def test_who_is_let_in_may_work_and_who_is_put_out_may_not(world: SlackWorld) -> None:
    task = await world.ask_for()
    await world.visitor.slash("/waggle allow @ben approver")
    await world.quiet()
    await world.visitor.say(PRODUCT, "approve", task.thread_ts, user=BEN)
    await world.state(task.id, TaskState.QUEUED)
    assert (await world.read(lambda s: s.get(Person, BEN))).name == "ben"

    await world.visitor.slash("/waggle deny @ben")
    await world.quiet()
    await world.visitor.say(PRODUCT, "stop", task.thread_ts, user=BEN)
    await world.quiet()
    await world.state(task.id, TaskState.QUEUED)


async def test_the_first_admin_claims_waggle_with_the_code(tmp_path: Path) -> None:
    async with slack_side(tmp_path, admin_user_id="") as world:
        code = world.side.claim_code
        assert code
        await world.visitor.slash("/waggle status", user=BEN)
        await world.visitor.slash("/waggle claim WRONG", user=BEN)
        await world.visitor.slash(f"/waggle claim {code}", user=BEN)
        await world.quiet()

        told = await whispers(world, BEN)
        assert "has no admin yet" in told[0]
        assert "not the code" in told[1]
        assert "You are admin" in told[2]
        await world.restart()
        assert world.side.claim_code == ""


async def test_a_direct_message_works_like_a_channel(world: SlackWorld) -> None:
    state = await world.visitor.state()
    direct = next(str(one["id"]) for one in state["channels"] if str(one["id"]).startswith("D"))
    await world.visitor.say(direct, "customers want a dark theme")

    async def made() -> bool:
        return bool(await world.tasks())

    await world.until(made)
    task = (await world.tasks())[0]
    assert task.channel == direct
    await world.plan(task.id)
    task = await world.shown(task.id)
    await world.visitor.say(direct, "approve", task.thread_ts)
    await world.state(task.id, TaskState.QUEUED)
    await world.quiet()
    assert any("Approved." in text for text in await world.thread(task))


async def test_waggle_says_hello_once_where_it_is_invited(world: SlackWorld) -> None:
    await world.visitor.arrange(PRODUCT, "remove_waggle")
    await world.visitor.arrange(PRODUCT, "invite_waggle")

    async def greeted() -> list[str]:
        said = [text_of(one) for one in await world.visitor.messages(PRODUCT)]
        return [text for text in said if "I turn requests into" in text]

    assert len(await world.until(greeted)) == 1
