"""The clock is set forward or back, or the machine sleeps: what waits moves with it, and nobody is taken for idle."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session, SQLModel, create_engine, select

from scheduler.clock_jumps import ClockJumps, Jump, follow
from scheduler.lifecycle import AttemptState, QuestionState, TaskState
from scheduler.registry import Attempt, Event, Outbox, Question, Request, Task

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class Clocks:
    """The time of day, and the one that only runs forward."""

    def __init__(self) -> None:
        self.now, self.steady = NOW, 1000.0
        self.jumps = ClockJumps(lambda: self.steady)
        self.jumps.look(self.now)

    def pass_(self, span: timedelta) -> Jump | None:
        self.now, self.steady = self.now + span, self.steady + span.total_seconds()
        return self.jumps.look(self.now)

    def set(self, by: timedelta) -> Jump | None:
        self.now += by
        return self.jumps.look(self.now)


def test_time_that_passes_is_no_jump_and_neither_is_a_small_correction() -> None:
    clocks = Clocks()
    assert clocks.pass_(24 * HOUR) is None
    assert clocks.set(timedelta(seconds=20)) is None and clocks.set(timedelta(seconds=-20)) is None


@pytest.mark.parametrize("by", [5 * HOUR, -5 * HOUR, 45 * MINUTE, -400 * 24 * HOUR])
def test_silence_is_measured_without_the_jump(by: timedelta) -> None:
    clocks = Clocks()
    clocks.pass_(MINUTE)
    spoke = clocks.now
    clocks.pass_(3 * MINUTE)
    jump = clocks.set(by)
    assert jump is not None and jump.by == by
    clocks.pass_(2 * MINUTE)
    assert clocks.jumps.passed(spoke, clocks.now) == 5 * MINUTE
    spoke = clocks.now
    clocks.pass_(4 * MINUTE)
    assert clocks.jumps.passed(spoke, clocks.now) == 4 * MINUTE, "what came after the jump is not moved"


def test_two_jumps_are_both_taken_out() -> None:
    clocks = Clocks()
    spoke = clocks.now
    clocks.pass_(MINUTE)
    clocks.set(3 * HOUR)
    clocks.pass_(MINUTE)
    clocks.set(2 * HOUR)
    clocks.pass_(MINUTE)
    assert clocks.jumps.passed(spoke, clocks.now) == 3 * MINUTE


@pytest.fixture
def session():
    engine = create_engine("sqlite://")
    SQLModel.metadata.create_all(engine)
    with Session(engine) as opened:
        yield opened
    engine.dispose()


@pytest.mark.parametrize("by", [5 * HOUR, -5 * HOUR])
def test_deadlines_and_pauses_move_with_the_clock(session: Session, by: timedelta) -> None:
    old = NOW - by  #: what the clock said before it jumped to NOW
    session.add(Request(id=1, dedupe_key="1", text="x", requester="u", source="cli", created_at=old))
    session.add(Task(
        id=1, request_id=1, state=TaskState.QUEUED, title="t", not_before=old + HOUR, created_at=old, updated_at=old
    ))  # fmt: skip
    for n, state in ((1, AttemptState.PREPARING), (2, AttemptState.ENDED)):
        session.add(Attempt(
            task_id=1, n=n, name=f"t-1-a{n}", state=state, agent="a", prompt="p", deadline=old + 10 * MINUTE,
            started_at=old, created_at=old,
        ))  # fmt: skip
    for state in (QuestionState.OPEN, QuestionState.ANSWERED):
        session.add(Question(task_id=1, about="agent", text="?", state=state, deadline=old + 24 * HOUR, created_at=old))
    session.flush()

    follow(session, NOW, Jump(NOW, by))

    live, ended = session.exec(select(Attempt)).all()
    asked, answered = session.exec(select(Question)).all()
    assert (live.deadline, live.started_at, asked.deadline) == (NOW + 10 * MINUTE, NOW, NOW + 24 * HOUR)
    assert (ended.deadline, answered.deadline) == (old + 10 * MINUTE, old + 24 * HOUR)
    task = session.exec(select(Task)).one()
    assert task.not_before is not None and task.not_before <= NOW + HOUR, "a pause never grows"
    assert [event.why for event in session.exec(select(Event)).all()] == [
        f"{'forward' if by > timedelta() else 'back'} by 300 min"
    ]
    [said] = session.exec(select(Outbox)).all()
    assert said.payload["text"].startswith("The clock of Waggle's machine went ")
