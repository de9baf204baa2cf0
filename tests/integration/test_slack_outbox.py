"""What people must hear is said once, in order, and where they can see it, whatever Slack does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, select

from integrations.playground.visitor import button_ids, text_of
from scheduler.lifecycle import Cause, PullState, QuestionState, TaskState
from scheduler.registry import PullRequest, Question, Task
from scheduler.registry.writers import move_task, say
from tests.integration.playground_slack_world import ANA, PRODUCT
from tests.integration.slack_world import SlackWorld, now, slack_side

HEAD = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SlackWorld]:
    async with slack_side(tmp_path) as made:
        yield made


async def count(world: SlackWorld, task: Task, words: str) -> int:
    return sum(words in text for text in await world.thread(task))


async def test_a_post_whose_answer_was_lost_is_found_and_not_posted_again(world: SlackWorld) -> None:
    task = await world.ask_for()
    await world.quiet()
    await world.visitor.fault("slack", {"answer": "drop", "method": "chat.postMessage"})
    await world.say("note", "n1", task, text="the agent waits for a slot")
    await world.quiet()

    assert await count(world, task, "waits for a slot") == 1
    row = (await world.outbox("note"))[0]
    thread = await world.visitor.thread(PRODUCT, task.thread_ts)
    assert row.ts in {message["ts"] for message in thread}


async def test_a_card_whose_answer_was_lost_is_found_and_not_posted_again(world: SlackWorld) -> None:
    await world.visitor.fault("slack", {"answer": "drop", "method": "chat.postMessage"})
    task = await world.ask_for()
    await world.quiet()

    assert await count(world, task, "Waits for your approval") == 1


@pytest.mark.proves("16", "17")
async def test_a_crash_in_the_middle_of_sending_sends_once(world: SlackWorld) -> None:
    task = await world.ask_for()
    await world.quiet()
    await world.visitor.fault("slack", {"latency_ms": 1500})
    await world.say("note", "n1", task, text="once and no more")

    async def sending() -> bool:
        return any(row.state == "sending" for row in await world.outbox("note"))

    await world.until(sending)
    await world.stop()  # the call is on its way, its answer is never read
    await world.visitor.fault("slack", {"clear": True})
    world.registry = world._open()
    await world.start()
    await world.quiet()

    assert await count(world, task, "once and no more") == 1


async def test_a_post_that_was_never_carried_out_is_posted_after_all(world: SlackWorld) -> None:
    task = await world.ask_for()
    await world.quiet()
    await world.visitor.fault("slack", {"answer": "hang", "method": "chat.postMessage", "seconds": 0.5})
    await world.say("note", "n1", task, text="said in the end")
    await world.quiet()

    assert await count(world, task, "said in the end") == 1


async def test_a_limit_is_waited_for_and_holds_up_nobody_else(world: SlackWorld) -> None:
    first, second = await world.ask_for(), await world.ask_for("@waggle fix the tax")
    await world.quiet()
    limited = {"answer": 429, "method": "chat.postMessage", "retry_after": 2}
    await world.visitor.fault("slack", limited)
    await world.say("note", "n1", first, text="first one")
    await world.say("note", "n2", first, text="second one")
    await world.quiet()

    said = [text for text in await world.thread(first) if "one" in text and "T-1" not in text]
    assert said == ["first one", "second one"]
    row = (await world.outbox("note"))[0]
    assert row.sent_at is not None and row.sent_at - row.created_at >= timedelta(seconds=1.5)
    assert second.card_ts


async def test_what_is_said_of_one_task_keeps_its_order(world: SlackWorld) -> None:
    task = await world.ask_for()
    await world.quiet()
    await world.visitor.fault("slack", {"answer": 500, "method": "chat.postMessage", "next": 2})
    for n in range(6):
        await world.say("note", f"n{n}", task, text=f"line {n}")
    await world.quiet()

    assert [text for text in await world.thread(task) if text.startswith("line")] == [f"line {n}" for n in range(6)]


async def test_a_burst_of_changes_is_a_few_edits_and_the_last_one_wins(world: SlackWorld) -> None:
    task = await world.ask_for()
    await world.quiet()
    before = len(await world.posts("chat.update"))
    for n in range(40):
        await world.progress(task, f"step {n}")
    await world.quiet()

    assert len(await world.posts("chat.update")) - before <= 8
    assert "step 39" in (await world.thread(task))[1]


async def test_a_card_that_looks_the_same_is_not_edited(world: SlackWorld) -> None:
    task = await world.ask_for()
    await world.quiet()
    before = len(await world.posts("chat.update"))
    await world.progress(task, task.goal)
    await world.quiet()
    await world.restart()
    await world.progress(task, task.goal)
    await world.quiet()

    assert len(await world.posts("chat.update")) == before


async def test_a_deleted_card_is_posted_again_once(world: SlackWorld) -> None:
    task = await world.ask_for()
    await world.quiet()
    await world.host.client.chat_delete(channel=PRODUCT, ts=task.card_ts)
    await world.progress(task, "a new goal")
    await world.quiet()
    again = (await world.tasks())[0]
    assert again.card_ts != task.card_ts
    assert await count(world, again, "a new goal") == 1

    await world.host.client.chat_delete(channel=PRODUCT, ts=again.card_ts)
    await world.progress(task, "another goal")
    await world.quiet()
    assert (await world.outbox("card"))[0].state == "failed"
    assert len(await world.outbox("alert")) == 1


async def test_a_task_whose_channel_is_gone_goes_on_in_direct_messages(world: SlackWorld) -> None:
    task = await world.ask_for()
    await world.quiet()
    await world.visitor.arrange(PRODUCT, "remove_waggle")
    await world.say("note", "n1", task, text="the agent waits")
    await world.quiet()

    moved = (await world.tasks())[0]
    assert moved.channel.startswith("D")
    said = await world.thread(moved)
    assert "Waits for your approval" in said[0]
    assert any("the agent waits" in text for text in said)
    alerts = [text_of(one) for one in await world.visitor.messages(moved.channel) if "⚠️" in text_of(one)]
    assert len(alerts) == 1 and "Invite me with" in alerts[0]
    await world.visitor.say(moved.channel, "approve", moved.thread_ts)
    await world.state(task.id, TaskState.QUEUED)


async def test_a_message_that_slack_refuses_is_said_in_plain_words(world: SlackWorld) -> None:
    task = await world.ask_for()
    await world.quiet()
    await world.visitor.fault("slack", {"answer": "invalid_blocks", "method": "chat.postMessage"})
    await world.help(task)
    await world.quiet()

    assert await count(world, task, "needs your help: CI is red.") == 1


@pytest.mark.proves("16", "B")
async def test_a_message_that_slack_refuses_for_good_is_shown_to_the_admins(world: SlackWorld) -> None:
    task = await world.ask_for()
    await world.quiet()
    await world.visitor.fault("slack", {"answer": "msg_too_long", "method": "chat.postMessage", "next": 2})
    await world.say("note", "n1", task, text="never said")
    await world.quiet()

    assert (await world.outbox("note"))[0].state == "failed"
    alert = (await world.outbox("alert"))[0]
    assert alert.state == "sent" and "does not take a message" in alert.payload["text"]


async def pull_of(world: SlackWorld, task: Task, head: str = HEAD) -> None:
    def work(session: Session) -> None:
        session.add(
            PullRequest(
                task_id=task.id or 0,
                repo="acme/ledgerline",
                number=7,
                node_id="PR_7",
                url="https://github.test/acme/ledgerline/pull/7",
                branch="waggle/t-1",
                state=PullState.OPEN,
                head_sha=head,
                head_since=now(),
                created_at=now(),
            )
        )
        row = session.get(Task, task.id)
        assert row is not None
        row.state = TaskState.VERIFYING
        session.add(row)
        session.flush()
        move_task(session, row, TaskState.READY, Cause.ALL_CHECKS, now())
        say(session, now(), kind="pr_ready", dedupe_key=f"ready:{head}", task=row, head=head)

    await world.registry.write(work)


async def move_head(world: SlackWorld, task: Task) -> None:
    def work(session: Session) -> None:
        pull, row = session.exec(select(PullRequest)).one(), session.get(Task, task.id)
        assert row is not None
        pull.head_sha = "f" * 40
        session.add(pull)
        say(
            session,
            now(),
            kind="ready_withdrawn",
            dedupe_key="w",
            task=row,
            head=HEAD,
            payload={"why": "the head moved"},
        )
        move_task(session, row, TaskState.VERIFYING, Cause.HEAD_MOVED, now())

    await world.registry.write(work)


async def test_ready_is_said_once_and_withdrawn_where_it_was_said(world: SlackWorld) -> None:
    task = await world.ask_for()
    await pull_of(world, task)
    await world.quiet()
    assert await count(world, task, "PR ready:") == 1

    await move_head(world, task)
    await world.quiet()
    assert await count(world, task, "PR ready:") == 0
    assert await count(world, task, "is not any more: the head moved") == 1


async def test_ready_for_a_head_that_moved_before_it_was_said_is_never_said(world: SlackWorld) -> None:
    task = await world.ask_for()
    await world.quiet()
    await world.visitor.fault("slack", {"answer": 429, "method": "chat.postMessage", "retry_after": 1})
    await pull_of(world, task)

    async def limited() -> bool:
        return any(row.tries for row in await world.outbox("pr_ready"))

    await world.until(limited)
    await move_head(world, task)
    await world.quiet()

    assert (await world.outbox("pr_ready"))[0].state == "void"
    assert (await world.outbox("ready_withdrawn"))[0].state == "void"
    assert await count(world, task, "PR ready:") == 0


async def test_a_question_takes_its_answer_and_loses_its_buttons(world: SlackWorld) -> None:
    task = await world.ask_for()

    def ask(session: Session) -> None:
        row = session.get(Task, task.id)
        assert row is not None
        row.state = TaskState.RUNNING
        question = Question(
            task_id=row.id or 0,
            about="agent",
            text="Semicolons or commas?",
            options=["semicolons", "commas"],
            state=QuestionState.OPEN,
            created_at=now(),
        )
        session.add(question)
        session.flush()
        move_task(session, row, TaskState.ASKING, Cause.AGENT_ASKS, now())
        say(session, now(), kind="question", dedupe_key="q", task=row, payload={"question_id": question.id})

    await world.registry.write(ask)
    await world.quiet()
    asked = (await world.visitor.thread(PRODUCT, task.thread_ts))[-1]
    assert {"waggle.answer.0", "waggle.answer.1", "waggle.answer"} <= set(button_ids(asked))

    await world.visitor.click(PRODUCT, asked["ts"], "waggle.answer.1")
    await world.state(task.id, TaskState.QUEUED)
    await world.quiet()

    thread = await world.visitor.thread(PRODUCT, task.thread_ts)
    settled = next(message for message in thread if message["ts"] == asked["ts"])
    assert button_ids(settled) == []
    assert "<@U0ANA>: commas" in text_of(settled)
    answered = await world.read(lambda s: s.exec(select(Question)).one())
    assert (answered.answer, answered.answered_by) == ("commas", ANA)


async def test_a_call_for_help_keeps_its_cause_when_somebody_helped(world: SlackWorld) -> None:
    task = await world.ask_for()
    await world.help(task)
    await world.quiet()
    await world.visitor.say(PRODUCT, "retry the schema is in app/schema.py", task.thread_ts)
    await world.state(task.id, TaskState.QUEUED)
    await world.quiet()

    settled = next(text for text in await world.thread(task) if "needed help" in text)
    assert "CI is red." in settled
    assert "AssertionError: 3 != 4" in settled
    assert await count(world, task, "needs your help") == 0


async def test_an_alert_waits_for_the_first_admin(tmp_path: Path) -> None:
    async with slack_side(tmp_path, admin_user_id="") as world:
        await world.say("alert", "a1", text="GitHub does not answer")
        await world.visitor.slash(f"/waggle claim {world.side.claim_code}")
        await world.quiet()
        state = await world.visitor.state()
        direct = next(str(one["id"]) for one in state["channels"] if str(one["id"]).startswith("D"))
        said = [text_of(one) for one in await world.visitor.messages(direct)]
        assert sum("GitHub does not answer" in text for text in said) == 1


@pytest.mark.proves("16")
async def test_everything_is_kept_while_slack_is_down(world: SlackWorld) -> None:
    task = await world.ask_for()
    await world.quiet()
    await world.host.stop()
    for n in range(3):
        await world.say("note", f"n{n}", task, text=f"line {n}")
    await asyncio.sleep(0)
    await world.host.start()
    world.visitor = world.host.visitor
    await world.quiet()

    assert [text for text in await world.thread(task) if text.startswith("line")] == ["line 0", "line 1", "line 2"]
