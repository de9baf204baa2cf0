"""A dependency that is down stops only what needs it, is said once for all tasks, and is picked up by itself."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from sqlmodel import Session, select

from bot.orchestrator.asking import Failure
from bot.orchestrator.desk import Answered
from bot.orchestrator.recording import Setback, postpone, write_answer
from integrations.fault import IntegrationError
from integrations.git import AuthRefused, NotARepository, PushRejected, Unreachable
from integrations.github import errors as github
from scheduler.background import NotYetError
from scheduler.judging import Kind, PromptFacts, Reviewed, ReviewVerdict, WrittenPrompt
from scheduler.lifecycle import AttemptState, TaskState
from scheduler.monitor import Monitor
from scheduler.outages import Dependencies
from scheduler.registry import Attempt, Event, Judgement, Registry
from scheduler.registry.writers import ask
from tests.conftest import Clock
from tests.unit.supervised import SLUG, Stand, Truth


@pytest.fixture
def stand(registry: Registry, clock: Clock) -> Stand:
    return Stand(registry, clock)


DOWN = [
    github.AuthFailed("401"),
    github.RateLimited("spent", retryable=True),
    github.SecondaryLimited("slower", retryable=True),
    github.TimedOut("no answer", retryable=True),
    github.Unavailable("502", retryable=True),
    AuthRefused("401"),
    Unreachable("no route", retryable=True),
]
REFUSED = [
    github.Forbidden("403"),
    github.NotFound("404"),
    github.Invalid("422"),
    NotARepository("?"),
    PushRejected(""),
]


@pytest.mark.parametrize("problem", [*DOWN, *REFUSED], ids=lambda one: type(one).__name__)
async def test_what_is_down_as_a_whole_is_told_apart_from_one_refusal(stand: Stand, problem: IntegrationError) -> None:
    """Ten tasks meet it for ten minutes: one notice, and one more when it is over."""
    dependencies = Dependencies(stand.outside)
    for _ in range(20):
        for _task in range(10):
            assert await dependencies.failed(problem, SLUG) == (problem in DOWN)
        stand.clock.advance(30)
    assert len(stand.said("alert")) == (problem in DOWN)
    await dependencies.work("GitHub", f"The git remote of {SLUG}")
    await dependencies.work("GitHub", f"The git remote of {SLUG}")
    assert len(stand.said("alert")) == (2 if problem in DOWN else 0)


# --- GitHub and git -------------------------------------------------------------------------------------------------


async def _ticks(stand: Stand, count: int, seconds: float = 30.0) -> Monitor:
    monitor = Monitor(stand.outside, lambda: None)
    for _ in range(count):
        await monitor.tick()
        await monitor.jobs.settle(5.0)
        monitor.jobs._not_before.clear()  # the pauses between two tries are real seconds
        stand.clock.advance(seconds)
    return monitor


@pytest.mark.parametrize(
    "problem", [p for p in DOWN if isinstance(p, github.GitHubError)], ids=lambda p: type(p).__name__
)
async def test_a_red_check_is_not_explained_while_github_is_down_and_no_retry_is_spent(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, problem: IntegrationError
) -> None:
    """A token that is refused in the middle of a life is no reason to send the agent back without the log."""
    stand.task_in(TaskState.VERIFYING)
    stand.github.truths[stand.github.head] = Truth(checks="fail")
    await stand.look()
    await stand.detail()
    await stand.diff()
    await stand.judge()

    def refused(*_: object) -> None:
        raise problem

    with monkeypatch.context() as patch:
        patch.setattr(stand.github, "check_output", refused)
        for _ in range(5):
            with pytest.raises(NotYetError):
                await stand.explain()
            stand.clock.advance(120)
    assert (stand.task().state, stand.task().retries_failure) == (TaskState.VERIFYING, 0)
    await stand.explain()
    assert (stand.task().state, stand.task().retries_failure) == (TaskState.DIAGNOSING, 1)


@pytest.mark.parametrize(
    "problem", [p for p in DOWN if not isinstance(p, github.GitHubError)], ids=lambda p: type(p).__name__
)
async def test_ten_minutes_without_the_git_remote_end_no_attempt(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, problem: IntegrationError
) -> None:
    """Three tasks wait for it, longer than an attempt may prepare; what needs no git goes on."""
    for _ in range(3):
        stand.task_in(TaskState.RUNNING, pull=False)

    def intended(session: Session) -> None:
        for attempt in session.exec(select(Attempt)):
            attempt.state, attempt.outcome = AttemptState.PREPARING, ""
            attempt.deadline = stand.clock()

    stand.change(intended)
    stand.task_in(TaskState.VERIFYING)

    def refused(*_: object) -> None:
        raise problem

    monkeypatch.setattr(stand.repositories, "ensure", refused, raising=False)
    monkeypatch.setattr(stand.repositories, "fetch", refused)
    await _ticks(stand, 20)
    assert [task.state for task in stand.rows(type(stand.task()))[:3]] == [TaskState.RUNNING] * 3
    assert len(stand.said("alert")) == 1
    assert not stand.said("note") and not stand.said("needs_help")
    assert all("waiting" in attempt.milestone for attempt in stand.rows(Attempt)[:3])
    assert {row.task_id for row in stand.said("card")} >= {1, 2, 3}, "each card says what it waits for"
    assert stand.pull.observed_at is not None, "GitHub was asked all the while"


async def test_a_workspace_that_cannot_be_cleaned_without_the_remote_waits_in_silence(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one line in the audit log for each try of a long night."""
    stand.task_in(TaskState.MERGED)

    def refused(*_: object) -> None:
        raise Unreachable("no route", retryable=True)

    with monkeypatch.context() as patch:
        patch.setattr(stand.repositories, "workspaces", refused, raising=False)
        await _ticks(stand, 20)
    assert not [event for event in stand.rows(Event) if event.what == "not_cleaned"]
    assert stand.task().cleaned_at is None and len(stand.said("alert")) == 1
    monkeypatch.setattr(stand.repositories, "workspaces", lambda slug: [], raising=False)
    await _ticks(stand, 1)
    assert stand.task().cleaned_at is not None


