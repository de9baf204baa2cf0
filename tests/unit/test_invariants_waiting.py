"""Waiting for people, for providers and for a resume: every wait ends, and goes on where it was."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import Session, SQLModel, select

from scheduler import commands
from scheduler.admission import Admission
from scheduler.commands import Reply
from scheduler.failures import apply_diagnosis, apply_prompt, fail
from scheduler.judging import Diagnosed, Kind, ScopedTask, WrittenPrompt
from scheduler.lifecycle import AttemptState, Cause, QuestionState, TaskState
from scheduler.monitor import Monitor
from scheduler.planning import apply_scope
from scheduler.questions import open_question, put_question
from scheduler.registry import Attempt, Judgement, Question, Registry, Task
from scheduler.registry.writers import move_attempt
from tests.conftest import Clock
from tests.unit.supervised import SLUG, Stand

ANA = commands.Actor("U0ANA", "ana")


@pytest.fixture
def stand(registry: Registry, clock: Clock) -> Stand:
    return Stand(registry, clock)


def do(stand: Stand, command: Callable[..., Reply], *args: Any, **kwargs: Any) -> Reply:
    stand.clock.advance(1)
    said = stand.change(lambda s: command(s, stand.clock(), stand.policy, ANA, *args, **kwargs))
    assert isinstance(said, Reply)
    return said


def asked(stand: Stand, about: str = "agent", default: str = "") -> None:
    """A running agent ended with a question."""
    stand.task_in(TaskState.RUNNING, pull=False)

    def work(session: Session) -> None:
        task = session.get(Task, 1)
        assert task is not None
        deadline = stand.clock() + timedelta(hours=24)
        put_question(
            session, stand.clock(), task, Cause.AGENT_ASKS, about=about, text="Which?", default=default,
            options=("a", "b"), deadline=deadline,
        )  # fmt: skip

    stand.change(work)


async def tick(stand: Stand) -> None:
    monitor = Monitor(stand.outside, lambda: None)
    await monitor.tick(fetch=False)
    await monitor.jobs.settle(5.0)


def prompt_facts(stand: Stand) -> dict[str, Any]:
    (row,) = stand.rows(Judgement, kind="prompt", state="asked")
    facts: dict[str, Any] = row.facts
    return facts


async def test_a_deadline_with_a_default_goes_on_with_it(stand: Stand) -> None:
    """# invariant 6: a question spends no retry, whoever answers it."""
    asked(stand, default="a")
    await tick(stand)
    assert stand.task().state is TaskState.ASKING
    stand.clock.advance(25 * 3600)
    stand.reopen()
    await tick(stand)
    await tick(stand)
    assert stand.task().state is TaskState.QUEUED and stand.task().retries_failure == 0
    assert prompt_facts(stand) == {"why": "answered", "question": "Which?", "answer": "a"}
    assert stand.rows(Question)[0].state is QuestionState.DEFAULTED


async def test_a_deadline_without_a_default_calls_a_person_once_and_a_late_answer_counts(stand: Stand) -> None:
    """# invariant 6"""
    asked(stand)
    stand.clock.advance(25 * 3600)
    for _ in range(3):
        await tick(stand)
        stand.reopen()
    assert stand.task().state is TaskState.NEEDS_HELP
    assert len(stand.said("needs_help")) == 1
    assert do(stand, commands.guide, 1, "b").ok, "plain words in the thread are the answer, late as they are"
    assert stand.task().state is TaskState.QUEUED and stand.task().extra_attempts == 0
    assert prompt_facts(stand)["answer"] == "b"
    assert stand.rows(Question)[0].state is QuestionState.ANSWERED


async def test_a_deadline_that_passes_during_a_pause_waits_for_the_resume(stand: Stand) -> None:
    """# invariant 6: before, the question was withdrawn and the task asked for ever."""
    asked(stand, default="a")
    do(stand, commands.pause, 1)
    stand.clock.advance(25 * 3600)
    await tick(stand)
    assert stand.task().state is TaskState.PAUSED
    assert stand.rows(Question)[0].state is QuestionState.OPEN
    do(stand, commands.resume, 1)
    await tick(stand)
    assert stand.task().state is TaskState.QUEUED


async def test_a_scoping_question_that_nobody_answered_is_scoped_with_the_late_answer(stand: Stand) -> None:
    """# invariant 6: it never had a repository, so no attempt may be started for it."""
    do(stand, commands.new_request, text="fix it", source="cli", dedupe_key="k")
    answer(stand, ScopedTask(clear=False, question="Which total?"))
    stand.clock.advance(25 * 3600)
    await tick(stand)
    assert stand.task().state is TaskState.NEEDS_HELP
    assert do(stand, commands.retry, 1, guidance="the one of the invoice").ok
    assert stand.task().state is TaskState.SCOPING
    (row,) = stand.rows(Judgement, state="asked")
    assert any("the one of the invoice" in one for one in row.facts["answers"])


