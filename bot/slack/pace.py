"""How fast Slack may be spoken to. Pure but for what it remembers; nothing here waits.

Slack allows about one new message a second in a channel, with short bursts, and 50 edits a minute in all
(docs.slack.dev, rate limits). Staying below is cheaper than a 429, which silences a method for half a minute.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

POST, UPDATE = "chat.postMessage", "chat.update"


@dataclass(frozen=True)
class Budget:
    """`burst` calls at once, then one each `every_s` seconds."""

    every_s: float
    burst: int


#: new messages count for each channel, edits for the workspace
BUDGETS = {POST: Budget(1.0, 10), UPDATE: Budget(1.3, 25)}


@dataclass
class Pace:
    """What was called when, and until when Slack wants silence."""

    budgets: dict[str, Budget] = field(default_factory=lambda: dict(BUDGETS))
    _full_at: dict[tuple[str, str], datetime] = field(default_factory=dict)
    _silent_until: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def wait_s(self, method: str, channel: str, now: datetime) -> float:
        """Seconds until this method may be called for this channel; 0 when it may be now."""
        silent = self._silent_until.get((method, channel), now)
        budget = self.budgets[method]
        full_at = self._full_at.get(self._key(method, channel), now)
        # With `burst` calls spent, the bucket is full again burst × every seconds from now.
        behind = (full_at - now).total_seconds() - (budget.burst - 1) * budget.every_s
        return max(0.0, (silent - now).total_seconds(), behind)

    def called(self, method: str, channel: str, now: datetime) -> None:
        """A call is made now."""
        key = self._key(method, channel)
        self._full_at[key] = max(self._full_at.get(key, now), now) + timedelta(seconds=self.budgets[method].every_s)

    def limited(self, method: str, channel: str, until: datetime) -> None:
        """Slack wants silence for this method in this channel."""
        self._silent_until[(method, channel)] = until

    def _key(self, method: str, channel: str) -> tuple[str, str]:
        return method, channel if method == POST else ""
