"""What becomes of a signal when its task, a person, the clock or the tracker goes on. All take a write session."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from integrations.errors import Issue
from scheduler.discovery.facts import ERRORS, read_facts
from scheduler.lifecycle import Cause, SignalState, TaskState
from scheduler.names import task_label
from scheduler.registry.work import Signal, Task
from scheduler.registry.writers import move_signal, move_task, record, refresh_card, say

#: a tracker that is connected to the repository resolves an issue within moments of the merge
_PATIENCE = timedelta(hours=1)
_PENDING = frozenset({SignalState.PROPOSED, SignalState.SNOOZED})


def signal_of(session: Session, task: Task) -> Signal | None:
    """What a task was made of; None when a person asked for it."""
    return session.exec(select(Signal).where(Signal.task_id == task.id)).first()


def follow_task(session: Session, now: datetime, task: Task, *, actor: str = "waggle") -> None:
    """Bring the signal of a task to where its task is."""
    row = signal_of(session, task)
    if row is None:
        return
    label = task_label(task.id)
    over = task.state in {TaskState.DROPPED, TaskState.STOPPED}
    if row.state in _PENDING and over:
        row.not_before = None
        move_signal(session, row, SignalState.MUTED, Cause.NEVER, now, actor=actor, why=f"{label} was dropped")
    elif row.state in _PENDING | {SignalState.MUTED} and not over and task.state is not TaskState.PROPOSED:
        row.not_before = None
        move_signal(session, row, SignalState.STARTED, Cause.START, now, actor=actor, why=f"{label} is about it")
    if row.state is SignalState.STARTED and task.state is TaskState.MERGED:
        row.fixes += 1
        row.fixed_at = now
        move_signal(session, row, SignalState.MERGED, Cause.MERGED, now, why=f"{label} is merged")


def followed(session: Session, now: datetime) -> list[Signal]:
    """Signals whose issue has to be looked up, because their next step depends on it and not on a new event."""
    rows = session.exec(
        select(Signal).where(
            Signal.source == ERRORS,
            col(Signal.state).in_([SignalState.PROPOSED, SignalState.SNOOZED, SignalState.MERGED]),
        )
    ).all()
    return [row for row in rows if row.state is not SignalState.SNOOZED or is_due(row, now)]


def is_due(row: Signal, now: datetime) -> bool:
    return row.not_before is not None and row.not_before <= now


def follow_all(session: Session, now: datetime, tracker: str, issues: Mapping[int, Issue]) -> None:
    """Take the next step of every signal that has a task.

    Parameters:
        tracker: what people call it.
        issues: by id of the signal, what the tracker says of the ones that `followed` named.
    """
    rows = session.exec(select(Signal, Task).join(Task, col(Task.id) == col(Signal.task_id))).all()
    for row, task in rows:
        follow_task(session, now, task)
        issue = issues.get(row.id or 0)
        if row.state in _PENDING:
            _pending(session, now, tracker, row, task, issue)
        elif row.state is SignalState.MERGED:
            _merged(session, now, tracker, row, task, issue)


def _pending(session: Session, now: datetime, tracker: str, row: Signal, task: Task, issue: Issue | None) -> None:
    if issue is not None and issue.status != "unresolved" and task.state is TaskState.PROPOSED:
        why = f"{tracker} says that {row.name} is {issue.status}"
        row.not_before = task.not_before = None
        move_signal(session, row, SignalState.RESOLVED, Cause.RESOLVED, now, why=why)
        move_task(session, task, TaskState.DROPPED, Cause.RESOLVED, now, why=why)
        return
    if issue is not None:
        facts = read_facts(row).model_copy(update={"issue": issue})
        if facts.model_dump(mode="json") != row.facts:
            row.facts = facts.model_dump(mode="json")
            session.add(row)
            refresh_card(session, task, now)
    if row.state is SignalState.SNOOZED and is_due(row, now):
        _come_back(session, now, row, task)


def _come_back(session: Session, now: datetime, row: Signal, task: Task) -> None:
    seen = read_facts(row).issue
    row.not_before = task.not_before = None
    task.version += 1
    session.add(task)
    why = "its time aside is over"
    record(session, now, what=Cause.CAME_BACK.value, why=why, task_id=task.id, subject="task")
    move_signal(session, row, SignalState.PROPOSED, Cause.CAME_BACK, now, why=why)
    refresh_card(session, task, now)
    text = (
        f"{row.name} was set aside, and its time is over: {seen.count} events, {seen.users} people, "
        f"last seen {seen.last_seen:%Y-%m-%d %H:%M} UTC. The card above can be decided again."
    )
    say(session, now, kind="note", dedupe_key=f"back:{row.id}:v{task.version}", task=task, payload={"text": text})


def _merged(session: Session, now: datetime, tracker: str, row: Signal, task: Task, issue: Issue | None) -> None:
    if issue is None:
        return
    if issue.status == "resolved":
        why = f"{tracker} resolved {row.name}"
        move_signal(session, row, SignalState.RESOLVED, Cause.RESOLVED, now, why=why)
        text = f"{why}. If it comes back after the deploy, I say so."
        say(session, now, kind="note", dedupe_key=f"resolved:{row.id}:{row.fixes}", task=task, payload={"text": text})
    elif row.fixed_at is not None and now - row.fixed_at >= _PATIENCE and issue.substatus != "regressed":
        text = (
            f"{tracker} has not resolved {row.name} by itself since the merge. Connect the repository to it, so that "
            f"it reads “Fixes {row.name}” in pull requests, or resolve it by hand."
        )
        say(session, now, kind="note", dedupe_key=f"unresolved:{row.id}:{row.fixes}", task=task, payload={"text": text})
