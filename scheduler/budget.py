"""What a task may cost and what it has cost, in dollars and in tokens; the limit reached first counts.

Everything is read from the ledger, so a restart forgets nothing, and from the row, so that each attempt which a
person grants brings the budget of one attempt with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session, func, select

from scheduler.policy import Policy
from scheduler.registry.talk import Ledger
from scheduler.registry.work import Attempt, Task

_LEAST_USD = 0.01


@dataclass(frozen=True)
class Purse:
    """One task's money. A grant of 0 is no limit."""

    spent_usd: float
    granted_usd: float
    spent_tokens: int
    granted_tokens: int

    @property
    def empty(self) -> bool:
        return self._by_dollars or self._by_tokens

    @property
    def _by_dollars(self) -> bool:
        return bool(self.granted_usd) and self.spent_usd >= self.granted_usd

    @property
    def _by_tokens(self) -> bool:
        return bool(self.granted_tokens) and self.spent_tokens >= self.granted_tokens

    @property
    def sentence(self) -> str:
        if self._by_tokens and not self._by_dollars:
            return f"{self.spent_tokens} of {self.granted_tokens} tokens are spent."
        return f"${self.spent_usd:.2f} of ${self.granted_usd:.2f} are spent."

    def attempt_usd(self, policy: Policy) -> float:
        """What the next attempt may cost: its own limit, or what is left of the task's."""
        left = self.granted_usd - self.spent_usd if self.granted_usd else policy.budget.attempt_usd
        return max(min(policy.budget.attempt_usd, left), _LEAST_USD)

    def attempt_tokens(self, policy: Policy) -> int:
        left = self.granted_tokens - self.spent_tokens if self.granted_tokens else policy.budget.attempt_tokens
        return max(min(policy.budget.attempt_tokens, left), 1)


def purse_of(session: Session, policy: Policy, task: Task) -> Purse:
    """What the task may cost, and has cost so far: attempts, questions to models and reviews."""
    usd, tokens = session.exec(
        select(func.sum(Ledger.cost_usd), func.sum(Ledger.tokens_input + Ledger.tokens_output)).where(
            Ledger.task_id == task.id
        )
    ).one()
    extra = task.extra_attempts
    return Purse(
        float(usd or 0.0),
        task.budget_usd + extra * policy.budget.attempt_usd if task.budget_usd else 0.0,
        int(tokens or 0),
        task.budget_tokens + extra * policy.budget.attempt_tokens if task.budget_tokens else 0,
    )


def spent_on(attempt: Attempt) -> float:
    """The share of an attempt's budget that is spent, by tokens or dollars, whichever is more."""
    shares = [0.0]
    if attempt.budget_tokens:
        shares.append((attempt.tokens_input + attempt.tokens_output) / attempt.budget_tokens)
    if attempt.budget_usd:
        shares.append(attempt.cost_usd / attempt.budget_usd)
    return max(shares)
