"""Counts that bound what Waggle spends: each failure once, whatever flaps, restarts or pauses in between."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial

import pytest
from sqlmodel import Session, select

from integrations.agents import AgentEvent, Outcome, OutcomeKind, Spent, Started, Tokens, Usage
from scheduler import commands
from scheduler.budget import purse_of
from scheduler.commands import Actor
from scheduler.failures import apply_diagnosis, fail
from scheduler.judging import Diagnosed, Kind
from scheduler.lifecycle import AttemptState, Cause, TaskState
from scheduler.metering import Meter
from scheduler.monitor import Monitor
from scheduler.policy import Budget
from scheduler.registry import Attempt, Judgement, Ledger, PullRequest, Registry, Task
from scheduler.registry.writers import move_task, pay
from tests.conftest import Clock
from tests.unit.supervised import Stand, Truth, sha

ANA = Actor("U0ANA", "ana")


@pytest.fixture
def stand(registry: Registry, clock: Clock) -> Stand:
    return Stand(registry, clock)


async def tick(stand: Stand) -> None:
    """What one calm tick does about the pull request."""
    await stand.look()
    await stand.detail()
    await stand.diff()
    if "ci" in await stand.judge():
        await stand.explain()
    stand.clock.advance(20)


def diagnosed(stand: Stand) -> None:
    def work(session: Session) -> None:
        row = session.exec(select(Judgement).where(Judgement.kind == Kind.DIAGNOSE, Judgement.state == "asked")).one()
        row.answer = Diagnosed(summary="It failed.", change="inject", prompt="again").model_dump(mode="json")
        apply_diagnosis(session, stand.clock(), stand.policy, row)

    stand.change(work)


def pushed(stand: Stand, n: int) -> None:
    """The next attempt ran and pushed head `n`, which fails at another place."""
    stand.github.head = sha(n)
    stand.github.truths[sha(n)] = Truth(checks="fail", log=f"FAILED tests/test_{chr(96 + n)}.py::test_x")

    def work(session: Session) -> None:
        task, pull = session.get(Task, 1), session.get(PullRequest, 1)
        assert task is not None and pull is not None
        move_task(session, task, TaskState.RUNNING, Cause.ADMITTED, stand.clock())
        pull.head_sha = pull.pushed_sha = sha(n)
        move_task(session, task, TaskState.VERIFYING, Cause.PR_OPENED, stand.clock())

    stand.change(work)


async def flap(stand: Stand) -> None:
    for checks in ("wait", "fail", "wait", "fail"):
        stand.github.truth(stand.github.head).checks = checks
        await tick(stand)


@pytest.mark.proves("15", "A")
async def test_ci_that_flaps_spends_each_failure_once_and_calls_a_person_once(stand: Stand) -> None:
    """# invariant 6: red, pending, red, with a restart between any two: three retries, one call, then silence."""
    stand.github.truths[sha(1)] = Truth(checks="fail", log="FAILED tests/test_0.py::test_x")
    stand.task_in(TaskState.VERIFYING)
    for n in (1, 2, 3, 4):
        await tick(stand)
        await flap(stand)
        assert stand.task().retries_failure == n
        assert len(stand.rows(Judgement, kind="diagnose")) == n
        stand.reopen()
        diagnosed(stand)
        if n < 4:
            assert stand.task().state is TaskState.QUEUED
            pushed(stand, n + 1)
    assert stand.task().state is TaskState.NEEDS_HELP
    for _ in range(3):
        await flap(stand)
        stand.reopen()
    assert stand.task().retries_failure == 4
    assert len(stand.said("needs_help")) == 1


async def test_a_commit_that_fails_again_after_it_was_green_is_diagnosed_again(stand: Stand) -> None:
    """# invariant 6: red, a person is called, green by itself, ready, red again: nothing waits for an old answer."""
    stand.policy = replace(stand.policy, retries=replace(stand.policy.retries, failures=0))
    stand.github.truths[sha(1)] = Truth(checks="fail")
    stand.task_in(TaskState.VERIFYING)
    await tick(stand)
    diagnosed(stand)
    assert stand.task().state is TaskState.NEEDS_HELP
    stand.github.truths[sha(1)].checks = "ok"
    for _ in range(6):
        await tick(stand)
        stand.council()
    assert stand.task().state is TaskState.READY
    stand.github.truths[sha(1)].checks = "fail"
    await tick(stand)
    assert stand.task().state is TaskState.DIAGNOSING
    diagnosed(stand)
    assert stand.task().state is TaskState.NEEDS_HELP
    assert len(stand.said("needs_help")) == 2, "each need is said once"


