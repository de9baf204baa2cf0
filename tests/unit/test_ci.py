"""Each kind of trouble of CI is a state of its own, with a sentence for people."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.ci import CheckRun, CiState, Rerun, judge_ci
from scheduler.done import Check, DonePolicy, PullFacts, State, verdict

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEAD = "a" * 40
POLICY = DonePolicy()
FACTS = PullFacts("open", HEAD, NOW - timedelta(hours=1), checks_head=HEAD)


def run(name: str = "tests", state: str = "fail", job: int | None = 7, **more: object) -> CheckRun:
    return replace(CheckRun(name, state, job_id=job, run_id=job), **more)  # type: ignore[arg-type]  # a table of fields


OK, RED = run("lint", "ok", 1), run()
BASE = run(base_red=True)
JUST, LONG_AGO = Rerun(NOW - timedelta(minutes=1), (7,)), Rerun(NOW - timedelta(minutes=11), (7,))


@pytest.mark.parametrize(
    ("facts", "state", "line", "said"),
    [
        ({"checks": (OK, run(state="ok"))}, CiState.PASSED, State.OK, "2 of 2 passed"),
        ({"checks": (OK, run(state="ok")), "was_red": ("tests",)}, CiState.FLAKY, State.OK, "flaky: tests"),
        ({"checks": (OK, run(state="ok")), "was_red": ("gone",)}, CiState.PASSED, State.OK, "2 of 2 passed"),
        ({"checks": (run(state="ok", job=8),), "rerun": JUST}, CiState.PASSED, State.OK, "when run again"),
        ({"checks": (OK, RED)}, CiState.RED, State.FAIL, "red: tests"),
        ({"checks": (RED, run("e2e", "wait"))}, CiState.WAITING, State.WAIT, "others still run"),
        ({"checks": (OK, BASE)}, CiState.BASE_BROKEN, State.HUMAN, "red on the base branch too: tests"),
        ({"checks": (BASE, run("e2e", job=9))}, CiState.RED, State.FAIL, "red: e2e"),
        ({"checks": (BASE, run("e2e", "wait"))}, CiState.WAITING, State.WAIT, "others still run"),
        ({"checks": (RED,), "rerun": JUST}, CiState.RUNS_AGAIN, State.WAIT, "CI itself failed, not the change"),
        ({"checks": (RED,), "rerun": LONG_AGO}, CiState.MACHINERY, State.HUMAN, "nothing came of it"),
        ({"checks": (run(job=8),), "rerun": JUST}, CiState.RED, State.FAIL, "red: tests"),
        (
            {"checks": (run(job=8),), "rerun": JUST, "machinery": (8,)},
            CiState.MACHINERY,
            State.HUMAN,
            "running it again did not help",
        ),
        (
            {"checks": (RED,), "rerun": Rerun(NOW, (), "The token may not."), "machinery": (7,)},
            CiState.MACHINERY,
            State.HUMAN,
            "The token may not. Run it again on GitHub",
        ),
        ({"checks": (run(job=9),), "machinery": (7,)}, CiState.RED, State.FAIL, "red: tests"),
        ({"checks": (run(state="cancelled"),)}, CiState.CANCELLED, State.WAIT, "I start it again, once"),
        ({"checks": (run(state="cancelled"),), "rerun": JUST}, CiState.RUNS_AGAIN, State.WAIT, "runs again"),
        ({"checks": (run(state="cancelled", job=8),), "rerun": JUST}, CiState.UNFINISHED, State.HUMAN, "on GitHub"),
        ({"checks": (run(state="cancelled", job=None),)}, CiState.UNFINISHED, State.HUMAN, "run it again on GitHub"),
        ({"checks": (run(state="cancelled"), run("e2e", "wait"))}, CiState.WAITING, State.WAIT, "0 of 2 passed"),
        ({"checks": (run(state="human"),)}, CiState.ACTION_REQUIRED, State.HUMAN, "a person's approval"),
        ({"required": ("e2e",), "checks": (OK,)}, CiState.MISSING, State.HUMAN, "required checks are missing: e2e"),
        ({"required": ("e2e",)}, CiState.MISSING, State.HUMAN, "required checks did not start"),
        ({"required": ("e2e",), "head_since": NOW}, CiState.WAITING, State.WAIT, "no check has started"),
        ({"required": ("lint",), "checks": (replace(OK, required=True), RED)}, CiState.PASSED, State.OK, "1 of 1"),
        ({"checks": (OK,), "checks_complete": False}, CiState.UNREADABLE, State.HUMAN, "more checks than I can read"),
        ({"checks": (OK,), "checks_head": "b" * 40}, CiState.WAITING, State.WAIT, "not known yet"),
        ({"has_ci": False, "verified_head": HEAD}, CiState.UNVERIFIED, State.HUMAN, "could not be run"),
    ],
)
def test_each_trouble_has_its_state_its_line_and_its_sentence(
    facts: dict[str, object], state: CiState, line: State, said: str
) -> None:
    known = replace(FACTS, **facts)  # type: ignore[arg-type]  # a table of fields
    ci = judge_ci(known, POLICY, NOW)
    assert ci.state is state and said in ci.detail
    assert verdict(known, POLICY, NOW).line(Check.CI).state is line


CHECKS = st.builds(
    run,
    st.sampled_from(["tests", "lint", "e2e"]),
    st.sampled_from(["ok", "fail", "wait", "human", "cancelled"]),
    st.none() | st.integers(6, 9),
    required=st.booleans(),
    base_red=st.booleans(),
)


@given(
    st.lists(CHECKS, max_size=4),
    st.lists(st.sampled_from(["tests", "lint", "other"]), unique=True),
    st.none() | st.sampled_from([JUST, LONG_AGO]),
    st.lists(st.integers(6, 9), unique=True),
)
def test_green_means_that_everything_that_counts_is_there_and_passed(
    checks: list[CheckRun], required: list[str], rerun: Rerun | None, machinery: list[int]
) -> None:
    facts = replace(FACTS, checks=tuple(checks), required=tuple(required), rerun=rerun, machinery=tuple(machinery))
    ci = judge_ci(facts, POLICY, NOW)
    gate = [one for one in checks if one.required or not required]
    if ci.state in {CiState.PASSED, CiState.FLAKY}:
        assert checks and all(one.state == "ok" for one in gate)
        assert {one.name for one in checks} >= set(required)
    if ci.state is CiState.RED:
        assert any(one.state == "fail" and not one.base_red for one in gate), "only the change's own failures cost"
