"""Which findings are said on a line, and when two are the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlmodel import Session

from integrations.github import Comment, Thread
from scheduler.lifecycle import TaskState
from scheduler.registry import Event, PullRequest, Registry, Review
from scheduler.remarks import confirmed, remark_of, seen_remarks, unsaid
from scheduler.review_comment import Spokesman
from scheduler.same_finding import key_of, same
from tests.conftest import Clock
from tests.unit.supervised import Stand, sha

FOUND: dict[str, Any] = {
    "path": "app/money.py",
    "line": 20,
    "category": "correctness",
    "title": "Total loses cents",
    "why": "Rounding twice drops half a cent of every invoice line.",
    "quote": "    return round(round(total, 2))",
    "blocks": True,
    "status": "confirmed",
    "found_by": ["anthropic", "openai"],
}
REWORDED = {"title": "Double rounding", "why": "Each invoice line may drop a cent by rounding again.", "quote": "    x"}


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        ({}, True),
        (REWORDED, True),
        ({**REWORDED, "line": 30}, True),
        ({**REWORDED, "line": 31}, False),  # another region, and another line
        ({"title": "Crash", "why": "A tuple has no sum."}, True),  # the same line, in other words
        ({"title": "Crash", "why": "A tuple has no sum.", "quote": "    x"}, False),
        ({"path": "app/other.py"}, False),
        ({"category": "security"}, False),
        ({"line": 400}, True),  # the line moved
    ],
)
def test_what_makes_two_findings_the_same(change: dict[str, Any], is_same: bool) -> None:
    assert same(FOUND, {**FOUND, **change}) is same({**FOUND, **change}, FOUND) is is_same


def test_only_blockers_that_were_confirmed_are_said() -> None:
    rows = [FOUND, {**FOUND, "status": "unverified"}, {**FOUND, "blocks": False}, {**FOUND, "status": "refuted"}]
    review = Review(pull_request_id=1, head="a", reviewer="r", family="f", model="m", verdict="approve", findings=rows)
    assert confirmed([review]) == [FOUND]


def test_what_was_said_before_is_not_said_again_in_other_words() -> None:
    again = {**FOUND, **REWORDED}
    known = {key_of(FOUND): {"state": "open", "by": ""}}
    assert unsaid([again], [FOUND], {}) == [again], "it was found before, and nobody said it"
    assert unsaid([again], [FOUND], known) == unsaid([FOUND], [], known) == []
    assert unsaid([{**again, "path": "b"}], [FOUND], known) == [{**again, "path": "b"}]


def thread(body: str, *, own: bool = True, by: str = "", user: bool = True) -> Thread:
    comment = Comment("1", "waggle", False, body, "", datetime(2026, 9, 1, tzinfo=UTC))
    return Thread("T", "app/money.py", 20, bool(by), False, (comment,), by, user and bool(by), own)


def test_a_remark_is_found_again_by_its_marker_and_shows_who_settled_it() -> None:
    body, key = remark_of("T-1", FOUND).body, key_of(FOUND)
    assert seen_remarks([thread(body)], {}) == {key: {"state": "open", "by": ""}}
    assert seen_remarks([thread(body, by="ana")], {}) == {key: {"state": "resolved", "by": "ana"}}
    assert seen_remarks([thread(body, by="bot", user=False)], {}) == {key: {"state": "resolved", "by": ""}}
    assert seen_remarks([thread(body, own=False), thread("a question")], {}) == {}, "a copied marker is not ours"
    assert seen_remarks([], {key: {"state": "open", "by": ""}}) == {key: {"state": "open", "by": ""}}


def test_words_of_models_stay_words_on_a_line_too() -> None:
    hostile = "@acme/everyone fixes #3 <!-- waggle:task=T-1 kind=finding-00 v=1 -->"
    body = remark_of("T-1", {**FOUND, "title": hostile, "why": hostile}).body
    assert "@acme" not in body and "#3" not in body and body.count("<!--") == 1


def reviewed(stand: Stand, head: str, *found: dict[str, Any]) -> None:
    """The council finds this at a head commit, which is the head now."""

    def work(session: Session) -> None:
        pull = session.get(PullRequest, 1)
        assert pull is not None
        pull.head_sha = head
        row = Review(pull_request_id=1, head=head, reviewer="a", family="a", model="m", verdict="request_changes",
                     findings=list(found), created_at=stand.clock())  # fmt: skip
        session.add(pull)
        session.add(row)

    stand.change(work)


async def test_a_finding_is_said_on_its_line_once_however_often_it_is_found(registry: Registry, clock: Clock) -> None:
    stand = Stand(registry, clock)
    stand.task_in(TaskState.VERIFYING)
    reviewed(stand, sha(1), FOUND, {**FOUND, "status": "unsure", "blocks": False, "line": 90, "quote": "y"})
    await stand.report()
    await stand.report()
    reviewed(stand, sha(2), {**FOUND, **REWORDED}, {**FOUND, **REWORDED, "line": 300, "title": "Tax is missing"})
    await stand.report()
    said = [(head, one.line, one.body.split("\n")[1]) for head, one in stand.github.remarks]
    assert said == [(sha(1), 20, "**Total loses cents**"), (sha(2), 300, "**Tax is missing**")]


async def test_what_github_refuses_for_good_is_written_down_and_not_tried_again(
    registry: Registry, clock: Clock
) -> None:
    stand = Stand(registry, clock)
    stand.task_in(TaskState.VERIFYING)
    stand.github.refuses_remarks = True
    reviewed(stand, sha(1), FOUND)
    await stand.report()
    (event,) = stand.rows(Event, what="comment_refused")
    assert event.why == "The token may not comment." and stand.pull.facts["summary"]["head"] == sha(1)
    assert stand.pull.facts.get("remarks", {}) == {}


@pytest.mark.parametrize(
    ("state", "owed"),
    [
        (TaskState.DIAGNOSING, [1]),
        (TaskState.QUEUED, [1]),
        (TaskState.RUNNING, [1]),
        (TaskState.VERIFYING, []),  # the judgement asks for it
        (TaskState.STOPPED, []),
    ],
)
async def test_what_a_crash_left_unsaid_is_said_while_the_agent_is_back_at_work(
    registry: Registry, clock: Clock, state: TaskState, owed: list[int]
) -> None:
    stand = Stand(registry, clock)
    stand.task_in(state)
    assert await Spokesman(stand.outside).owed() == [], "nobody has reviewed it"
    reviewed(stand, sha(1), FOUND)
    assert await Spokesman(stand.outside).owed() == owed
    await Spokesman(stand.outside).tell(1)
    assert await Spokesman(stand.outside).owed() == [] and len(stand.github.remarks) == 1


async def test_nothing_is_said_of_a_head_commit_that_nobody_reviewed(registry: Registry, clock: Clock) -> None:
    stand = Stand(registry, clock)
    stand.task_in(TaskState.RUNNING)
    reviewed(stand, sha(1), FOUND)
    reviewed(stand, sha(2))
    stand.change(lambda session: session.delete(session.get(Review, 2)))
    await stand.report()
    assert "summary" not in stand.pull.facts and stand.github.remarks == []
