"""What each failure means, and when two failures are the same one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.agents import OutcomeKind
from scheduler.recovery import RULES, Action, Counter, counter_for, rule_for, signature, wait_s


@pytest.mark.parametrize("kind", [kind for kind in OutcomeKind if kind is not OutcomeKind.DONE])
def test_every_outcome_of_the_taxonomy_has_a_rule_and_a_sentence(kind: OutcomeKind) -> None:
    assert kind.value in RULES
    assert rule_for(kind.value).sentence.endswith(".")


@pytest.mark.parametrize("cause", ["no-model", "bad-setup", "budget", "install"])
def test_what_no_retry_can_mend_goes_to_a_person_with_a_cure(cause: str) -> None:
    assert rule_for(cause).action is Action.PERSON
    assert rule_for(cause).cure


@pytest.mark.parametrize("cause", ["auth", "billing"])
def test_a_refused_account_holds_the_agent_and_has_a_cure(cause: str) -> None:
    assert rule_for(cause).action is Action.HOLD
    assert rule_for(cause).cure


@pytest.mark.parametrize("cause", ["rate-limit", "overloaded"])
def test_limits_wait_and_spend_nothing(cause: str) -> None:
    assert rule_for(cause).action is Action.PARK


def test_an_unknown_cause_goes_to_a_person() -> None:
    assert rule_for("something new").action is Action.PERSON


@pytest.mark.parametrize(
    ("cause", "counter"),
    [("ci", Counter.FAILURE), ("crashed", Counter.FAILURE), ("review", Counter.REVIEW), ("people", Counter.PEOPLE)],
)
def test_counters(cause: str, counter: Counter) -> None:
    assert counter_for(cause) is counter


def test_waits_double_up_to_a_quarter_of_an_hour() -> None:
    assert [wait_s(n) for n in (1, 2, 3, 10)] == [30, 60, 120, 900]


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_same_failure_at_another_time_has_the_same_signature(first: int, second: int) -> None:
    lines = [f"FAILED tests/test_x.py::test_total at {first} ms, commit {first:040x}"]
    other = [f"FAILED tests/test_x.py::test_total at {second} ms, commit {second:040x}"]
    assert signature("ci", lines) == signature("ci", other) != ""


def test_another_test_has_another_signature() -> None:
    assert signature("ci", ["FAILED test_a"]) != signature("ci", ["FAILED test_b"])


def test_doing_nothing_twice_is_not_the_same_failure() -> None:
    assert signature("no-change", ["I could not find the schema"]) == ""
