"""Rows to the facts that views show. The only file here that knows how the rows of a task hang together."""

from __future__ import annotations

from sqlalchemy import func
from sqlmodel import Session, col, select

from bot.costs import cost_of
from bot.slack.views.facts import TaskFacts
from scheduler.discovery.following import signal_of
from scheduler.lifecycle import FINISHED, Cause, PullState, QuestionState
from scheduler.policy import Policy
from scheduler.registry import (
    Attempt,
    Diagnosis,
    Event,
    Evidence,
    PullRequest,
    Question,
    Request,
    Review,
    Task,
)


def task_facts(session: Session, policy: Policy, missing: tuple[str, ...], task: Task) -> TaskFacts:
    """Everything that the views show of one task."""
    pull = _pull(session, task)
    cost = cost_of(session, task.id or 0)
    return TaskFacts(
        task=task,
        request=session.get(Request, task.request_id),
        attempts=tuple(session.exec(select(Attempt).where(Attempt.task_id == task.id).order_by(col(Attempt.n))).all()),
        pull=pull,
        evidence=_evidence(session, pull),
        reviews=_reviews(session, pull),
        question=session.exec(
            select(Question)
            .where(Question.task_id == task.id, Question.state == QuestionState.OPEN)
            .order_by(col(Question.id).desc())
        ).first(),
        diagnoses=tuple(
            session.exec(select(Diagnosis).where(Diagnosis.task_id == task.id).order_by(col(Diagnosis.id))).all()
        ),
        approved=session.exec(
            select(Event)
            .where(Event.task_id == task.id, Event.subject == "task", Event.what == Cause.APPROVED.value)
            .order_by(col(Event.id).desc())
        ).first(),
        spent_usd=cost.usd,
        spent_tokens=cost.tokens,
        cost=cost,
        failures_allowed=policy.retries.failures,
        reviews_allowed=policy.retries.reviews,
        signal=signal_of(session, task),
        snooze_days=policy.errors.snooze_s / 86_400,
        missing=missing,
    )


def _pull(session: Session, task: Task) -> PullRequest | None:
    rows = session.exec(select(PullRequest).where(PullRequest.task_id == task.id).order_by(col(PullRequest.id))).all()
    still_open = [row for row in rows if row.state is PullState.OPEN]
    return still_open[-1] if still_open else rows[-1] if rows else None


def _evidence(session: Session, pull: PullRequest | None) -> tuple[Evidence, ...]:
    if pull is None:
        return ()
    return tuple(
        session.exec(select(Evidence).where(Evidence.pull_request_id == pull.id, Evidence.head == pull.head_sha)).all()
    )


def _reviews(session: Session, pull: PullRequest | None) -> tuple[Review, ...]:
    if pull is None:
        return ()
    return tuple(
        session.exec(
            select(Review)
            .where(Review.pull_request_id == pull.id, Review.head == pull.head_sha)
            .order_by(col(Review.id))
        ).all()
    )


def listed(session: Session, scope: str, user_id: str, limit: int = 60) -> tuple[list[Task], list[PullRequest], int]:
    """Tasks for a list, newest first, their pull requests, and how many there are.

    Parameters:
        scope: `all` but the archived ones, the `archived` ones, the open ones that are `mine`, or empty for all that
            are open.
    """
    wanted = select(Task)
    if scope in {"all", "archived"}:
        wanted = wanted.where(col(Task.archived_at).is_(None) if scope == "all" else col(Task.archived_at).is_not(None))
    else:
        wanted = wanted.where(col(Task.state).not_in(list(FINISHED)))
    if scope == "mine":
        wanted = wanted.where(Task.requester == user_id)
    total = session.exec(select(func.count()).select_from(wanted.subquery())).one()
    rows = list(session.exec(wanted.order_by(col(Task.id).desc()).limit(limit)).all())
    ids = [row.id for row in rows]
    pulls = list(session.exec(select(PullRequest).where(col(PullRequest.task_id).in_(ids))).all())
    return rows, pulls, int(total)


def tasks_of_thread(session: Session, channel: str, thread_ts: str) -> list[Task]:
    """The tasks that live in a thread, unfinished ones first."""
    if not channel or not thread_ts:
        return []
    rows = session.exec(select(Task).where(Task.channel == channel, Task.thread_ts == thread_ts)).all()
    return sorted(rows, key=lambda row: (row.state in FINISHED, row.id or 0))
