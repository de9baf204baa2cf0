"""GitHub's hourly quota: a part of it stays in reserve, for what people do meanwhile and for Waggle's own writes.

Once less than the reserve is left, pull requests are looked at every few minutes instead of at each tick, until the
hour is over. People hear of it once, and nothing has to be done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from integrations.github import Rate
from scheduler.outages import came_back, is_down, went_down
from scheduler.outside import Outside

#: The part of an hour's quota that looking at pull requests leaves untouched.
RESERVE = 0.4
#: How often pull requests are looked at while only the reserve is left.
STRETCHED = timedelta(minutes=5)
QUOTA = "GitHub's hourly quota"


@dataclass(frozen=True)
class Shortage:
    """The reserve of a quota is being used.

    Attributes:
        resource: GitHub's name of it, "core" (REST) or "graphql".
    """

    resource: str
    rate: Rate

    @property
    def sentence(self) -> str:
        kind = "GraphQL" if self.resource == "graphql" else "REST"
        return (
            f"{QUOTA} runs low: {self.rate.remaining} of {self.rate.limit} {kind} calls are left until "
            f"{self.rate.reset:%H:%M} UTC. Until then I look at pull requests every "
            f"{STRETCHED.seconds // 60} minutes; nothing else changes."
        )


def shortage(rates: Mapping[str, Rate], now: datetime) -> Shortage | None:
    """The quota whose reserve is touched; where it is several, the one that lasts longest. Pure."""
    low = [
        Shortage(resource, rate)
        for resource, rate in rates.items()
        if rate.limit > 0 and now < rate.reset and rate.remaining < RESERVE * rate.limit
    ]
    return max(low, key=lambda one: (one.rate.reset, one.resource), default=None)


class QuotaWatch:
    """Says whether pull requests may be looked at now."""

    def __init__(self, out: Outside) -> None:
        self._out = out
        self._looked_at: datetime | None = None

    async def allows_look(self) -> bool:
        """Whether this tick may look at pull requests; when it may, the look counts as made."""
        now = self._out.clock()
        short = shortage(self._out.github.rates(), now)
        if short is None:
            if await self._out.registry.read(lambda s: is_down(s, QUOTA)):
                await self._out.registry.write(self._over)
        else:
            if not await self._out.registry.read(lambda s: is_down(s, QUOTA)):
                text = short.sentence
                await self._out.registry.write(lambda s: went_down(s, now, QUOTA, text, lasting=timedelta(0)))
            if self._looked_at is not None and now - self._looked_at < STRETCHED:
                return False
        self._looked_at = now
        return True

    @property
    def short(self) -> bool:
        """Whether only the reserve is left."""
        return shortage(self._out.github.rates(), self._out.clock()) is not None

    def _over(self, session: Session) -> None:
        came_back(session, self._out.clock(), QUOTA, "I look at pull requests at each tick again.")
