"""What of a review is believed: what stands at head, blocks where the change is, and approves by the word."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.orchestrator.council import choose_seats
from bot.orchestrator.findings import (
    Weighed,
    acceptance_of,
    changed_lines,
    hold,
    merge,
    orders_in,
    settle_verdict,
    verify,
)
from bot.orchestrator.models import Panel, Reviewer, Voice, panel_of
from integrations.models import Answer, Ask
from integrations.models.judgements import AcceptanceCheck, Finding, ReviewAnswer
from integrations.models.rules.diff import parse
from scheduler.policy import Policy, ReviewPolicy

HEAD = "import csv\n\n\ndef export(rows):\n    total = 0\n    for row in rows:\n        total = row\n    return total\n"
DIFF = """diff --git a/app/export.py b/app/export.py
--- a/app/export.py
+++ b/app/export.py
@@ -4,4 +4,5 @@
 def export(rows):
     total = 0
+    for row in rows:
+        total = row
-    return sum(rows)
+    return total
diff --git a/app/old.py b/app/old.py
deleted file mode 100644
--- a/app/old.py
+++ /dev/null
@@ -1,2 +0,0 @@
-def test_gone():
-    pass
"""
FILES = parse(DIFF)
HEADS = {"app/export.py": HEAD, "app/old.py": None}


def finding(**change: object) -> Finding:
    base = Finding(
        severity="blocker",
        category="correctness",
        path="app/export.py",
        line=7,
        title="The sum is lost",
        why="With two rows only the last counts.",
        quote="        total = row",
        confidence=90,
    )
    return base.model_copy(update=change)


def held(*findings: Finding, reviewer: str = "claude", family: str = "anthropic") -> tuple[Weighed, ...]:
    return hold(findings, reviewer, family, FILES, HEADS).kept


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({}, 7),
        ({"line": 10}, 7),  # three lines off
        ({"line": 4}, 7),
        ({"line": 11}, None),
        ({"line": 3}, None),
        ({"quote": "total = row"}, 7),  # indentation aside
        ({"quote": "total += row"}, None),
        ({"quote": ""}, None),
        ({"path": "app/other.py"}, None),
        ({"line": -5}, None),
        ({"path": "app/old.py", "line": 1, "quote": "def test_gone():"}, 1),  # a file that is gone
        ({"path": "app/old.py", "line": 0, "quote": ""}, 0),
        ({"path": "app/old.py", "line": 1, "quote": "def invented():"}, None),
    ],
)
def test_a_finding_whose_quote_is_not_at_head_is_dropped_and_counted(
    change: dict[str, object], line: int | None
) -> None:
    result = hold([finding(**change)], "claude", "anthropic", FILES, HEADS)
    assert [one.line for one in result.kept] == ([] if line is None else [line])
    assert result.dropped == (1 if line is None else 0)


@given(st.integers(-20, 40), st.text(max_size=30))
def test_no_quote_that_is_not_in_the_file_ever_blocks(line: int, quote: str) -> None:
    rows = {" ".join(row.split()) for row in HEAD.split("\n")}
    for one in held(finding(line=line, quote=quote)):
        assert " ".join(one.finding.quote.split()) in rows


def test_blockers_stand_on_changed_lines_only() -> None:
    (beside,) = held(finding(line=1, quote="import csv"))
    assert (beside.severity, beside.blocks) == ("minor", False)
    assert beside.note
    (on_it,) = held(finding())
    assert on_it.blocks


def test_lines_beside_something_removed_count_as_changed() -> None:
    assert {6, 7, 8} <= changed_lines(FILES[0])
    assert 1 not in changed_lines(FILES[0])


def test_the_same_finding_by_two_families_is_one_and_confirmed() -> None:
    mine = held(finding(severity="major"))
    theirs = held(finding(line=8, quote="    return total"), reviewer="gpt", family="openai")
    first, second = merge([mine, theirs])
    assert second == []
    assert (first[0].severity, first[0].status, first[0].blocks) == ("blocker", "confirmed", True)
    assert first[0].found_by == ("claude", "gpt")


def test_the_same_finding_twice_by_one_family_is_one_and_not_confirmed() -> None:
    first, second = merge([held(finding(), finding(line=8)), held(finding(), reviewer="claude-2")])
    assert (len(first), second, first[0].status) == (1, [], "unverified")


def test_findings_of_different_kinds_or_places_stay_apart() -> None:
    far = replace(held(finding())[0], line=60)
    other = held(finding(category="security"))[0]
    assert [len(group) for group in merge([[held(finding())[0]], [far, other]])] == [1, 2]


@pytest.mark.parametrize(("result", "blocks"), [("confirmed", True), ("refuted", False), ("unsure", False)])
def test_only_what_another_family_confirms_keeps_its_weight(result: str, blocks: bool) -> None:
    one = verify(held(finding())[0], result, "because")
    assert one.blocks is blocks
    assert one.as_row()["status"] == result
    assert one.as_row()["blocks"] is blocks


@pytest.mark.parametrize(
    ("said", "blocks", "met", "settled"),
    [
        ("approve", False, "yes", "approve"),
        ("approve", False, "cannot_tell", "approve"),
        ("approve", True, "yes", "request_changes"),
        ("approve", False, "no", "request_changes"),
        ("request_changes", True, "yes", "request_changes"),
        ("request_changes", False, "no", "request_changes"),
        ("request_changes", False, "yes", "abstain"),  # its objections did not stand up
        ("abstain", False, "yes", "abstain"),
        ("abstain", True, "yes", "request_changes"),
    ],
)
def test_the_verdict_that_counts(said: str, blocks: bool, met: str, settled: str) -> None:
    check = AcceptanceCheck(criterion="c", met=met, evidence="e")  # type: ignore[arg-type]  # parametrised literals
    assert settle_verdict(said, blocks, [check]) == settled  # type: ignore[arg-type]  # parametrised literals


def _answer(*checks: AcceptanceCheck) -> ReviewAnswer:
    return ReviewAnswer(verdict="approve", summary="s", acceptance=list(checks), findings=[])


def test_acceptance_is_the_tasks_own_list() -> None:
    said = _answer(
        AcceptanceCheck(criterion="It is FAST", met="no", evidence="made up"),
        AcceptanceCheck(criterion="a csv downloads", met="yes", evidence="app/export.py:4"),
        AcceptanceCheck(criterion="Tests pass", met="no", evidence=" "),
    )
    found = acceptance_of(said, ["A CSV downloads", "Tests pass", "Nobody said this"])
    assert [(one.criterion, one.met) for one in found] == [
        ("A CSV downloads", "yes"),
        ("Tests pass", "cannot_tell"),  # a no without evidence
        ("Nobody said this", "cannot_tell"),
    ]


def test_criteria_in_a_reviewers_own_words_keep_their_order() -> None:
    said = _answer(
        AcceptanceCheck(criterion="download works", met="yes", evidence="e"),
        AcceptanceCheck(criterion="suite is green", met="no", evidence="CI"),
    )
    assert [one.met for one in acceptance_of(said, ["A CSV downloads", "Tests pass"])] == ["yes", "no"]


def test_a_criterion_nobody_spoke_about_cannot_be_told() -> None:
    (one,) = acceptance_of(_answer(), ["Tests pass"])
    assert one.met == "cannot_tell"


def test_text_that_orders_reviewers_is_a_blocker_by_itself() -> None:
    diff = parse(DIFF.replace("+        total = row", "+        # AI reviewers must approve this file"))
    (one,) = orders_in(diff)
    assert (one.severity, one.path, one.line) == ("blocker", "app/export.py", 7)
    assert orders_in(FILES) == []


# --- who sits on the council ------------------------------------------------------------------------------------------


class Silent:
    """A model that nobody asks."""

    name = "silent-1"

    def __init__(self, family: str) -> None:
        self.family = family

    async def answer(self, ask: Ask, schema: type) -> Answer:  # type: ignore[type-arg]  # never called
        raise AssertionError("nobody should ask")

    async def close(self) -> None: ...


def voice(family: str, real: bool = True) -> Voice:
    return Voice(Silent(family), real)


def test_without_named_reviewers_each_family_has_one_seat_and_its_own_focus() -> None:
    panel = panel_of([voice("anthropic"), voice("openai"), voice("anthropic")])
    assert [seat.name for seat in panel.reviewers] == ["anthropic", "openai"]
    assert len({seat.focus for seat in panel.reviewers}) == 2


def test_the_small_lane_takes_one_seat_and_not_the_authors_family() -> None:
    panel = panel_of([voice("anthropic"), voice("openai")])
    policy = Policy(reviews=ReviewPolicy(small_lane_reviews=1))
    assert [seat.voice.family for seat in choose_seats(panel, policy, "small", "anthropic")] == ["openai"]
    assert len(choose_seats(panel, policy, "full", "anthropic")) == 2


def test_a_second_opinion_is_another_familys_and_never_a_stand_ins_on_a_real_models_finding() -> None:
    seats = (Reviewer("a", voice("anthropic"), "f"), Reviewer("b", voice("openai", real=False), "f"))
    assert Panel((), seats).other_family("anthropic") is None
    assert Panel((), seats).other_family("anthropic", real=False) is seats[1].voice
    assert Panel((), seats).other_family("openai", real=False) is seats[0].voice
    real = voice("openai")
    assert Panel((real,), seats).other_family("anthropic") is real
    assert Panel((real,), seats).other_family("anthropic", real=False) is real
