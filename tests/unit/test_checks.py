"""What the checks of one head commit add up to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from integrations.github import CheckFact
from integrations.github.checks import check_run_state, newest, status_state
from integrations.github.conversation import diff_lines
from integrations.github.fingerprint import fingerprint
from integrations.github.markers import marked, marker, marker_in
from integrations.github.values import PullLight

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def check(name: str, state: str = "ok", **more: object) -> CheckFact:
    fact = CheckFact(name, "check", "ok", "success", f"https://ci/{name}", started_at=NOON)
    return replace(fact, state=state, **more)  # type: ignore[arg-type]  # a table of literals


@pytest.mark.parametrize(
    ("status", "conclusion", "state"),
    [
        ("COMPLETED", "SUCCESS", "ok"),
        ("COMPLETED", "NEUTRAL", "ok"),
        ("COMPLETED", "SKIPPED", "ok"),
        ("COMPLETED", "FAILURE", "fail"),
        ("COMPLETED", "TIMED_OUT", "fail"),
        ("COMPLETED", "STARTUP_FAILURE", "fail"),
        ("COMPLETED", "CANCELLED", "fail"),
        ("COMPLETED", "STALE", "fail"),
        ("COMPLETED", "ACTION_REQUIRED", "human"),
        ("COMPLETED", "A_NEW_WORD", "wait"),
        ("COMPLETED", None, "wait"),
        ("IN_PROGRESS", None, "wait"),
        ("QUEUED", "SUCCESS", "wait"),
        ("WAITING", None, "wait"),
    ],
)
def test_each_conclusion_has_its_state(status: str, conclusion: str | None, state: str) -> None:
    assert check_run_state(status, conclusion) == state
    assert check_run_state(status.lower(), conclusion and conclusion.lower()) == state


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("SUCCESS", "ok"),
        ("FAILURE", "fail"),
        ("ERROR", "fail"),
        ("PENDING", "wait"),
        ("EXPECTED", "wait"),
        ("?", "wait"),
    ],
)
def test_each_status_has_its_state(said: str, state: str) -> None:
    assert status_state(said) == state


def test_the_newest_run_of_a_name_counts() -> None:
    first = check("tests", "fail", job_id=1)
    rerun = check("tests", "ok", job_id=2, started_at=NOON + timedelta(minutes=1))

    for order in ([first, rerun], [rerun, first]):
        assert newest(order) == (rerun,)


def test_two_workflows_may_use_one_name() -> None:
    checks = [check("build", workflow="linux"), check("build", "fail", workflow="windows")]

    assert newest(checks) == tuple(checks)


def test_a_cancelled_check_is_worth_a_rerun() -> None:
    assert check("tests", "fail", conclusion="cancelled").worth_a_rerun
    assert not check("tests", "fail", conclusion="failure").worth_a_rerun


LIGHT = PullLight(
    "PR_1", 1, "u", "open", False, "yes", "CLEAN", "1" * 40, "2" * 40, "b", "main", None, 1, 2, 3, "SUCCESS", 2,
    {"SUCCESS": 1, "FAILURE": 1}, ("ui", "bug"), NOON,
)  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"head_sha": "3" * 40}, {"base_sha": "3" * 40}, {"state": "closed"}, {"draft": True}, {"mergeable": "no"},
        {"merge_state": "DIRTY"}, {"review_decision": "APPROVED"}, {"comments": 9}, {"reviews": 9}, {"threads": 9},
        {"rollup": None}, {"checks_total": 9}, {"checks_by_state": {"SUCCESS": 2}}, {"labels": ("ui",)},
        {"updated_at": NOON + timedelta(seconds=1)}, {"checks_readable": False}, {"base_branch": "next"},
    ],
)  # fmt: skip
def test_whatever_matters_moves_the_fingerprint(change: dict[str, object]) -> None:
    assert fingerprint(replace(LIGHT, **change)) != fingerprint(LIGHT)  # type: ignore[arg-type]  # a table of literals


def test_order_and_names_do_not_move_the_fingerprint() -> None:
    same = replace(LIGHT, labels=("bug", "ui"), checks_by_state={"FAILURE": 1, "SUCCESS": 1}, fingerprint="x", url="v")

    assert fingerprint(same) == fingerprint(LIGHT)


def test_lines_that_take_a_comment_are_those_a_patch_shows() -> None:
    patch = "@@ -1,3 +1,4 @@\n a\n-b\n+B\n+C\n d\n@@ -20 +21,2 @@ def f():\n x\n+y\n\\ No newline at end of file"

    assert diff_lines(patch) == {1, 2, 3, 4, 21, 22}
    assert diff_lines("") == frozenset()


def test_a_marker_is_found_only_where_we_put_it() -> None:
    mark = marker("T-12", "review")

    assert mark == "<!-- waggle:task=T-12 kind=review v=1 -->"
    assert marker_in(marked(mark, "Body")) == mark
    assert marked(mark, marked(mark, "Body")) == marked(mark, "Body")
    assert marker_in(f"somebody quotes {mark}") is None
    with pytest.raises(ValueError, match="marker"):
        marker("T-12 -->", "review")