async def test_a_red_check_that_runs_again_while_its_log_is_read_spends_nothing(stand: Stand) -> None:
    """# invariant 6"""
    stand.github.truths[sha(1)] = Truth(checks="fail")
    stand.task_in(TaskState.VERIFYING)
    await stand.look()
    await stand.detail()
    assert "ci" in await stand.judge()

    def rerun() -> None:
        def work(session: Session) -> None:
            pull = session.get(PullRequest, 1)
            assert pull is not None
            pull.facts = {**pull.facts, "checks": [{**check, "state": "wait"} for check in pull.facts["checks"]]}

        stand.registry.write_now(work)

    stand.github.before_answer = rerun
    await stand.explain()
    assert (stand.task().state, stand.task().retries_failure) == (TaskState.VERIFYING, 0)


@pytest.mark.proves("15")
async def test_a_stable_green_gives_the_retries_back_and_a_short_one_does_not(stand: Stand) -> None:
    """# invariant 6"""
    stand.task_in(TaskState.VERIFYING, retries_failure=2)
    for _ in range(3):
        await stand.look()
        await stand.detail()
        await stand.diff()
        await stand.judge()
        stand.council()
        stand.clock.advance(6)
    assert stand.task().retries_failure == 2, "green, but not for long enough"
    stand.clock.advance(10)
    await stand.judge()
    assert (stand.task().state, stand.task().retries_failure) == (TaskState.READY, 0)


def test_pausing_again_and_again_spends_nothing(stand: Stand) -> None:
    """# invariant 6: an interruption by a person is no failure."""
    task = stand.task_in(TaskState.RUNNING, pull=False)

    def stopped(session: Session) -> None:
        attempt = session.exec(select(Attempt)).one()
        attempt.state, attempt.outcome = AttemptState.STOPPED, "stopped"
        row = session.get(Task, task.id)
        assert row is not None
        row.state = TaskState.RUNNING

    monitor = Monitor(stand.outside, lambda: None)
    for _ in range(8):
        stand.change(stopped)
        stand.change(lambda s: monitor._unstick(s, 1))
        assert stand.task().state is TaskState.QUEUED
    assert (stand.task().infra_waits, stand.task().retries_failure) == (0, 0)
    assert len(stand.rows(Judgement, kind="prompt", state="asked")) == 8, "each with a question of its own"


# --- budgets ------------------------------------------------------------------------------------------------------


def running(stand: Stand, **values: object) -> None:
    stand.task_in(TaskState.RUNNING, pull=False)

    def work(session: Session) -> None:
        attempt = session.exec(select(Attempt)).one()
        attempt.state, attempt.outcome, attempt.started_at = AttemptState.RUNNING, "", stand.clock()
        for name, value in values.items():
            setattr(attempt, name, value)

    stand.change(work)


def request_of(tokens: int, name: str) -> AgentEvent:
    return Spent(name, Tokens(input=tokens, output=0))


async def test_a_hard_budget_stops_a_running_agent_also_after_a_restart(stand: Stand) -> None:
    """# invariant 12: no final count came yet, and the process that counted the first half is gone."""
    stand.agents["agent"].meaning = {"a": [request_of(600, "a")], "b": [request_of(500, "b")]}
    stand.agents["agent"].result = Outcome(OutcomeKind.STOPPED, tokens=Tokens(input=1100))
    running(stand, budget_tokens=1000)
    stand.engine.run_of("t-1-a1", "a")
    await settled(stand)
    assert stand.rows(Attempt)[0].stop_reason == "" and stand.engine.stopped == []
    stand.reopen()
    stand.engine.run_of("t-1-a1", "b")
    await settled(stand)
    assert stand.engine.stopped == ["t-1-a1"]
    assert stand.task().state is TaskState.NEEDS_HELP and stand.task().help_class == "budget"
    (paid,) = stand.rows(Ledger)
    assert paid.tokens_input == 1100, "charged once"


