"""Agents that their provider limits: no task starts one before the time is over, since all of them share the account.

What was learned by one task holds for every task of that agent. Tasks whose turn it is wait for it, or, where the owner
said so (`retries.failover`), take the next agent of their ranked routes meanwhile.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlmodel import Session

from scheduler.registry.writers import recall, remember

_LONGEST = timedelta(days=8)  #: a weekly limit; a reset that is said to be later is none


def reset_of(seconds: float | None, now: datetime) -> datetime | None:
    """When a limit ends, as its provider says it in seconds since 1970; None where that is no time to wait for."""
    ahead = seconds - now.timestamp() if seconds is not None else 0.0
    return datetime.fromtimestamp(seconds, UTC) if seconds and 0 < ahead <= _LONGEST.total_seconds() else None


def limit_agent(session: Session, now: datetime, agent: str, until: datetime, cause: str) -> None:
    """Nobody starts `agent` before `until`; a later time that is known already stays."""
    known = limited_until(session, now, agent)
    if known is None or known < until:
        remember(session, now, f"limit:{agent}", {"until": until.isoformat(), "cause": cause})


def limited_until(session: Session, now: datetime, agent: str) -> datetime | None:
    """Until when an agent must not be started; None when it may."""
    fact = recall(session, f"limit:{agent}")
    until = datetime.fromisoformat(fact["until"]) if fact else None
    return until if until is not None and until > now else None
