"""Rows that more than one room looks up: the newest attempt of a task, its open pull request."""

from __future__ import annotations

from sqlmodel import Session, col, select

from scheduler.lifecycle import PullState
from scheduler.registry.work import Attempt, PullRequest, Task


def latest_attempt(session: Session, task: Task) -> Attempt | None:
    """The newest attempt of a task; None before the first."""
    return session.exec(select(Attempt).where(Attempt.task_id == task.id).order_by(col(Attempt.n).desc())).first()


def open_pull(session: Session, task: Task) -> PullRequest | None:
    """The task's open pull request; None when it has none."""
    return session.exec(
        select(PullRequest).where(PullRequest.task_id == task.id, PullRequest.state == PullState.OPEN)
    ).first()
