"""The definition of done: a table of what each fact does to its line, and the rule that old evidence is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.ci import CheckRun
from scheduler.done import Check, DiffFact, DonePolicy, PullFacts, ReviewFact, State, verdict

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEAD, OLD = "a" * 40, "b" * 40
POLICY = DonePolicy(families=2, author_family="scripted")


def good(head: str = HEAD) -> PullFacts:
    """A pull request that is done in every line."""
    return PullFacts(
        state="open",
        head=head,
        head_since=NOW - timedelta(hours=1),
        url="https://example.test/pull/1",
        mergeable="yes",
        checks_head=head,
        checks=(CheckRun("tests", "ok"), CheckRun("lint", "ok")),
        unresolved_threads=0,
        diff=DiffFact(head, ("app/export.py",), 40),
        reviews=(ReviewFact("anthropic", "approve", head), ReviewFact("openai", "approve", head)),
        reviewers_left=False,
    )


def test_everything_holds() -> None:
    said = verdict(good(), POLICY, NOW)
    assert said.complete
    assert said.line(Check.HUMAN_REVIEW).state is State.HUMAN, "merging stays with a person"


@pytest.mark.parametrize(
    ("change", "check", "state"),
    [
        ({"state": "closed"}, Check.PR_OPEN, State.FAIL),
        ({"draft": True}, Check.NOT_DRAFT, State.WAIT),
        ({"mergeable": "unknown"}, Check.SYNCED, State.WAIT),
        ({"mergeable": "no"}, Check.SYNCED, State.FAIL),
        ({"checks": ()}, Check.CI, State.HUMAN),
        ({"checks": (), "head_since": NOW}, Check.CI, State.WAIT),
        ({"checks": (CheckRun("tests", "wait"),)}, Check.CI, State.WAIT),
        ({"checks": (CheckRun("tests", "fail"),)}, Check.CI, State.FAIL),
        ({"checks": (CheckRun("tests", "fail"), CheckRun("e2e", "wait"))}, Check.CI, State.WAIT),
        ({"checks": (CheckRun("tests", "human"),)}, Check.CI, State.HUMAN),
        ({"required": ("e2e",), "head_since": NOW}, Check.CI, State.WAIT),
        ({"required": ("e2e",)}, Check.CI, State.HUMAN),
        (
            {"required": ("tests",), "checks": (CheckRun("tests", "ok", True), CheckRun("docs", "fail"))},
            Check.CI,
            State.OK,
        ),
        ({"has_ci": False}, Check.CI, State.WAIT),
        ({"has_ci": False, "verified_head": HEAD, "verified_ok": True}, Check.CI, State.OK),
        ({"has_ci": False, "verified_head": HEAD, "verified_ok": False}, Check.CI, State.FAIL),
        ({"has_ci": False, "verified_head": OLD, "verified_ok": True}, Check.CI, State.WAIT),
        ({"reviews": (), "reviewers_left": True}, Check.AI_REVIEW, State.WAIT),
        ({"reviews": (ReviewFact("anthropic", "approve", HEAD),)}, Check.AI_REVIEW, State.HUMAN),
        (
            {"reviews": (ReviewFact("anthropic", "error", HEAD), ReviewFact("openai", "abstain", HEAD))},
            Check.AI_REVIEW,
            State.HUMAN,
        ),
        (
            {"reviews": (ReviewFact("anthropic", "approve", HEAD), ReviewFact("anthropic", "approve", HEAD))},
            Check.AI_REVIEW,
            State.HUMAN,
        ),
        (
            {
                "reviews": (
                    ReviewFact("anthropic", "approve", HEAD),
                    ReviewFact("openai", "request_changes", HEAD, blockers=1),
                )
            },
            Check.AI_REVIEW,
            State.FAIL,
        ),
        (
            {"reviews": (ReviewFact("anthropic", "approve", HEAD), ReviewFact("openai", "approve", HEAD, unmet=1))},
            Check.AI_REVIEW,
            State.FAIL,
        ),
        (
            {
                "reviews": (
                    ReviewFact("anthropic", "approve", HEAD, counts=False),
                    ReviewFact("openai", "approve", HEAD, counts=False),
                )
            },
            Check.AI_REVIEW,
            State.HUMAN,
        ),
        ({"unresolved_threads": None}, Check.THREADS, State.WAIT),
        ({"unresolved_threads": 2}, Check.THREADS, State.FAIL),
        ({"diff": None}, Check.SECRETS, State.WAIT),
        ({"diff": DiffFact(HEAD, ("a",), 3, secrets=("github token",))}, Check.SECRETS, State.FAIL),
        ({"diff": DiffFact(HEAD, ("a",), 9000)}, Check.SIZE, State.HUMAN),
        (
            {"diff": DiffFact(HEAD, (".github/workflows/ci.yml",), 3, workflow_files=(".github/workflows/ci.yml",))},
            Check.WORKFLOW_FILES,
            State.HUMAN,
        ),
        ({"diff": DiffFact(HEAD, ("t.html",), 3, ui_files=("t.html",))}, Check.SCREENSHOTS, State.HUMAN),
        (
            {"diff": DiffFact(HEAD, ("t.html",), 3, ui_files=("t.html",)), "shown_by": "ana"},
            Check.SCREENSHOTS,
            State.OK,
        ),
        ({"ui_label": True}, Check.SCREENSHOTS, State.HUMAN),
    ],
)
def test_one_fact_one_line(change: dict[str, object], check: Check, state: State) -> None:
    facts = replace(good(), **change)  # type: ignore[arg-type]  # a table of fields
    assert verdict(facts, POLICY, NOW).line(check).state is state


def test_screenshots_fail_closed_where_the_repository_can_make_them() -> None:
    facts = replace(good(), diff=DiffFact(HEAD, ("t.html",), 3, ui_files=("t.html",)))
    wants = replace(POLICY, wants_screenshots=True)
    assert verdict(facts, wants, NOW).line(Check.SCREENSHOTS).state is State.WAIT
    taken = replace(facts, screenshots_head=HEAD, picture_count=2)
    assert verdict(taken, wants, NOW).line(Check.SCREENSHOTS).state is State.OK
    assert verdict(replace(taken, screenshots_head=OLD), wants, NOW).line(Check.SCREENSHOTS).state is State.WAIT


def test_a_command_that_cannot_take_pictures_leaves_the_look_to_a_person() -> None:
    facts = replace(good(), diff=DiffFact(HEAD, ("t.html",), 3, ui_files=("t.html",)))
    facts = replace(facts, screenshots_head=HEAD, pictures_why="skipped: there is no Chromium here")
    said = verdict(facts, replace(POLICY, wants_screenshots=True), NOW)
    line = said.line(Check.SCREENSHOTS)
    assert line.state is State.HUMAN and "no Chromium" in line.detail
    assert said.complete, "it is shown to whoever merges, and holds nothing up"
    shown = verdict(replace(facts, shown_by="ana"), POLICY, NOW).line(Check.SCREENSHOTS)
    assert shown.state is State.OK and "ana" in shown.detail


def test_the_family_that_wrote_it_never_suffices_alone() -> None:
    policy = DonePolicy(families=1, author_family="anthropic")
    own = replace(good(), reviews=(ReviewFact("anthropic", "approve", HEAD),))
    other = replace(good(), reviews=(ReviewFact("openai", "approve", HEAD),))
    said = verdict(own, policy, NOW)
    assert said.line(Check.AI_REVIEW).state is State.HUMAN and "that wrote it" in said.line(Check.AI_REVIEW).detail
    assert verdict(other, policy, NOW).line(Check.AI_REVIEW).state is State.OK


def test_one_family_makes_it_ready_with_a_warning() -> None:
    said = verdict(replace(good(), reviews=(ReviewFact("openai", "approve", HEAD),)), POLICY, NOW)
    assert said.complete and said.line(Check.AI_REVIEW).state is State.HUMAN
    assert said.line(Check.AI_REVIEW).detail == "reviewed by one family only (openai)"


@given(st.sampled_from(["checks", "diff", "reviews", "verified"]))
def test_evidence_for_an_older_commit_never_counts(kept: str) -> None:
    """The head moves; each kind of evidence in turn is left at the old commit while all else is fresh."""
    facts = good()
    match kept:
        case "checks":
            facts, check = replace(facts, checks_head=OLD), Check.CI
        case "diff":
            facts, check = replace(facts, diff=DiffFact(OLD, ("a",), 1)), Check.SECRETS
        case "reviews":
            old = tuple(replace(one, head=OLD) for one in facts.reviews)
            facts, check = replace(facts, reviews=old), Check.AI_REVIEW
        case _:
            facts, check = replace(facts, has_ci=False, verified_head=OLD, verified_ok=True), Check.CI
    said = verdict(facts, POLICY, NOW)
    assert said.line(check).state is not State.OK
    if kept != "reviews":
        assert not said.complete


@given(
    head=st.sampled_from([HEAD, OLD]),
    mergeable=st.sampled_from(["yes", "no", "unknown"]),
    checks_head=st.sampled_from([HEAD, OLD, ""]),
    checks=st.lists(st.sampled_from(["ok", "fail", "wait", "human"]), max_size=3),
    diff_head=st.sampled_from([HEAD, OLD]),
    threads=st.none() | st.integers(0, 2),
    draft=st.booleans(),
)
def test_unknown_is_never_read_as_ok(
    head: str, mergeable: str, checks_head: str, checks: list[str], diff_head: str, threads: int | None, draft: bool
) -> None:
    facts = replace(
        good(head),
        mergeable=mergeable,
        checks_head=checks_head,
        checks=tuple(CheckRun(str(n), state) for n, state in enumerate(checks)),
        diff=DiffFact(diff_head, ("a",), 1),
        unresolved_threads=threads,
        draft=draft,
    )
    complete = verdict(facts, POLICY, NOW).complete
    known = mergeable == "yes" and checks_head == head and diff_head == head and threads == 0 and not draft
    green = bool(checks) and all(state == "ok" for state in checks)
    assert complete == (known and green)
