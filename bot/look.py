"""Reading from the registry what is shown of tasks. All functions take an open read session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from sqlalchemy import func
from sqlmodel import Session, col, select

from bot.costs import cost_of
from bot.show import Spent, TaskView
from scheduler.lifecycle import FINISHED
from scheduler.registry import Attempt, Diagnosis, Event, Evidence, Ledger, PortLease, PullRequest, Review, Task

T = TypeVar("T", Attempt, PullRequest)


def list_tasks(session: Session, *, only_open: bool = False, archived: bool = True, repo: str = "") -> list[TaskView]:
    """Tasks, newest first, with their attempts, pull requests and costs.

    Parameters:
        only_open: leave out those that are merged, dropped or stopped.
        archived: False leaves out those that were finished for long.
        repo: only those of this repository.
    """
    wanted = select(Task).order_by(col(Task.id).desc())
    if only_open:
        wanted = wanted.where(col(Task.state).not_in(list(FINISHED)))
    if not archived:
        wanted = wanted.where(col(Task.archived_at).is_(None))
    if repo:
        wanted = wanted.where(Task.repo == repo)
    tasks = session.exec(wanted).all()
    ids = [task.id for task in tasks]
    attempts = _by_task(
        session.exec(select(Attempt).where(col(Attempt.task_id).in_(ids)).order_by(col(Attempt.n))).all()
    )
    pulls = _by_task(
        session.exec(select(PullRequest).where(col(PullRequest.task_id).in_(ids)).order_by(col(PullRequest.id))).all()
    )
    spent = _spent(session)
    return [
        TaskView(
            task=task,
            spent=spent.get(task.id, Spent()),
            attempts=attempts.get(task.id, []),
            pulls=pulls.get(task.id, []),
        )
        for task in tasks
    ]


def count_archived(session: Session) -> int:
    """How many tasks are left out of the lists."""
    return int(session.exec(select(func.count()).select_from(Task).where(col(Task.archived_at).is_not(None))).one())


def read_task(session: Session, task_id: int) -> TaskView | None:
    """Everything that is shown of one task; None when there is no such task."""
    task = session.get(Task, task_id)
    if task is None:
        return None
    pulls = session.exec(select(PullRequest).where(PullRequest.task_id == task_id).order_by(col(PullRequest.id))).all()
    evidence: Sequence[Evidence] = ()
    reviews: Sequence[Review] = ()
    if pulls:
        # The evidence of the newest head commit: what stood for an older one proves nothing any more.
        evidence = session.exec(
            select(Evidence)
            .where(Evidence.pull_request_id == pulls[-1].id, Evidence.head == pulls[-1].head_sha)
            .order_by(col(Evidence.id))
        ).all()
        of_head = select(Review).where(Review.pull_request_id == pulls[-1].id, Review.head == pulls[-1].head_sha)
        reviews = session.exec(of_head.order_by(col(Review.id))).all()
    return TaskView(
        task=task,
        spent=_spent(session, task_id).get(task_id, Spent()),
        cost=cost_of(session, task_id),
        attempts=session.exec(select(Attempt).where(Attempt.task_id == task_id).order_by(col(Attempt.n))).all(),
        pulls=pulls,
        evidence=evidence,
        reviews=reviews,
        diagnoses=session.exec(select(Diagnosis).where(Diagnosis.task_id == task_id).order_by(col(Diagnosis.id))).all(),
        events=session.exec(select(Event).where(Event.task_id == task_id).order_by(col(Event.id))).all(),
        port=lease.port if (lease := session.get(PortLease, f"t-{task_id}")) is not None else 0,
    )


def _by_task(rows: Sequence[T]) -> dict[int | None, list[T]]:
    found: dict[int | None, list[T]] = {}
    for row in rows:
        found.setdefault(row.task_id, []).append(row)
    return found


def _spent(session: Session, task_id: int | None = None) -> dict[int | None, Spent]:
    sums = select(
        Ledger.task_id,
        func.sum(Ledger.cost_usd),
        func.sum(Ledger.tokens_input) + func.sum(Ledger.tokens_output),
    ).group_by(col(Ledger.task_id))
    if task_id is not None:
        sums = sums.where(Ledger.task_id == task_id)
    return {row[0]: Spent(float(row[1] or 0.0), int(row[2] or 0)) for row in session.exec(sums).all()}
