"""What tasks and merged pull requests cost, from the ledger: failed attempts, reviews and planning counted in.

All functions take an open read session.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from scheduler.lifecycle import PullState
from scheduler.registry import Attempt, Ledger, PullRequest, Task

_ATTEMPT, _REVIEW = "attempt", "review"


@dataclass(frozen=True)
class Cost:
    """What was paid, in dollars, by what for.

    Attributes:
        attempts, failed: how many attempts there were, and how many of them did not end well.
        failed_usd: of `attempts_usd`, what those took.
        other_usd: scoping and diagnosis.
        tokens: read and written.
    """

    attempts: int = 0
    failed: int = 0
    attempts_usd: float = 0.0
    failed_usd: float = 0.0
    reviews_usd: float = 0.0
    other_usd: float = 0.0
    tokens: int = 0

    @property
    def usd(self) -> float:
        return self.attempts_usd + self.reviews_usd + self.other_usd

    @property
    def sentence(self) -> str:
        """`$1.30: 2 attempts $1.00 (1 failed, $0.40), reviews $0.20, planning and diagnosis $0.10`; empty: nothing."""
        if not self.usd:
            return ""
        failed = f" ({self.failed} failed, ${self.failed_usd:.2f})" if self.failed else ""
        parts = [f"{self.attempts} attempt{'' if self.attempts == 1 else 's'} ${self.attempts_usd:.2f}{failed}"]
        parts += [f"reviews ${self.reviews_usd:.2f}"] if self.reviews_usd else []
        parts += [f"planning and diagnosis ${self.other_usd:.2f}"] if self.other_usd else []
        return f"${self.usd:.2f}: {', '.join(parts)}"


@dataclass(frozen=True)
class Merged:
    """One merged pull request and what its task cost."""

    task: Task
    pull: PullRequest
    cost: Cost


def cost_of(session: Session, task_id: int) -> Cost:
    """What one task cost so far."""
    return _costs(session, [task_id]).get(task_id, Cost())


def merged_since(session: Session, since: datetime) -> list[Merged]:
    """Pull requests that were merged since then, the newest first."""
    rows = session.exec(
        select(Task, PullRequest)
        .join(PullRequest, col(PullRequest.task_id) == col(Task.id))
        .where(PullRequest.state == PullState.MERGED, col(Task.updated_at) >= since)
        .order_by(col(Task.id).desc())
    ).all()
    costs = _costs(session, [task.id or 0 for task, _ in rows])
    return [Merged(task, pull, costs.get(task.id or 0, Cost())) for task, pull in rows]


def spent_since(session: Session, since: datetime) -> float:
    """Dollars that were paid since then, for whatever."""
    return float(session.exec(select(func.coalesce(func.sum(Ledger.cost_usd), 0.0)).where(Ledger.at >= since)).one())


def _costs(session: Session, ids: Sequence[int]) -> Mapping[int, Cost]:
    """By task."""
    rows = session.exec(
        select(Ledger, Attempt.outcome)
        .outerjoin(Attempt, col(Ledger.attempt_id) == col(Attempt.id))
        .where(col(Ledger.task_id).in_(ids))
    ).all()
    by_task: dict[int, list[tuple[Ledger, str | None]]] = {}
    for paid, outcome in rows:
        by_task.setdefault(paid.task_id or 0, []).append((paid, outcome))
    return {task_id: _added(found) for task_id, found in by_task.items()}


def _added(rows: Sequence[tuple[Ledger, str | None]]) -> Cost:
    attempts = [(paid, outcome) for paid, outcome in rows if paid.purpose == _ATTEMPT]
    failed = [paid for paid, outcome in attempts if outcome not in {None, "", "done"}]
    return Cost(
        attempts=len(attempts),
        failed=len(failed),
        attempts_usd=sum(paid.cost_usd for paid, _ in attempts),
        failed_usd=sum(paid.cost_usd for paid in failed),
        reviews_usd=sum(paid.cost_usd for paid, _ in rows if paid.purpose == _REVIEW),
        other_usd=sum(paid.cost_usd for paid, _ in rows if paid.purpose not in {_ATTEMPT, _REVIEW}),
        tokens=sum(paid.tokens_input + paid.tokens_output for paid, _ in rows),
    )
