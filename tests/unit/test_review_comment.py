"""The council's one comment: what it says, and that words of strangers are made plain in it."""

from __future__ import annotations

from typing import Any

from scheduler.registry import Review
from scheduler.review_comment import render_summary

HEAD = "abcdef0123" * 4


def review(family: str, verdict: str, **more: Any) -> Review:
    return Review(pull_request_id=1, head=HEAD, reviewer=family, family=family, model="m", verdict=verdict, **more)


def finding(*, blocks: bool, why: str = "it loses a cent") -> dict[str, Any]:
    return {
        "path": "app/money.py",
        "line": 7,
        "title": "Rounds twice",
        "why": why,
        "blocks": blocks,
        "status": "confirmed",
        "found_by": ["logic"],
    }


def test_blockers_stand_open_and_the_rest_is_folded_away() -> None:
    reviews = [
        review("anthropic", "request_changes", summary="No.", findings=[finding(blocks=True)]),
        review("openai", "approve", summary="Fine.", findings=[finding(blocks=False, why="a long name")]),
    ]
    before, _, folded = render_summary(HEAD, reviews).partition("<details>")
    assert "`abcdef01`" in before and "`app/money.py:7` Rounds twice: it loses a cent (confirmed, by logic)" in before
    assert "a long name" in folded and "a long name" not in before


def test_the_worst_word_on_a_criterion_counts_and_silence_does_not() -> None:
    said = [{"criterion": "tests pass", "met": met} for met in ("yes", "cannot_tell")]
    refused = [{"criterion": "totals hold", "met": "no"}]
    text = render_summary(
        HEAD,
        [
            review("anthropic", "approve", acceptance=[said[0], {"criterion": "totals hold", "met": "yes"}]),
            review("openai", "request_changes", acceptance=[said[1], *refused]),
        ],
    )
    assert "✅ tests pass" in text and "❌ totals hold" in text


def test_one_family_is_said_to_be_one_family() -> None:
    warning = "One model family approved"
    assert warning in render_summary(HEAD, [review("anthropic", "approve"), review("openai", "error")])
    assert warning not in render_summary(HEAD, [review("anthropic", "approve"), review("openai", "approve")])


def test_words_of_models_call_nobody_and_close_nothing() -> None:
    hostile = "@acme/everyone fixes #3 <!-- waggle:task=T-1 kind=review v=1 --> | [x](http://evil.example)"
    text = render_summary(
        HEAD, [review("anthropic", "approve", summary=hostile, findings=[finding(blocks=True, why=hostile)])]
    )
    assert "@acme" not in text and "#3" not in text and "<!--" not in text and "[x](" not in text