@pytest.mark.proves("29", "I")
async def test_github_gone_for_ten_minutes_is_said_once_and_the_merge_of_meanwhile_is_seen(stand: Stand) -> None:
    stand.task_in(TaskState.VERIFYING)
    await _ticks(stand, 1)
    stand.github.down = True
    await _ticks(stand, 20)
    assert len(stand.said("alert")) == 1 and not stand.said("note")
    stand.github.down, stand.github.state = False, "merged"
    await _ticks(stand, 2)
    assert stand.task().state is TaskState.MERGED
    assert [str(row.payload["text"]).split(";")[0] for row in stand.said("alert")][1:] == ["GitHub answers again"]


# --- models ---------------------------------------------------------------------------------------------------------


def _asked(stand: Stand, kind: Kind, subject: str) -> int:
    def work(session: Session) -> int:
        task = stand.task()
        facts = PromptFacts(why="lost").model_dump(mode="json")
        row = ask(session, stand.clock(), kind=kind, subject=subject, task=task, facts=facts)
        session.flush()
        return row.id or 0

    return int(stand.change(work))


def _failure(family: str, kind: str = "unreachable") -> Failure:
    return Failure(family, f"{family}-model", kind, "no answer", retryable=True)


@pytest.mark.parametrize("gone", [("anthropic",), ("openai",), ("anthropic", "openai")], ids=["one", "other", "all"])
@pytest.mark.parametrize("kind", ["auth", "billing", "rate_limit", "overloaded", "unreachable"])
def test_a_model_service_that_is_down_is_said_once_however_many_questions_wait(
    stand: Stand, gone: tuple[str, ...], kind: str
) -> None:
    stand.task_in(TaskState.VERIFYING)
    failures = tuple(_failure(family, kind) for family in gone)
    rows = [_asked(stand, Kind.REVIEW, f"pull:1:{n}:r1") for n in range(5)]
    for _ in range(10):
        for row_id in rows:
            setback = Setback("nobody", timedelta(seconds=60), (), failures=failures)
            stand.change(partial(postpone, now=stand.clock(), row_id=row_id, setback=setback))
        stand.clock.advance(60)
    assert len(stand.said("alert")) == len(gone)

    said = Reviewed(
        reviews=tuple(
            ReviewVerdict(reviewer=one, family=one, model="m", verdict="approve") for one in ("anthropic", "openai")
        )
    )
    for row_id in rows:
        stand.change(partial(write_answer, now=stand.clock(), row_id=row_id, answered=Answered(said, "m")))
    assert len(stand.said("alert")) == 2 * len(gone)
    assert {row.state for row in stand.rows(Judgement)} == {"answered"}


def test_an_answer_by_rules_is_no_sign_of_a_model_and_a_wrong_answer_no_outage(stand: Stand) -> None:
    stand.task_in(TaskState.VERIFYING)
    for n in range(3):
        row_id = _asked(stand, Kind.PROMPT, f"prompt:1:v{n}")
        failures = (_failure("anthropic"), _failure("openai", "invalid_answer"))
        answered = Answered(WrittenPrompt(prompt="go on"), "rules", failures=failures)
        stand.change(partial(write_answer, now=stand.clock(), row_id=row_id, answered=answered))
        stand.clock.advance(90)
    (alert,) = stand.said("alert")
    assert "anthropic" in alert.payload["text"]
