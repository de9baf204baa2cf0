"""What is known of one task when it is shown: rows, gathered once. The views read it and ask nobody."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bot.costs import Cost
from scheduler.lifecycle import PullState
from scheduler.registry import (
    Attempt,
    Diagnosis,
    Event,
    Evidence,
    PullRequest,
    Question,
    Request,
    Review,
    Signal,
    Task,
)


@dataclass(frozen=True)
class TaskFacts:
    """One task and what hangs on it.

    Attributes:
        attempts: oldest first.
        evidence, reviews: of the pull request's head commit only.
        question: the one that waits, or the one that is shown.
        approved: the event of the last approval.
        spent_usd, spent_tokens: of everything done for this task; `cost` says for what.
        failures_allowed, reviews_allowed: how often Waggle sends the agent back by itself.
        signal: what Waggle noticed and made the task of; None when a person asked for it.
        snooze_days: how long Snooze sets it aside.
        missing: what stands in for something real, one sentence each.
    """

    task: Task
    request: Request | None = None
    attempts: tuple[Attempt, ...] = ()
    pull: PullRequest | None = None
    evidence: tuple[Evidence, ...] = ()
    reviews: tuple[Review, ...] = ()
    question: Question | None = None
    diagnoses: tuple[Diagnosis, ...] = ()
    approved: Event | None = None
    spent_usd: float = 0.0
    spent_tokens: int = 0
    cost: Cost = field(default_factory=Cost)
    failures_allowed: int = 3
    reviews_allowed: int = 2
    signal: Signal | None = None
    snooze_days: float = 7.0
    missing: tuple[str, ...] = ()

    @property
    def bots(self) -> tuple[dict[str, Any], ...]:
        """What review bots from outside say about the pull request's head commit."""
        if self.pull is None:
            return ()
        return tuple(one for one in self.pull.facts.get("bots", ()) if one["head"] == self.pull.head_sha)

    @property
    def open_pull(self) -> PullRequest | None:
        return self.pull if self.pull is not None and self.pull.state is PullState.OPEN else None
