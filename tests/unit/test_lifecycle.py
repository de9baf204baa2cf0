"""The lifecycle as a table: what it allows is accepted and named, everything else is refused."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.lifecycle import (
    ATTEMPTS,
    PULLS,
    QUESTIONS,
    SIGNALS,
    TASKS,
    AttemptState,
    Cause,
    IllegalTransitionError,
    PullState,
    QuestionState,
    SignalState,
    State,
    Step,
    TaskState,
    allowed,
    move,
)

T, A, Q, P, S, C = TaskState, AttemptState, QuestionState, PullState, SignalState, Cause

#: the design's own table of tasks, written down a second time: state, next state, causes
DESIGN = [
    (T.PROPOSED, T.SCOPING, {C.START, C.RULE}),
    (T.PROPOSED, T.DROPPED, {C.NEVER, C.RESOLVED}),
    (T.SCOPING, T.PLANNED, {C.NEEDS_APPROVAL}),
    (T.SCOPING, T.QUEUED, {C.POLICY}),
    (T.SCOPING, T.ASKING, {C.TOO_VAGUE}),
    (T.SCOPING, T.DROPPED, {C.DUPLICATE}),
    (T.PLANNED, T.QUEUED, {C.APPROVED}),
    (T.PLANNED, T.SCOPING, {C.EDITED}),
    (T.PLANNED, T.DROPPED, {C.REJECTED}),
    (T.QUEUED, T.RUNNING, {C.ADMITTED}),
    (T.RUNNING, T.VERIFYING, {C.PR_OPENED}),
    (T.RUNNING, T.DIAGNOSING, {C.ATTEMPT_FAILED}),
    (T.RUNNING, T.ASKING, {C.AGENT_ASKS}),
    (T.RUNNING, T.QUEUED, {C.PARKED}),
    (T.RUNNING, T.NEEDS_HELP, {C.BUDGET_SPENT}),
    (T.ASKING, T.QUEUED, {C.ANSWERED, C.DEFAULT_TAKEN}),
    (T.ASKING, T.SCOPING, {C.ANSWERED}),
    (T.ASKING, T.NEEDS_HELP, {C.DEADLINE_PASSED}),
    (T.ASKING, T.DROPPED, {C.REJECTED}),
    (T.ASKING, T.STOPPED, {C.STOPPED}),
    (T.VERIFYING, T.READY, {C.ALL_CHECKS}),
    (T.VERIFYING, T.DIAGNOSING, {C.CI_FAILED, C.REVIEW_BLOCKED, C.CONFLICT, C.PEOPLE_COMMENTED}),
    (T.VERIFYING, T.NEEDS_HELP, {C.ONLY_A_PERSON}),
    (T.VERIFYING, T.MERGED, {C.MERGED}),
    (T.VERIFYING, T.DROPPED, {C.CLOSED_BY_PERSON}),
    (T.READY, T.VERIFYING, {C.HEAD_MOVED, C.BASE_MOVED}),
    (T.READY, T.DIAGNOSING, {C.CI_FAILED, C.PEOPLE_COMMENTED}),
    (T.READY, T.MERGED, {C.MERGED}),
    (T.READY, T.DROPPED, {C.CLOSED_BY_PERSON}),
    (T.DIAGNOSING, T.QUEUED, {C.RETRY}),
    (T.DIAGNOSING, T.ASKING, {C.RETRY_WANTS_APPROVAL}),
    (T.DIAGNOSING, T.NEEDS_HELP, {C.RETRIES_SPENT, C.SAME_FAILURE_TWICE}),
    (T.NEEDS_HELP, T.QUEUED, {C.PERSON_RETRY}),
    (T.NEEDS_HELP, T.VERIFYING, {C.CAUSE_GONE}),
    (T.NEEDS_HELP, T.TAKEN_OVER, {C.TAKEN_OVER}),
    (T.NEEDS_HELP, T.STOPPED, {C.STOPPED}),
    (T.NEEDS_HELP, T.MERGED, {C.MERGED}),
    (T.NEEDS_HELP, T.DROPPED, {C.CLOSED_BY_PERSON}),
    (T.TAKEN_OVER, T.VERIFYING, {C.GIVEN_BACK}),
    (T.TAKEN_OVER, T.MERGED, {C.MERGED}),
    (T.TAKEN_OVER, T.DROPPED, {C.CLOSED_BY_PERSON}),
    (T.DROPPED, T.QUEUED, {C.PERSON_RESTARTED}),
    (T.DROPPED, T.VERIFYING, {C.PR_REOPENED}),
    (T.STOPPED, T.QUEUED, {C.PERSON_RESTARTED}),
    (T.STOPPED, T.VERIFYING, {C.PR_REOPENED}),
]

TABLES: list[dict[State, dict[State, frozenset[Cause]]]] = [TASKS, ATTEMPTS, QUESTIONS, PULLS]  # type: ignore[list-item]  # each is a table over its own enum


@pytest.mark.parametrize(("before", "after", "causes"), DESIGN, ids=lambda value: getattr(value, "value", ""))
def test_design_allows(before: TaskState, after: TaskState, causes: set[Cause]) -> None:
    for cause in causes:
        assert move(before, after, cause) == Step(before, after, cause)


@pytest.mark.parametrize("state", [state for state in T if state is not T.MERGED])
def test_anything_but_merged_pauses_and_stops(state: TaskState) -> None:
    if state is not T.PAUSED:
        assert move(state, T.PAUSED, C.PAUSED).after is T.PAUSED
        assert move(T.PAUSED, state, C.RESUMED, came_from=state).after is state
    if state is not T.STOPPED:
        assert move(state, T.STOPPED, C.STOPPED).after is T.STOPPED


def test_paused_resumes_only_to_where_it_came_from() -> None:
    for state in T:
        if state is not T.QUEUED and state not in {T.STOPPED}:
            with pytest.raises(IllegalTransitionError):
                move(T.PAUSED, state, C.RESUMED, came_from=T.QUEUED)


def test_merged_is_the_end() -> None:
    for state, cause in itertools.product(T, C):
        with pytest.raises(IllegalTransitionError):
            move(T.MERGED, state, cause)


@given(
    st.sampled_from(list(T)), st.sampled_from(list(T)), st.sampled_from(list(C)), st.none() | st.sampled_from(list(T))
)
def test_every_other_transition_of_a_task_is_refused(
    before: TaskState, after: TaskState, cause: Cause, came_from: TaskState | None
) -> None:
    if cause in allowed(before, after, came_from):
        assert move(before, after, cause, came_from) == Step(before, after, cause)
    else:
        with pytest.raises(IllegalTransitionError) as refused:
            move(before, after, cause, came_from)
        assert before.value in str(refused.value) and after.value in str(refused.value)


@given(st.data())
def test_states_of_different_things_never_mix(data: st.DataObject) -> None:
    kinds = [T, A, Q, P, S]
    first, second = data.draw(st.sampled_from(list(itertools.permutations(kinds, 2))))
    before, after = data.draw(st.sampled_from(list(first))), data.draw(st.sampled_from(list(second)))
    with pytest.raises(IllegalTransitionError):
        move(before, after, data.draw(st.sampled_from(list(C))))


def test_every_table_covers_its_enum_and_ends_somewhere() -> None:
    for table, members in zip(TABLES, (T, A, Q, P), strict=True):
        assert set(table) == set(members)
        assert any(not exits for exits in table.values())


def test_every_task_state_is_reachable_from_a_request() -> None:
    seen, todo = {T.PROPOSED}, [T.PROPOSED]
    while todo:
        state = todo.pop()
        for after in T:
            if after not in seen and allowed(state, after):
                seen.add(after)
                todo.append(after)
    assert seen == set(T)


@pytest.mark.parametrize(
    ("before", "after", "cause"),
    [
        (A.INTENDED, A.PREPARING, C.ADMITTED),
        (A.PREPARING, A.STARTING, C.PREPARED),
        (A.STARTING, A.RUNNING, C.SPAWNED),
        (A.RUNNING, A.PARKED, C.PARKED),
        (A.RUNNING, A.ENDED, C.FINISHED),
        (A.RUNNING, A.LOST, C.VANISHED),
        (A.STARTING, A.STOPPED, C.STOPPED),
    ],
)
def test_attempts(before: AttemptState, after: AttemptState, cause: Cause) -> None:
    assert move(before, after, cause).cause is cause


@pytest.mark.parametrize("state", [A.ENDED, A.LOST, A.STOPPED])
def test_an_attempt_that_is_over_stays_over(state: AttemptState) -> None:
    assert not any(allowed(state, after) for after in A)


def test_a_late_answer_is_still_an_answer() -> None:
    assert move(Q.EXPIRED, Q.ANSWERED, C.ANSWERED).after is Q.ANSWERED
    with pytest.raises(IllegalTransitionError):
        move(Q.ANSWERED, Q.DEFAULTED, C.DEFAULT_TAKEN)


def test_a_merged_pull_request_never_opens_again() -> None:
    assert not any(allowed(P.MERGED, after) for after in P)
    assert move(P.CLOSED, P.OPEN, C.PR_REOPENED).after is P.OPEN


def test_a_signal_is_covered_and_what_a_person_decided_is_judged_by_no_gate() -> None:
    assert set(SIGNALS) == set(S)
    for decided in (S.PROPOSED, S.SNOOZED, S.STARTED, S.MUTED):
        assert not any(C.PASSED in allowed(decided, after) or C.GATED in allowed(decided, after) for after in S)
    for undecided in (S.NEW, S.REFUSED, S.WAITING, S.MERGED, S.RESOLVED):
        assert move(undecided, S.REFUSED, C.GATED).after is S.REFUSED
        assert move(undecided, S.PROPOSED, C.PASSED).after is S.PROPOSED
    assert {after for after in S if allowed(S.MUTED, after)} == {S.STARTED}, "never is never, unless a person starts it"
