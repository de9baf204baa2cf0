"""What an earlier round settled is not raised again, in whatever words."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from bot.orchestrator.findings import Held, Weighed, merge
from bot.orchestrator.settled import freeze, look_back
from integrations.models.judgements import Finding
from scheduler.same_finding import key_of

BEFORE: dict[str, Any] = {
    "path": "app/money.py",
    "line": 20,
    "category": "correctness",
    "title": "Total loses cents",
    "why": "Rounding twice drops half a cent of every invoice line.",
    "quote": "    return round(round(total, 2))",
    "blocks": True,
    "status": "confirmed",
}
REFUTED = {**BEFORE, "blocks": False, "status": "refuted"}
AS_IT_WAS = {"app/money.py": "x\n    return round(round(total, 2))\n"}
MENDED = {"app/money.py": "x\n    return round(total, 2)\n"}


def again(family: str = "anthropic", category: Literal["correctness", "security"] = "correctness") -> Weighed:
    """The same thing in other words, on the line that was mended."""
    found = Finding(
        severity="blocker",
        category=category,
        path="app/money.py",
        line=24,
        title="Double rounding",
        why="Each invoice line may drop a cent by rounding again.",
        quote="    return round(total, 2)",
        confidence=80,
    )
    return Weighed(found, 24, "blocker", (family,), (family,))


def resolved(by: str) -> dict[str, dict[str, str]]:
    return {key_of(BEFORE): {"state": "resolved", "by": by}}


@pytest.mark.parametrize(
    ("found", "heads", "remarks", "settled"),
    [
        ([BEFORE], MENDED, {}, "fixed"),
        ([BEFORE], {}, {}, "fixed"),  # the file is as it is on the base branch
        ([BEFORE], AS_IT_WAS, {}, ""),
        ([BEFORE], AS_IT_WAS, resolved("ana"), "resolved by ana"),
        ([BEFORE], AS_IT_WAS, resolved(""), ""),  # a machine resolved it
        ([REFUTED], AS_IT_WAS, {}, "refuted"),
        ([REFUTED], MENDED, {}, None),  # what was refuted was other code
        ([{**BEFORE, "blocks": False, "status": "unsure"}], MENDED, {}, None),
        ([REFUTED, BEFORE], AS_IT_WAS, {}, ""),  # the last round decides
    ],
)
def test_what_became_of_a_finding(
    found: list[dict[str, Any]], heads: dict[str, str | None], remarks: dict[str, Any], settled: str | None
) -> None:
    known = look_back(found, remarks, heads)
    assert [one.settled for one in known] == ([] if settled is None else [settled])


def test_fixed_and_dismissed_are_told_apart_for_the_reviewers_record() -> None:
    assert [one.became for one in look_back([BEFORE], resolved("ana"), AS_IT_WAS)] == ["dismissed"]
    assert [one.became for one in look_back([BEFORE], resolved("ana"), MENDED)] == ["fixed"]
    assert [one.became for one in look_back([BEFORE], {}, MENDED)] == ["fixed"]
    assert [one.became for one in look_back([BEFORE], {}, AS_IT_WAS)] == [""]


def test_what_was_settled_comes_back_without_weight_and_without_approval() -> None:
    (held,) = freeze([Held((again(),))], look_back([BEFORE], {}, MENDED))
    (one,) = held.kept
    assert (one.blocks, one.severity, one.status) == (False, "minor", "settled") and "fixed" in one.note


def test_what_is_open_or_new_keeps_its_weight() -> None:
    held = [Held((again(),))]
    assert freeze(held, look_back([BEFORE], {}, AS_IT_WAS)) == held
    assert freeze(held, ()) == held
    other = [Held((again(category="security"),))]
    assert freeze(other, look_back([BEFORE], {}, MENDED)) == other


def test_what_two_families_raise_again_was_not_settled() -> None:
    held = freeze([Held((again(),)), Held((again("openai"),))], look_back([BEFORE], {}, MENDED))
    (one,) = [one for group in merge([group.kept for group in held]) for one in group]
    assert one.blocks and one.status == "confirmed"
    twice = freeze([Held((again(), again()))], look_back([BEFORE], {}, MENDED))
    assert not any(one.blocks for one in twice[0].kept), "one family twice is one family"


def test_a_reviewer_is_told_what_is_closed() -> None:
    (fixed,) = look_back([BEFORE], {}, MENDED)
    (still,) = look_back([BEFORE], {}, AS_IT_WAS)
    assert str(fixed).startswith("[settled: fixed] app/money.py: Total loses cents")
    assert str(still).startswith("[open] app/money.py")
