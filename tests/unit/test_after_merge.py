"""After the merge: the change taken back, and what people want beyond it."""

from __future__ import annotations

import pytest
from sqlmodel import Session

from bot.orchestrator.prompts import first_prompt, sheet_of_task
from bot.slack.grammar import parse
from bot.slack.intents import Command, FreeText, Revert, Surface
from bot.slack.views.card import buttons
from integrations.playground.scripted.merging import commit_to_revert
from scheduler import commands
from scheduler.commands import Actor, Reply
from scheduler.judging import Kind
from scheduler.lifecycle import PullState, TaskState
from scheduler.pull_text import render_pull_text
from scheduler.registry import Judgement, Outbox, PullRequest, Registry, Request, Task
from tests.conftest import Clock
from tests.unit.slack_facts import facts
from tests.unit.supervised import SLUG, Stand, sha

ANA = Actor("U0ANA", "Ana")
MERGE = sha(77)


@pytest.fixture
def stand(registry: Registry, clock: Clock) -> Stand:
    """A task that was merged."""
    made = Stand(registry, clock)
    made.task_in(TaskState.MERGED, channel="C1", thread_ts="1.2", kind="frontend", routes=[{"agent": "agent"}])

    def merged(session: Session) -> None:
        pull = session.get(PullRequest, 1)
        assert pull is not None
        pull.state, pull.merge_commit, pull.merged_by = PullState.MERGED, MERGE, "ana"
        pull.facts = {"diff": {"head": sha(1), "files": ["app/export.py", "tests/test_export.py"]}}
        session.add(pull)

    made.change(merged)
    return made


def do(stand: Stand, command: object, *args: object, **more: object) -> Reply:
    reply: Reply = stand.change(lambda s: command(s, stand.clock(), stand.policy, ANA, 1, *args, **more))  # type: ignore[operator]  # a command
    return reply


def test_a_revert_is_a_scoped_task_that_begins_with_git_revert(stand: Stand) -> None:
    reply = do(stand, commands.revert, reason="it broke the import")
    made = stand.task(2)
    assert reply.ok and reply.task_id == 2 and made.state is TaskState.QUEUED
    assert (made.follows, made.reverts, made.kind, made.repo) == (1, MERGE, "frontend", SLUG)
    assert (
        made.expected_files == ["app/export.py", "tests/test_export.py"]
        and made.branch == "waggle/t-2-revert-add-export"
    )
    assert (made.channel, made.thread_ts) == ("C1", ""), "it has a thread of its own"
    (row,) = stand.rows(Judgement)
    assert row.kind == Kind.PROMPT
    prompt = first_prompt(sheet_of_task(made, None))
    assert f"First of all run `git revert --no-edit -m 1 {MERGE}`" in prompt and "it broke the import" in prompt
    assert commit_to_revert(prompt) == MERGE


def test_a_revert_is_made_once(stand: Stand) -> None:
    do(stand, commands.revert)
    again = do(stand, commands.revert)
    assert again.task_id == 2 and "T-2 takes it back already" in again.text and len(stand.rows(Task)) == 2


@pytest.mark.parametrize("state", [state for state in TaskState if state is not TaskState.MERGED])
def test_only_what_is_merged_is_reverted(registry: Registry, clock: Clock, state: TaskState) -> None:
    stand = Stand(registry, clock)
    stand.task_in(state)
    assert not do(stand, commands.revert).ok and len(stand.rows(Task)) == 1


def test_without_a_merge_commit_nothing_is_made_up(stand: Stand) -> None:
    stand.change(lambda s: setattr(s.get(PullRequest, 1), "merge_commit", ""))
    assert not do(stand, commands.revert).ok and len(stand.rows(Task)) == 1


def test_its_pull_request_names_the_one_that_it_takes_back(stand: Stand) -> None:
    do(stand, commands.revert)
    body = render_pull_text(stand.task(2), reverts=f"{SLUG}#1").body
    assert f"\nReverts {SLUG}#1\n" in body
    assert "Reverts" not in render_pull_text(stand.task(2), reverts="@ana fixes #3").body


async def test_the_old_thread_hears_of_its_merge(stand: Stand) -> None:
    do(stand, commands.revert)
    stand.github.state = "merged"

    def opened(session: Session) -> None:
        task, old = session.get(Task, 2), session.get(PullRequest, 1)
        assert task is not None and old is not None
        task.state, old.node_id = TaskState.READY, "PR_0"
        values = old.model_dump(exclude={"id", "task_id", "number", "state", "node_id", "merge_commit", "facts"})
        session.add(PullRequest(**values, task_id=2, number=2, state=PullState.OPEN, node_id="PR_1"))

    stand.change(opened)
    await stand.look()
    await stand.watcher.detail(2, "f")
    assert stand.task(2).state is TaskState.MERGED
    (note,) = stand.rows(Outbox, kind="note")
    assert note.task_id == 1 and "T-1 is taken back: ana merged" in note.payload["text"]


@pytest.mark.parametrize("command", [commands.guide, commands.follow_up])
def test_more_words_are_a_task_that_is_told_what_came_before(stand: Stand, command: object) -> None:
    reply = do(stand, command, "and the same for credit notes")
    made, request = stand.task(2), stand.rows(Request)[1]
    assert reply.ok and reply.task_id == 2 and made.state is TaskState.SCOPING and made.follows == 1
    assert (request.text, made.repo, made.channel) == ("and the same for credit notes", SLUG, "C1")
    assert made.background == [
        f"T-1 Add export, merged as {MERGE[:12]} (https://example.test/1)",
        "Its goal: an export",
        "It changed: app/export.py, tests/test_export.py",
    ]
    assert "## What came before" in first_prompt(sheet_of_task(made, None))


def test_two_follow_ups_are_two_tasks_and_retry_with_words_is_one(stand: Stand) -> None:
    do(stand, commands.guide, "and credit notes")
    assert do(stand, commands.retry, guidance="and reminders").task_id == 3
    assert [task.follows for task in stand.rows(Task)] == [None, 1, 1]


@pytest.mark.parametrize("words", ["thanks!", "🎉", "Great work, thank you", ""])
def test_thanks_make_no_task(stand: Stand, words: str) -> None:
    reply = do(stand, commands.guide, words)
    assert not reply.ok and "`revert`" in reply.text and len(stand.rows(Task)) == 1


@pytest.mark.parametrize(
    ("said", "surface", "meant"),
    [
        ("revert", Surface.THREAD, Revert()),
        ("Revert please", Surface.THREAD, Revert()),
        ("revert, it broke the import", Surface.THREAD, Revert(None, "it broke the import")),
        ("revert T-3", Surface.SLASH, Revert(3)),
        ("revert 3 too slow", Surface.SLASH, Revert(3, "too slow")),
        ("revert the new header colour", Surface.MENTION, FreeText("revert the new header colour")),
        ("reverting is no option", Surface.THREAD, FreeText("reverting is no option")),
    ],
)
def test_revert_is_a_verb(said: str, surface: Surface, meant: Command) -> None:
    assert parse(said, surface) == meant


def test_a_merged_card_offers_it_and_asks_first() -> None:
    (button,) = buttons(facts(TaskState.MERGED))
    assert (button.verb, bool(button.confirm)) == ("revert", True)
