"""Writing an answer down, or why there is none yet. Each is one transaction over a judgement row.

What it cost is booked in any case; an answer that came too late, because the task went another way, is not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from bot.orchestrator.asking import Charge, Failure
from bot.orchestrator.desk import Answered
from bot.orchestrator.opinions import forget_opinions
from scheduler.judging import ANSWERS, Kind, Reviewed
from scheduler.outages import came_back, went_down
from scheduler.registry import Judgement, Task, Topic
from scheduler.registry.database import wake
from scheduler.registry.writers import pay, record, refresh_card, say

_MOST_NOTES = 20
_LONGEST_ERROR = 1000
_SERVICE_DOWN = frozenset({"auth", "billing", "rate_limit", "overloaded", "unreachable"})


@dataclass(frozen=True)
class Setback:
    """Why a row has no answer yet.

    Attributes:
        reason: one sentence for a person.
        wait: how long it waits before it is tried again.
        evidence: each failure, for the audit log.
        failures: the models that were asked in vain.
        stuck: nobody can answer it; people are told, once.
        unborn: the repository holds nothing yet; people are told once, at once, and no try is spent on it.
    """

    reason: str
    wait: timedelta
    evidence: tuple[str, ...]
    charges: tuple[Charge, ...] = ()
    failures: tuple[Failure, ...] = ()
    stuck: bool = False
    unborn: bool = False


def write_answer(session: Session, now: datetime, row_id: int, answered: Answered) -> None:
    """Put the answer into the row and wake the supervisor."""
    row = _row(session, row_id)
    _book(session, now, row, answered.charges)
    _note_services(session, now, answered.failures, _heard(answered))
    if row.kind == Kind.REVIEW:
        forget_opinions(session, row)
    if row.state != "asked":
        return
    # The shape is checked where it crosses the door, whoever made the value.
    value = ANSWERS[Kind(row.kind)].model_validate(answered.value.model_dump())
    row.answer = value.model_dump(mode="json")
    row.answered_by, row.answered_at, row.state, row.not_before = answered.by, now, "answered", None
    row.error = "; ".join(str(one) for one in answered.failures)[:_LONGEST_ERROR]
    session.add(row)
    if answered.failures:
        _note(
            session,
            now,
            row,
            "model_failed",
            f"{answered.by} answered instead",
            tuple(str(one) for one in answered.failures),
        )
    _note(session, now, row, "judged", row.subject, answered.notes[:_MOST_NOTES], actor=answered.by)
    wake(session, Topic.SUPERVISOR)


def postpone(session: Session, now: datetime, row_id: int, setback: Setback) -> None:
    """Let the row wait, and say why."""
    row = _row(session, row_id)
    _book(session, now, row, setback.charges)
    _note_services(session, now, setback.failures, set())
    if row.state != "asked":
        return
    again = row.error == setback.reason
    if setback.unborn and again:  # looked at every moment, perhaps for days: said and written down once
        row.not_before = now + setback.wait
        session.add(row)
        return
    row.tries += 0 if setback.unborn else 1
    row.error, row.not_before = setback.reason[:_LONGEST_ERROR], now + setback.wait
    session.add(row)
    what = "nothing_there" if setback.unborn else "judgement_stuck" if setback.stuck else "model_failed"
    _note(session, now, row, what, f"tried again in {setback.wait.total_seconds():.0f} s", setback.evidence)
    task = session.get(Task, row.task_id)
    if task is None:
        return
    refresh_card(session, task, now)
    if setback.unborn:
        text = f"I cannot plan this yet: {setback.reason} I look every moment and go on by myself."
        say(session, now, kind="note", dedupe_key=f"unborn:{row.id}:{row.error}", task=task, payload={"text": text})
    if setback.stuck:
        text = f"I cannot answer this by myself ({row.kind}): {setback.reason[:300]} I try again every few minutes."
        say(session, now, kind="note", dedupe_key=f"stuck:{row.id}", task=task, payload={"text": text})


def _heard(answered: Answered) -> set[str]:
    """The model families that gave a usable answer."""
    heard = {charge.family for charge in answered.charges}
    if isinstance(answered.value, Reviewed):
        heard |= {one.family for one in answered.value.reviews if one.verdict != "error"}
    return heard - {one.family for one in answered.failures} - {"rules"}


def _note_services(session: Session, now: datetime, failures: Sequence[Failure], heard: set[str]) -> None:
    """A model service that is down is told once for all that waits for it, and again when it is over."""
    for one in failures:
        if one.kind in _SERVICE_DOWN:
            text = (
                f"{_service(one.family)} cannot be used ({one.kind}: {one.message}). Another family or rules answer "
                "where they may; reviews wait for it a while. Its return is noticed by itself."
            )
            went_down(session, now, _service(one.family), text)
    for family in sorted(heard):
        came_back(session, now, _service(family))


def _service(family: str) -> str:
    return f"The model service {family}"


def _row(session: Session, row_id: int) -> Judgement:
    row = session.get(Judgement, row_id)
    assert row is not None
    return row


def _note(
    session: Session,
    now: datetime,
    row: Judgement,
    what: str,
    why: str,
    evidence: Sequence[str],
    actor: str = "waggle",
) -> None:
    subject = f"judgement {row.kind}"
    record(session, now, what=what, actor=actor, why=why, task_id=row.task_id, subject=subject, evidence=list(evidence))


def _book(session: Session, now: datetime, row: Judgement, charges: Sequence[Charge]) -> None:
    for place, one in enumerate(charges):
        pay(
            session,
            now,
            key=f"judgement:{row.id}:{row.tries}:{place}",
            purpose=one.purpose,
            task_id=row.task_id,
            model=one.model,
            tokens_input=one.usage.input,
            tokens_cached=one.usage.cached,
            tokens_output=one.usage.output,
            cost_usd=one.cost_usd or 0.0,
        )
