"""What people decide about a task that Waggle proposed: start it, set it aside for a while, or never."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session

from scheduler.commands.replies import Actor, Reply, not_now, unknown
from scheduler.discovery.following import follow_task, signal_of
from scheduler.lifecycle import Cause, SignalState, TaskState
from scheduler.names import task_label
from scheduler.policy import Policy
from scheduler.registry.work import Task
from scheduler.registry.writers import move_signal, move_task, record, refresh_card
from scheduler.scoping import rescope


def start(
    session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int, *, version: int | None = None
) -> Reply:
    """Have a proposed task scoped; from then on it is a task like any other.

    Parameters:
        version: the state the person saw; an older one than the row's is refused and explained.
    """
    task = session.get(Task, task_id)
    if task is None:
        return unknown(task_id)
    if task.state is not TaskState.PROPOSED:
        return not_now(task, "start")
    if version is not None and version != task.version:
        return _changed(task)
    task.not_before = None
    move_task(session, task, TaskState.SCOPING, Cause.START, now, actor=actor.id)
    rescope(session, now, task)
    follow_task(session, now, task, actor=actor.id)
    return Reply(True, f"{task_label(task.id)}: reading the trace and the repository to scope it.", task.id)


def snooze(
    session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int, *, version: int | None = None
) -> Reply:
    """Set a proposal aside; it comes back by itself when its time is over."""
    task = session.get(Task, task_id)
    if task is None:
        return unknown(task_id)
    signal = signal_of(session, task)
    if task.state is not TaskState.PROPOSED or signal is None:
        return not_now(task, "set aside")
    if version is not None and version != task.version:
        return _changed(task)
    until = now + timedelta(seconds=policy.errors.snooze_s)
    if signal.state is SignalState.SNOOZED:
        return Reply(False, f"{task_label(task.id)} is set aside already.", task.id)
    task.not_before = signal.not_before = until
    task.version += 1
    task.updated_at = now
    session.add(task)
    why = f"set aside until {until:%Y-%m-%d %H:%M} UTC"
    record(session, now, what=Cause.SNOOZED.value, actor=actor.id, why=why, task_id=task.id, subject="task")
    move_signal(session, signal, SignalState.SNOOZED, Cause.SNOOZED, now, actor=actor.id, why=why)
    refresh_card(session, task, now)
    return Reply(True, f"{task_label(task.id)} is set aside until {until:%Y-%m-%d}.", task.id)


def never(session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int, *, reason: str = "") -> Reply:
    """Drop a proposal for good: what it is about is not proposed again."""
    task = session.get(Task, task_id)
    if task is None:
        return unknown(task_id)
    if task.state is not TaskState.PROPOSED:
        return not_now(task, "drop")
    task.not_before = None
    move_task(session, task, TaskState.DROPPED, Cause.NEVER, now, actor=actor.id, why=reason)
    follow_task(session, now, task, actor=actor.id)
    return Reply(True, f"{task_label(task.id)} is dropped, and is not proposed again.", task.id)


def _changed(task: Task) -> Reply:
    return Reply(False, f"{task_label(task.id)} changed since that button was shown; look at the card again.", task.id)
