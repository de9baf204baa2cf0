"""A clock that is set, or a machine that slept: the time of day jumps while nothing happened.

Found by holding the time of day against a clock that only runs forward. What was to happen "in ten minutes" still
happens in ten minutes of work: deadlines and pauses move by the jump. And silence is measured without it, so that no
agent is taken for idle because somebody set the clock. A jump while Waggle does not run cannot be told from time that
passed, and is taken for that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from scheduler.lifecycle import LIVE_ATTEMPT, QuestionState
from scheduler.registry.talk import Outbox
from scheduler.registry.work import Attempt, Judgement, Question, Task
from scheduler.registry.writers import record, say

#: Less is the ordinary correction of a clock, and the time that a busy machine takes between two readings.
_LEAST = timedelta(seconds=30)


@dataclass(frozen=True)
class Jump:
    """The time of day moved by `by` against what passed; it was `at` right after."""

    at: datetime
    by: timedelta


class ClockJumps:
    """Notices jumps of the clock while Waggle runs.

    Parameters:
        steady: seconds on a clock that nobody sets and that stands still while the machine sleeps.
    """

    def __init__(self, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._last: tuple[datetime, float] | None = None
        self._jumps: list[Jump] = []

    def look(self, now: datetime) -> Jump | None:
        """Read both clocks; the jump since the last look, None without."""
        steady = self._steady()
        last, self._last = self._last, (now, steady)
        if last is None:
            return None
        by = (now - last[0]) - timedelta(seconds=steady - last[1])
        if abs(by) < _LEAST:
            return None
        jump = Jump(now, by)
        self._jumps = [*self._jumps[-20:], jump]
        return jump

    def passed(self, since: datetime, now: datetime) -> timedelta:
        """How much time passed since an instant that the time of day named before any jump that came after it.

        An instant that a clock was set back over, and that the clock has reached again, is taken for the later one.
        """
        for jump in self._jumps:
            before = since < jump.at - max(jump.by, timedelta())
            if before or (jump.by < timedelta() and since > now):
                since += jump.by
        return max(now - since, timedelta())


def follow(session: Session, now: datetime, jump: Jump) -> None:
    """Move what waits for a time of day by the jump, and say that the clock jumped."""
    attempts = session.exec(select(Attempt).where(col(Attempt.state).in_(list(LIVE_ATTEMPT)))).all()
    questions = session.exec(select(Question).where(Question.state == QuestionState.OPEN)).all()
    for attempt in attempts:
        attempt.deadline = attempt.deadline + jump.by if attempt.deadline else None
        attempt.started_at = attempt.started_at + jump.by if attempt.started_at else None
        session.add(attempt)
    for question in questions:
        question.deadline = question.deadline + jump.by if question.deadline else None
        session.add(question)
    if jump.by < timedelta():  # forward, a pause only ends early, and what it was for is tried again
        for row in _waiting(session, now):
            assert row.not_before is not None
            row.not_before = max(row.not_before + jump.by, now)
            session.add(row)
    minutes = round(abs(jump.by).total_seconds() / 60, 1)
    way = "forward" if jump.by > timedelta() else "back"
    text = (
        f"The clock of Waggle's machine went {way} by {minutes:g} min, or the machine slept. Deadlines and pauses "
        "moved with it; nothing was stopped for it."
    )
    record(session, now, what="clock_jumped", why=f"{way} by {minutes:g} min", subject="clock")
    say(session, now, kind="alert", dedupe_key=f"clock:{now.isoformat()}", payload={"text": text})


def _waiting(session: Session, now: datetime) -> list[Task | Judgement | Outbox]:
    """Every row that is not to be touched before a time."""
    return [
        *session.exec(select(Task).where(col(Task.not_before) > now)).all(),
        *session.exec(select(Judgement).where(col(Judgement.not_before) > now)).all(),
        *session.exec(select(Outbox).where(col(Outbox.not_before) > now)).all(),
    ]
