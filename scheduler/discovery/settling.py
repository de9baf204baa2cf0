"""Writing down what a look found: rows, proposals and the cursor, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from integrations.errors import ErrorTracker, Issue
from scheduler.discovery.facts import CURSOR, ERRORS, ErrorFacts, Gate
from scheduler.discovery.following import follow_all
from scheduler.discovery.gates import refusal
from scheduler.discovery.promotion import promote
from scheduler.discovery.quotas import Candidate, Taken, choose
from scheduler.lifecycle import FINISHED, Cause, SignalState, TaskState
from scheduler.names import task_label
from scheduler.outages import came_back, is_down
from scheduler.policy import Policy
from scheduler.registry.work import Signal, Task
from scheduler.registry.writers import move_signal, remember

#: what is judged again although nothing new happened: it waits for a look, or for room
OPEN = (SignalState.NEW, SignalState.WAITING)
#: a person decided, or is asked
_DECIDED = frozenset({SignalState.PROPOSED, SignalState.SNOOZED, SignalState.STARTED, SignalState.MUTED})
_FIXED = frozenset({SignalState.MERGED, SignalState.RESOLVED})


@dataclass(frozen=True)
class Judged:
    """An issue held against the gates."""

    key: str
    facts: ErrorFacts
    gates: tuple[Gate, ...]
    repo: str
    waits_for: str = ""  #: what could not be looked at this time; then it is judged again by the next look


def settle(
    session: Session,
    now: datetime,
    policy: Policy,
    tracker: ErrorTracker,
    judged: Sequence[Judged],
    looked_up: Mapping[int, Issue],
    cursor: datetime,
) -> list[str]:
    """Everything that a look found, in one transaction with the cursor; labels of the tasks that it proposes."""
    follow_all(session, now, tracker.name, looked_up)
    rows = {one.key: _row(session, now, one) for one in judged}
    passed = []
    for one in judged:
        row, why = rows[one.key], refusal(one.gates)
        if row.state in _DECIDED:
            continue
        if row.state in _FIXED and row.fixes and one.facts.issue.substatus != "regressed":
            continue
        if why:
            move_signal(session, row, SignalState.REFUSED, Cause.GATED, now, why=why)
        elif one.waits_for:
            again = row.state if row.state in OPEN else SignalState.NEW
            move_signal(session, row, again, Cause.PASSED, now, why=one.waits_for)
        else:
            passed.append(Candidate(row.id or 0, row.repo, one.facts.issue))
    labels = []
    by_id = {row.id: row for row in rows.values()}
    for choice in choose(passed, _taken(session), policy.errors):
        row = by_id[choice.signal_id]
        if choice.waits_for:
            move_signal(session, row, SignalState.WAITING, Cause.PASSED, now, why=choice.waits_for)
        else:
            labels.append(task_label(promote(session, now, policy, row).id))
    remember(session, now, CURSOR, {"scope": tracker.scope, "cursor": cursor.isoformat(), "failures": 0})
    if is_down(session, tracker.name):
        came_back(session, now, tracker.name)
    return labels


def _row(session: Session, now: datetime, one: Judged) -> Signal:
    """The row of an issue, made when it is new, with what is known now."""
    issue = one.facts.issue
    row = session.exec(select(Signal).where(Signal.dedupe_key == one.key)).first()
    if row is None:
        row = Signal(source=ERRORS, dedupe_key=one.key, title=issue.title, state=SignalState.NEW, created_at=now)
    row.name, row.title, row.url, row.repo = issue.short_id, issue.title, issue.url, one.repo
    row.facts = one.facts.model_dump(mode="json")
    if row.state not in _DECIDED:  # what led to the proposal stays there to be read
        row.gates = [gate.model_dump() for gate in one.gates]
    row.updated_at = now
    session.add(row)
    session.flush()
    return row


def _taken(session: Session) -> Taken:
    proposed, started = 0, dict[str, int]()
    rows = session.exec(select(Signal, Task).join(Task, col(Task.id) == col(Signal.task_id))).all()
    for row, task in rows:
        if row.state is SignalState.PROPOSED and task.state is TaskState.PROPOSED:
            proposed += 1
        elif row.state is SignalState.STARTED and task.state not in FINISHED:
            started[row.repo] = started.get(row.repo, 0) + 1
    return Taken(proposed, started)
