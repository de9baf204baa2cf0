"""Many agents that vanish in one look: the look is doubted for a while, and people are told once."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlmodel import Session

from scheduler.outside import Outside
from scheduler.registry.writers import recall, remember, say

log = structlog.get_logger(__name__)

_DOUBT_S = 120.0  #: so long a common death is doubted; after a reboot it is true
_DOUBT = "mass-death"


class Doubt:
    """Whether what a look shows is believed. It stands in the registry, so a restart does not begin it anew."""

    def __init__(self, out: Outside) -> None:
        self._out = out
        self._doubting = True  #: until a look shows otherwise: an earlier life may have doubted

    async def over(self) -> None:
        """A look showed that agents live."""
        if self._doubting:
            await self._out.registry.write(lambda s: remember(s, self._out.clock(), _DOUBT, {"since": None}))
            self._doubting = False

    async def holds(self, gone: int, total: int) -> bool:
        """Whether a common death is still to be doubted; people are told when the doubt begins."""
        text = (
            f"{gone} of {total} agents vanished in one look. I conclude nothing from that for {_DOUBT_S:.0f} seconds, "
            "then I start them again; please look at the host."
        )

        def work(session: Session) -> datetime:
            now = self._out.clock()
            known = (recall(session, _DOUBT) or {}).get("since")
            if known is None:
                remember(session, now, _DOUBT, {"since": now.isoformat()})
                say(session, now, kind="alert", dedupe_key=f"{_DOUBT}:{now.isoformat()}", payload={"text": text})
                return now
            return datetime.fromisoformat(known)

        since = await self._out.registry.write(work)
        self._doubting = True
        log.error("many agents vanished in one look", gone=gone, total=total, since=since.isoformat())
        return (self._out.clock() - since).total_seconds() < _DOUBT_S
