"""Commit statuses: what is said about a head commit, once, and what becomes of it when it does not hold any more."""

from __future__ import annotations

import pytest
from sqlmodel import Session

from scheduler.lifecycle import TaskState
from scheduler.registry import Event, PullRequest, Registry
from scheduler.statuses import AI_REVIEW, DONE, SCREENSHOTS, Reporter, Said, wanted
from tests.conftest import Clock
from tests.unit.supervised import Stand, sha

OK, NA, WAIT, FAIL, HUMAN = "ok", "n/a", "wait", "fail", "human"


@pytest.mark.parametrize(
    ("lines", "ready", "said", "expected"),
    [
        ({}, False, {}, {}),
        ({"ai_review": WAIT, "screenshots": WAIT}, False, {}, {}),
        ({"ai_review": OK, "screenshots": NA}, False, {}, {AI_REVIEW: "success", SCREENSHOTS: "success"}),
        ({"ai_review": FAIL}, False, {}, {AI_REVIEW: "failure", DONE: "failure"}),
        ({"ai_review": HUMAN}, True, {}, {AI_REVIEW: "pending", DONE: "success"}),
        ({"ci": FAIL}, False, {}, {DONE: "failure"}),
        ({"ci": OK}, True, {}, {DONE: "success"}),
        ({"ci": OK}, False, {}, {}),
        ({"ci": FAIL}, True, {}, {DONE: "failure"}),
        ({"ci": WAIT}, False, {DONE: Said("success", "x")}, {DONE: "pending"}),
        ({"ai_review": WAIT}, False, {AI_REVIEW: Said("success", "x")}, {AI_REVIEW: "pending"}),
    ],
)
def test_what_is_said_follows_from_the_evidence(
    lines: dict[str, str], ready: bool, said: dict[str, Said], expected: dict[str, str]
) -> None:
    found = wanted({check: (state, "detail") for check, state in lines.items()}, ready=ready, said=said)
    assert {context: one.state for context, one in found.items()} == expected


@pytest.fixture
def stand(registry: Registry, clock: Clock) -> Stand:
    return Stand(registry, clock)


async def speak(stand: Stand) -> list[tuple[str, str]]:
    """One round of the monitor; what was said in it."""
    before = len(stand.github.spoken)
    if "status" in await stand.judge():
        await Reporter(stand.outside).report(stand.pull.id or 0)
    return [(context, state) for _, context, state, _ in stand.github.spoken[before:]]


async def until_ready(stand: Stand) -> None:
    stand.task_in(TaskState.VERIFYING)
    for _ in range(5):
        await stand.look()
        await stand.detail()
        await stand.diff()
        await stand.judge()
        stand.council()
        stand.clock.advance(20)
    assert stand.task().state is TaskState.READY


async def test_each_status_is_set_once_for_a_head_commit(stand: Stand) -> None:
    await until_ready(stand)
    assert await speak(stand) == [(AI_REVIEW, "success"), (SCREENSHOTS, "success"), (DONE, "success")]
    assert await speak(stand) == []


async def test_what_stands_on_github_already_is_not_set_again(stand: Stand) -> None:
    await until_ready(stand)
    await speak(stand)
    stand.change(lambda s: _forget(s, stand))
    assert await speak(stand) == []
    assert "status" not in await stand.judge(), "and is known again"


def _forget(session: Session, stand: Stand) -> None:
    """A crash between GitHub's answer and our row."""
    row = session.get(PullRequest, stand.pull.id)
    assert row is not None
    row.facts = {name: value for name, value in row.facts.items() if name != "statuses"}
    session.add(row)


async def test_a_new_head_commit_owes_its_own_words(stand: Stand) -> None:
    await until_ready(stand)
    await speak(stand)
    stand.github.head = sha(2)
    await stand.look()
    assert await speak(stand) == [], "nothing is known about it yet"
    await stand.detail()
    await stand.diff()
    await stand.judge()
    assert await speak(stand) == [(SCREENSHOTS, "success")]
    assert {head for head, *_ in stand.github.spoken[3:]} == {sha(2)}


async def test_a_refusal_is_recorded_once_and_not_repeated_for_this_head(stand: Stand) -> None:
    stand.github.refuses_statuses = True
    await until_ready(stand)
    assert await speak(stand) == []
    assert await speak(stand) == []
    assert [one.why for one in stand.rows(Event, what="statuses_refused")] == ["The token may not do this."]
