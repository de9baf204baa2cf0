"""What a task may cost and what it has cost, in dollars and in tokens; the limit reached first counts.

Everything is read from the ledger, so a restart forgets nothing, and from the row, so that each attempt which a
person grants brings the budget of one attempt with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, func, select

from scheduler.policy import Policy
from scheduler.registry.talk import Ledger
from scheduler.registry.work import Attempt, Task
from scheduler.registry.writers import say

_LEAST_USD = 0.01
WARNED_AT = (50, 80)


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
    def share(self) -> float:
        """The part that is spent, by dollars or by tokens, whichever is more; 0 without a limit."""
        return max(self._share_usd, self._share_tokens)

    @property
    def _share_usd(self) -> float:
        return self.spent_usd / self.granted_usd if self.granted_usd else 0.0

    @property
    def _share_tokens(self) -> float:
        return self.spent_tokens / self.granted_tokens if self.granted_tokens else 0.0

    @property
    def sentence(self) -> str:
        """What is spent of which limit; of the two, the one that is nearer."""
        if self._share_tokens > self._share_usd:
            return f"{self.spent_tokens:,} of {self.granted_tokens:,} tokens are spent."
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


def budget_that_ran_out(attempt: Attempt) -> str:
    """The limit of an attempt that is spent or the nearer one, in words."""
    tokens = (attempt.tokens_input + attempt.tokens_output) / attempt.budget_tokens if attempt.budget_tokens else 0.0
    dollars = attempt.cost_usd / attempt.budget_usd if attempt.budget_usd else 0.0
    return f"{attempt.budget_tokens:,} tokens" if tokens > dollars else f"${attempt.budget_usd:.2f}"


def warn_of_budget(session: Session, now: datetime, policy: Policy, task: Task) -> None:
    """Say in the thread, once each, that half and most of a task's money is gone; a grant makes both sayable again."""
    purse = purse_of(session, policy, task)
    share = purse.share * 100
    reached = [percent for percent in WARNED_AT if share >= percent]
    if not reached or share >= 100:
        return
    key = f"budget:{task.id}:{task.extra_attempts}:{reached[-1]}"
    payload = {"percent": reached[-1], "spent": purse.sentence}
    say(session, now, kind="budget", dedupe_key=key, task=task, payload=payload)
