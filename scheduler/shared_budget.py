"""Money that tasks share: a day's, a month's, a channel's month's. It is said in threads before it is gone.

What is spent stands in the ledger, and what people granted beyond the limits in a fact for each span of time, so a
restart forgets neither, and a new day begins with the limits of the settings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlmodel import Session, col, func, select

from scheduler.budget import WARNED_AT, Purse
from scheduler.policy import Policy
from scheduler.registry.database import Topic, wake
from scheduler.registry.talk import Ledger, Outbox
from scheduler.registry.work import Task
from scheduler.registry.writers import recall, record, remember, say

_STEP = 0.25  #: what one extension adds, as a part of the limit


@dataclass(frozen=True)
class Shared:
    """One limit that tasks share.

    Attributes:
        key: names it and its span of time, such as `day:2026-11-28`.
        steps: how many quarters of the limit people added.
        until: when it begins anew.
    """

    key: str
    name: str
    purse: Purse
    steps: int
    until: datetime

    @property
    def sentence(self) -> str:
        return f"{self.name}: {self.purse.sentence}"

    @property
    def said_as(self) -> str:
        """What is said of it once: until a person extends it, or a new span begins."""
        return f"budget:{self.key}:{self.steps}"


def shared_purses(session: Session, policy: Policy, now: datetime, channel: str) -> list[Shared]:
    """What is limited for more than one task, and spent since it began anew. What has no limit is left out."""
    limits, day = policy.budget, now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    month = day.replace(day=1)
    tomorrow, next_month = day + timedelta(days=1), (month + timedelta(days=32)).replace(day=1)
    found = []
    for key, name, since, until, usd, tokens, where in (
        (f"day:{day:%Y-%m-%d}", "Today's budget", day, tomorrow, limits.day_usd, limits.day_tokens, ""),
        (f"month:{month:%Y-%m}", "This month's budget", month, next_month, limits.month_usd, limits.month_tokens, ""),
        (
            *(f"channel:{channel}:{month:%Y-%m}", "This channel's budget", month, next_month),
            *(limits.channel_month_usd, limits.channel_month_tokens, channel),
        ),
    ):
        if (not usd and not tokens) or (key.startswith("channel:") and not where):
            continue
        query = select(func.sum(Ledger.cost_usd), func.sum(Ledger.tokens_input + Ledger.tokens_output)).where(
            Ledger.at >= since
        )
        if where:
            query = query.join(Task, col(Ledger.task_id) == col(Task.id)).where(Task.channel == where)
        spent_usd, spent_tokens = session.exec(query).one()
        steps = int((recall(session, _fact(key)) or {}).get("steps", 0))
        more = 1 + steps * _STEP
        purse = Purse(float(spent_usd or 0.0), usd * more, int(spent_tokens or 0), int(tokens * more))
        found.append(Shared(key, name, purse, steps, until))
    return found


def spent_shared(session: Session, policy: Policy, now: datetime, channel: str) -> str:
    """The first shared budget that is spent, as a sentence; empty when there is money left."""
    return next((one.sentence for one in shared_purses(session, policy, now, channel) if one.purse.empty), "")


def warn_of_shared(session: Session, now: datetime, policy: Policy, task: Task) -> None:
    """Say once each, in the thread of the task that came so far, that half and most of shared money is gone."""
    for one in shared_purses(session, policy, now, task.channel):
        share = one.purse.share * 100
        reached = [percent for percent in WARNED_AT if share >= percent]
        if reached and share < 100:
            payload = {"percent": reached[-1], "shared": one.sentence, "until": one.until.isoformat()}
            say(session, now, kind="budget", dedupe_key=f"{one.said_as}:{reached[-1]}", task=task, payload=payload)


def say_spent(session: Session, now: datetime, policy: Policy, task: Task, *, stopped: bool) -> None:
    """Ask for more in a thread: of each task that was stopped for it, or of one of those that wait."""
    for one in shared_purses(session, policy, now, task.channel):
        if not one.purse.empty:
            continue
        if not stopped and _asked(session, one):
            return
        payload = {"percent": 100, "shared": one.sentence, "until": one.until.isoformat()}
        say(session, now, kind="budget", dedupe_key=f"{one.said_as}:100:{task.id}", task=task, payload=payload)
        return


def _asked(session: Session, one: Shared) -> bool:
    said = select(Outbox.id).where(col(Outbox.dedupe_key).startswith(f"{one.said_as}:100:", autoescape=True))
    return session.exec(said).first() is not None


def extend_shared(session: Session, now: datetime, policy: Policy, channel: str, actor: str) -> list[Shared]:
    """Add quarters of the limit to what is spent of a task's shared money, until there is room; what was extended."""
    raised = []
    for one in shared_purses(session, policy, now, channel):
        if not one.purse.empty:
            continue
        limit = one.purse.share * (1 + one.steps * _STEP)  # what is spent, in limits
        steps = max(one.steps + 1, math.ceil((limit - 1) / _STEP + 0.5))  # at least half a step of room
        remember(session, now, _fact(one.key), {"steps": steps, "by": actor})
        record(session, now, what="budget_extended", actor=actor, subject="budget", why=one.sentence)
        raised.append(one.key)
    if raised:
        wake(session, Topic.SUPERVISOR)
    return [one for one in shared_purses(session, policy, now, channel) if one.key in raised]


def _fact(key: str) -> str:
    return f"budget extended:{key}"