async def test_a_parked_attempt_goes_on_after_its_time_with_the_same_session(stand: Stand) -> None:
    """# invariant 6: limits spend nothing, and the session is not begun again."""
    stand.task_in(TaskState.RUNNING, pull=False)

    def limited(session: Session) -> None:
        task, attempt = session.get(Task, 1), session.exec(select(Attempt)).one()
        assert task is not None
        attempt.state, attempt.outcome = AttemptState.RUNNING, "rate-limit"
        move_attempt(session, attempt, AttemptState.PARKED, Cause.PARKED, stand.clock())
        fail(
            session, stand.clock(), stand.policy, task, cause="rate-limit", transition=Cause.ATTEMPT_FAILED,
            subject="attempt:t-1-a1", attempt=attempt,
        )  # fmt: skip

    stand.change(limited)
    answer(stand, WrittenPrompt(prompt="go on"))
    admission = Admission(stand.outside)
    assert await admission.admit() == [], "its time has not come"
    stand.reopen()
    stand.clock.advance(31)
    assert await Admission(stand.outside).admit() == ["t-1-a2"]
    first, second = stand.rows(Attempt)
    assert second.resumes and second.session_id == first.session_id
    assert first.state is AttemptState.ENDED and stand.task().retries_failure == 0


async def test_a_paused_running_task_resumes_with_its_session(stand: Stand) -> None:
    """# invariant 6: nothing failed, so nothing is spent; the agent is told why it was interrupted."""
    stand.task_in(TaskState.RUNNING, pull=False)

    def alive(session: Session) -> None:
        attempt = session.exec(select(Attempt)).one()
        attempt.state, attempt.outcome, attempt.started_at = AttemptState.RUNNING, "", stand.clock()

    stand.change(alive)
    stand.engine.run_of("t-1-a1")
    do(stand, commands.pause, 1)
    await tick(stand)
    assert stand.engine.stopped == ["t-1-a1"]
    do(stand, commands.resume, 1)
    await tick(stand)
    assert stand.task().state is TaskState.QUEUED and prompt_facts(stand)["why"] == "resumed"
    answer(stand, WrittenPrompt(prompt="go on"))
    assert await Admission(stand.outside).admit() == ["t-1-a2"]
    first, second = stand.rows(Attempt)
    assert second.resumes and second.session_id == first.session_id


@pytest.mark.parametrize("kind", ["scope", "diagnose"])
async def test_an_answer_that_comes_during_a_pause_is_used_after_it(stand: Stand, kind: str) -> None:
    """# invariant 6: before, it was used up by the pause and the task waited for ever."""
    if kind == "scope":
        do(stand, commands.new_request, text="x", source="cli", dedupe_key="k")
        value: Any = ScopedTask(clear=True, repo=SLUG, title="t", goal="g", prompt="p")
    else:
        stand.task_in(TaskState.RUNNING, pull=False)
        stand.change(lambda s: _fail(s, stand))
        value = Diagnosed(summary="s", change="inject", prompt="p")
    do(stand, commands.pause, 1)

    def orchestrator(session: Session) -> None:
        row = session.exec(select(Judgement)).one()
        row.state, row.answer = "answered", value.model_dump(mode="json")

    stand.change(orchestrator)
    await tick(stand)
    assert stand.task().state is TaskState.PAUSED
    do(stand, commands.resume, 1)
    await tick(stand)
    # With its prompt at hand, a queued task starts in the same tick.
    assert stand.task().state in {TaskState.PLANNED, TaskState.QUEUED, TaskState.RUNNING}


async def test_an_answer_that_breaks_holds_up_no_other_task(stand: Stand) -> None:
    """# invariant 13: it is asked for again, people hear it once, and everything else goes on."""
    do(stand, commands.new_request, text="x", source="cli", dedupe_key="k1")
    do(stand, commands.new_request, text="y", source="cli", dedupe_key="k2")
    good = ScopedTask(clear=True, repo=SLUG, title="t", goal="g", prompt="p").model_dump(mode="json")

    def orchestrator(session: Session) -> None:
        first, second = session.exec(select(Judgement)).all()
        first.state, first.answer = "answered", {"clear": "no such answer"}
        second.state, second.answer = "answered", good

    for _ in range(3):
        stand.change(orchestrator)
        await tick(stand)
    assert [task.state for task in stand.rows(Task)] == [TaskState.SCOPING, TaskState.PLANNED]
    row = stand.rows(Judgement)[0]
    assert row.state == "asked" and row.not_before > stand.clock()
    assert len(stand.said("alert")) == 1


def _fail(session: Session, stand: Stand) -> None:
    task = session.get(Task, 1)
    assert task is not None
    fail(
        session, stand.clock(), stand.policy, task, cause="no-change", transition=Cause.ATTEMPT_FAILED,
        subject="attempt:t-1-a1",
    )  # fmt: skip


