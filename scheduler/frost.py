"""The emergency stop: every agent and command stands still at once, and goes on from where it stood.

The wish is a row, so it survives a restart; the tick holds what runs against it. Nothing that waits is measured
meanwhile: a thaw moves every deadline of live attempts and open questions by as long as the frost lasted.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from integrations.engines import RunState
from scheduler.lifecycle import LIVE_ATTEMPT, QuestionState
from scheduler.outside import Outside
from scheduler.registry.database import Topic, wake
from scheduler.registry.work import Attempt, Question
from scheduler.registry.writers import recall, record, remember, say
from scheduler.steps import StepName

_KEY = "estop"


@dataclass(frozen=True)
class Frost:
    """Whether everything stands still.

    Attributes:
        since: when it was asked for; None when nothing is frozen.
        thawed_at: when it last ended: silence before that says nothing about an agent.
    """

    since: datetime | None = None
    by: str = ""
    thawed_at: datetime | None = None


def frost_of(session: Session) -> Frost:
    """What was last asked for."""
    known = recall(session, _KEY) or {}
    return Frost(_instant(known.get("since")), str(known.get("by", "")), _instant(known.get("thawed_at")))


def freeze_all(session: Session, now: datetime, actor: str) -> bool:
    """Ask for the emergency stop; False when it is in force already."""
    known = frost_of(session)
    if known.since is not None:
        return False
    thawed = known.thawed_at.isoformat() if known.thawed_at else None
    remember(session, now, _KEY, {"since": now.isoformat(), "by": actor, "thawed_at": thawed})
    record(session, now, what="estop", actor=actor, why="every agent stands still", subject="waggle")
    text = "Emergency stop: every agent stands still. `thaw` lets them go on from where they stood."
    say(session, now, kind="alert", dedupe_key=f"estop:{now.isoformat()}", payload={"text": text})
    wake(session, Topic.SUPERVISOR)
    return True


def thaw_all(session: Session, now: datetime, actor: str) -> bool:
    """End the emergency stop; False when there is none."""
    known = frost_of(session)
    if known.since is None:
        return False
    lasted = now - known.since
    for attempt in session.exec(select(Attempt).where(col(Attempt.state).in_(list(LIVE_ATTEMPT)))).all():
        if attempt.deadline is not None:
            attempt.deadline += lasted
            session.add(attempt)
    for question in session.exec(select(Question).where(Question.state == QuestionState.OPEN)).all():
        if question.deadline is not None:
            question.deadline += lasted
            session.add(question)
    remember(session, now, _KEY, {"since": None, "by": actor, "thawed_at": now.isoformat()})
    record(session, now, what="thaw", actor=actor, why=f"after {lasted.total_seconds():.0f} s", subject="waggle")
    text = f"The emergency stop is over after {lasted.total_seconds():.0f} s; the agents go on from where they stood."
    say(session, now, kind="alert", dedupe_key=f"thaw:{now.isoformat()}", payload={"text": text})
    wake(session, Topic.SUPERVISOR)
    return True


class Freezer:
    """Holds what runs against the wish."""

    def __init__(self, out: Outside) -> None:
        self._out = out
        self._settled: bool | None = None  #: what every run was last brought to; None after a start

    async def keep(self) -> bool:
        """Freeze or thaw what is not as it should be; whether everything stands still."""
        frozen = (await self._out.registry.read(frost_of)).since is not None
        if frozen or self._settled is not False:
            await asyncio.to_thread(self._bring, frozen)
            self._settled = frozen
        return frozen

    def _bring(self, frozen: bool) -> None:
        for view in self._out.engine.list():
            if view.state is not RunState.RUNNING or view.frozen is frozen:
                continue
            if frozen:
                with self._out.steps(StepName.FREEZE, view.name):
                    self._out.engine.freeze(view.name)
            else:
                with self._out.steps(StepName.THAW, view.name):
                    self._out.engine.thaw(view.name)


def _instant(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
