"""What reviewers' findings were worth: each is counted once, for whoever made it, under what became of it."""

from __future__ import annotations

from typing import Any

from bot.precision import Record, Seat, records, seats
from scheduler.judging import Kind, Reviewed, ReviewFacts, ReviewVerdict
from scheduler.lifecycle import TaskState
from scheduler.registry import Judgement, Registry, Review
from scheduler.reviews import apply_review
from scheduler.same_finding import key_of
from tests.conftest import Clock
from tests.unit.supervised import SLUG, Stand, sha

FOUND: dict[str, Any] = {
    "path": "a.py", "line": 1, "category": "security", "title": "t", "why": "w", "quote": "x", "blocks": True,
    "status": "confirmed", "found_by": ["a"],
}  # fmt: skip


def review(
    name: str, *found: dict[str, Any], verdict: str = "request_changes", head: str = "h", real: bool = True
) -> Review:
    return Review(pull_request_id=1, head=head, reviewer=name, family=f"f-{name}", model=f"m-{name}", verdict=verdict,
                  findings=list(found), real=real)  # fmt: skip


def test_each_finding_counts_for_whoever_made_it_under_what_became_of_it() -> None:
    both = {**FOUND, "found_by": ["a", "b"], "became": "fixed"}
    rows = [
        review("a", both, {**FOUND, "title": "u", "status": "refuted", "blocks": False}),
        review("b", {**FOUND, "found_by": ["b"], "category": "perf", "status": "unverified", "blocks": False}),
        review("a", {**FOUND, "title": "v", "status": "settled"}, head="h2"),
    ]
    assert records(rows, {}) == [
        Record("m-a", "all", found=2, confirmed=1, refuted=1, fixed=1),
        Record("m-a", "security", found=2, confirmed=1, refuted=1, fixed=1),
        Record("m-b", "all", found=2, confirmed=1, unchecked=1, fixed=1),
        Record("m-b", "perf", found=1, unchecked=1),
        Record("m-b", "security", found=1, confirmed=1, fixed=1),
    ]
    assert [one.precision for one in records(rows, {})] == [0.5, 0.5, 1.0, None, 1.0]


def test_what_a_person_resolved_and_nobody_changed_is_dismissed() -> None:
    remarks = {1: {key_of(FOUND): {"state": "resolved", "by": "ana"}}}
    assert records([review("a", FOUND)], remarks)[0].dismissed == 1
    assert records([review("a", {**FOUND, "became": "fixed"})], remarks)[0].dismissed == 0
    assert records([review("a", FOUND)], {1: {key_of(FOUND): {"state": "resolved", "by": ""}}})[0].dismissed == 0


def test_how_often_each_model_was_asked_and_had_an_answer() -> None:
    rows = [review("a", verdict=word) for word in ("approve", "approve", "error", "abstain", "request_changes")]
    assert seats([*rows, review("b", real=False)]) == [
        Seat("m-a", "f-a", 5, approved=2, objected=1, abstained=1, failed=1, real=True),
        Seat("m-b", "f-b", 1, approved=0, objected=1, abstained=0, failed=0, real=False),
    ]


def test_a_later_round_writes_down_what_became_of_what_was_found_before(registry: Registry, clock: Clock) -> None:
    stand = Stand(registry, clock)
    stand.task_in(TaskState.VERIFYING)
    row = review("a", FOUND, {**FOUND, "title": "u"}, head=sha(1))
    row.created_at = clock()
    stand.change(lambda session: session.add(row))
    facts = ReviewFacts(pull_request_id=1, repo=SLUG, number=1, base_sha=sha(1000), head_sha=sha(2), round=2)
    said = Reviewed(
        reviews=(ReviewVerdict(reviewer="a", family="f-a", model="m-a", verdict="approve"),),
        became={key_of(FOUND): "fixed"},
    )
    judgement = Judgement(
        kind=Kind.REVIEW, subject="pull:1:x:r2", task_id=1, facts=facts.model_dump(mode="json"),
        answer=said.model_dump(mode="json"), state="answered", created_at=clock(),
    )  # fmt: skip
    stand.change(lambda session: apply_review(session, clock(), judgement))
    before, now = stand.rows(Review)
    assert [one.get("became", "") for one in before.findings] == ["fixed", ""] and now.findings == []