def answer(stand: Stand, value: Any = None) -> None:
    """The orchestrator answers the oldest open question, and the supervisor uses the answer."""

    def work(session: Session) -> None:
        row = session.exec(select(Judgement).where(Judgement.state == "asked")).first()
        if row is None:
            return
        task = session.get(Task, row.task_id)
        if task is None or task.state is TaskState.PAUSED:
            return
        said = (
            value
            or {
                Kind.SCOPE: ScopedTask(clear=True, repo=SLUG, title="t", goal="g", prompt="p"),
                Kind.DIAGNOSE: Diagnosed(summary="s", change="inject", prompt="p"),
                Kind.PROMPT: WrittenPrompt(prompt="p"),
            }[Kind(row.kind)]
        )
        row.state, row.answer = "answered", said.model_dump(mode="json")
        now = stand.clock()
        match row.kind:
            case Kind.SCOPE:
                apply_scope(session, now, stand.policy, row)
            case Kind.DIAGNOSE:
                apply_diagnosis(session, now, stand.policy, row)
            case _:
                apply_prompt(session, now, row)

    stand.change(work)


# --- a walk through everything that people, the orchestrator and agents can do ------------------------------------

ACTS = (
    "approve", "edit", "reject", "retry", "retry with words", "stop", "answer", "guide", "pause", "resume", "take_over",
    "judged", "vague", "admit", "agent fails", "agent asks", "limit", "deadline",
)  # fmt: skip


@settings(max_examples=15, deadline=None, derandomize=True)
@given(acts=st.lists(st.sampled_from(ACTS), min_size=10, max_size=30))
def test_no_state_is_entered_that_nothing_leaves(acts: list[str]) -> None:
    """# invariant 6: whatever happens in whatever order, somebody is always asked for what comes next."""
    fast = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=fast if fast.is_dir() else None) as home:
        registry = Registry(f"sqlite:///{Path(home) / 'registry.db'}")
        SQLModel.metadata.create_all(registry.engine)
        stand = Stand(registry, Clock())
        try:
            do(stand, commands.new_request, text="an export", source="cli", dedupe_key="k")
            for act in acts:
                _act(stand, act)
                stand.registry.read_now(lambda s: _somebody_is_asked(s, acts))
        finally:
            registry.close()


def _act(stand: Stand, act: str) -> None:
    match act:
        case "edit" | "answer" | "guide":
            do(stand, getattr(commands, act), 1, "some words")
        case "retry with words":
            do(stand, commands.retry, 1, guidance="other words")
        case "judged":
            answer(stand)
        case "vague":
            scope = stand.rows(Judgement, state="asked", kind="scope")
            if scope and stand.task().state is TaskState.SCOPING:
                answer(stand, ScopedTask(clear=False, question="Which?"))
        case "admit":
            stand.clock.advance(1000)
            _admit(stand)
        case "agent fails" | "agent asks" | "limit":
            stand.change(lambda s: _ended(s, stand, act))
        case "deadline":
            stand.clock.advance(25 * 3600)
            asyncio.run(Monitor(stand.outside, lambda: None)._answers.expire())
        case _:
            do(stand, getattr(commands, act), 1)


def _admit(stand: Stand) -> None:
    asyncio.run(Admission(stand.outside).admit())


def _ended(session: Session, stand: Stand, act: str) -> None:
    """The running attempt comes to an end."""
    task = session.get(Task, 1)
    attempts = session.exec(select(Attempt)).all()
    if task is None or task.state is not TaskState.RUNNING or not attempts:
        return
    attempt = attempts[-1]
    attempt.state, attempt.started_at = AttemptState.ENDED, stand.clock()
    if act == "agent asks":
        deadline = stand.clock() + timedelta(hours=24)
        put_question(session, stand.clock(), task, Cause.AGENT_ASKS, about="agent", text="Which?", deadline=deadline)
        return
    fail(
        session, stand.clock(), stand.policy, task, cause="rate-limit" if act == "limit" else "no-change",
        transition=Cause.ATTEMPT_FAILED, subject=f"attempt:{attempt.name}", attempt=attempt,
    )  # fmt: skip


def _somebody_is_asked(session: Session, acts: list[str]) -> None:
    task = session.get(Task, 1)
    assert task is not None
    state = task.paused_from if task.state is TaskState.PAUSED else task.state
    waiting = {row.kind for row in session.exec(select(Judgement)).all() if row.state == "asked"}
    where = f"{state} after {acts}"
    match state:
        case TaskState.SCOPING:
            assert Kind.SCOPE in waiting, where
        case TaskState.DIAGNOSING:
            assert Kind.DIAGNOSE in waiting, where
        case TaskState.QUEUED:
            assert task.next_prompt or waiting & {Kind.DIAGNOSE, Kind.PROMPT}, where
            assert task.repo and task.goal, where
        case TaskState.ASKING:
            assert open_question(session, task) is not None, where
        case TaskState.RUNNING:
            assert session.exec(select(Attempt)).all(), where
        case _:
            pass