async def settled(stand: Stand) -> None:
    """A few ticks of a monitor that just started."""
    monitor = Monitor(stand.outside, lambda: None)
    for _ in range(3):
        await monitor.tick(fetch=False)
        await monitor.jobs.settle(5.0)
    assert not monitor.jobs.failures


async def test_a_queued_task_without_money_asks_instead_of_waiting_for_ever(stand: Stand) -> None:
    """# invariant 12: dollars or tokens, whichever first; a person's retry brings the budget of one attempt."""
    for row, (usd, tokens) in enumerate([(16.0, 0), (0.0, 16_000_000)], start=1):
        stand.task_in(TaskState.QUEUED, pull=False, next_prompt="go on", budget_usd=15.0, budget_tokens=15_000_000)
        stand.change(partial(_spend, now=stand.clock(), task_id=row, usd=usd, tokens=tokens))
    await settled(stand)
    assert [task.state for task in stand.rows(Task)] == [TaskState.NEEDS_HELP] * 2
    assert (
        "$16.00 of $15.00" in stand.task(1).help_cause and "16,000,000 of 15,000,000 tokens" in stand.task(2).help_cause
    )
    assert len(stand.said("needs_help")) == 2
    assert stand.change(lambda s: commands.retry(s, stand.clock(), stand.policy, ANA, 2)).ok
    purse = stand.registry.read_now(lambda s: purse_of(s, stand.policy, stand.task(2)))
    assert purse.attempt_tokens(stand.policy) == 4_000_000, "what is left of the grant"


def _spend(session: Session, now: datetime, task_id: int, usd: float, tokens: int) -> None:
    pay(session, now, key=f"x{task_id}", purpose="attempt", task_id=task_id, cost_usd=usd, tokens_output=tokens)


def test_a_resumed_session_is_not_charged_twice(stand: Stand) -> None:
    """# invariant 12: some agents count the whole session each time."""
    meter = Meter()
    meter.take([Started("s", "gpt-5", "1"), Usage(Tokens(100, 10, 5), whole_session=True)])
    meter.take([Usage(Tokens(300, 30, 15), whole_session=True)])
    assert meter.read().tokens == Tokens(300, 30, 15)
    again = Meter()
    again.take([Spent("r1", Tokens(5, 0, 1)), Spent("r1", Tokens(5, 0, 9)), Spent("r2", Tokens(7, 0, 1))])
    assert again.read().tokens == Tokens(12, 0, 10), "a later figure of the same request replaces the earlier"
    again.take([Usage(Tokens(13, 0, 11), cost_usd=0.5)])
    assert (again.read().tokens, again.read().cost_usd) == (Tokens(13, 0, 11), 0.5)


def test_an_attempts_budget_is_never_more_than_what_the_task_has_left(stand: Stand) -> None:
    """# invariant 12"""
    policy = replace(stand.policy, budget=Budget(attempt_usd=5.0, task_usd=7.0))
    task = stand.task_in(TaskState.QUEUED, budget_usd=7.0)
    stand.change(lambda s: pay(s, stand.clock(), key="x", purpose="attempt", task_id=task.id, cost_usd=6.5))
    purse = stand.registry.read_now(lambda s: purse_of(s, policy, stand.task()))
    assert purse.attempt_usd(policy) == pytest.approx(0.5)


def test_a_failure_is_counted_in_the_transaction_that_records_it(stand: Stand) -> None:
    """# invariant 6: cut off in the middle, neither the count nor the state is there."""
    stand.task_in(TaskState.VERIFYING)

    def cut_off(session: Session) -> None:
        task = session.get(Task, 1)
        assert task is not None
        fail(session, stand.clock(), stand.policy, task, cause="ci", transition=Cause.CI_FAILED, subject="x")
        session.flush()
        raise KeyError("killed here")

    with pytest.raises(KeyError):
        stand.change(cut_off)
    stand.reopen()
    assert (stand.task().state, stand.task().retries_failure) == (TaskState.VERIFYING, 0)
    assert stand.rows(Judgement) == []
