"""The tracker as a whole: takes events in, groups them into issues, resolves issues when a fix is merged."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from integrations.playground.place import SENTRY_PROJECT, Place
from integrations.playground.sentry.faults import Faults
from integrations.playground.sentry.grouping import culprit, fingerprint, message, person, raised, title
from integrations.playground.sentry.memory import Memory, StoredEvent, StoredIssue

PROJECT_ID = "1"
DAY_S = 86_400.0
_LONGEST = 300
#: As Sentry reads commits and pull requests of a repository that it is connected to.
_FIXES = re.compile(r"\b(?:fix(?:es|ed)?|close[sd]?|resolve[sd]?):?\s+([A-Z][A-Z0-9_-]*-\d+)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Merge:
    """A merged pull request of a connected repository. `text` is all that Sentry reads of it."""

    id: int
    commit: str
    at: float
    text: str


class SentryWorld:
    """One organisation with one project, the sample application's.

    Parameters:
        place: its home and its token.
        merges: the merged pull requests of the connected repository, those of before included.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        place: Place,
        merges: Callable[[], Awaitable[Iterable[Merge]]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.place = place
        self.clock = clock
        self.memory = Memory(place.home / "sentry.sqlite3")
        self.faults = Faults()
        self._merges = merges

    def fault(self, spec: Mapping[str, object]) -> None:
        """Trouble for the next calls; see `faults.py` for what can be asked.

        Raises:
            BadFault: with what is wrong.
        """
        self.faults.add(spec)

    def calls(self) -> list[dict[str, object]]:
        """Every call so far, oldest first, with the fields of `memory.Call`."""
        return [asdict(call) for call in self.memory.calls()]

    def take(self, event: Mapping[str, Any]) -> StoredIssue:
        """Put an event to its issue, which is made when it is the first of its kind."""
        now = self.clock()
        at = min(_moment(event.get("timestamp"), now), now)
        mark = fingerprint(event)
        issue = self.memory.issue_of(mark) or self.memory.add_issue(
            StoredIssue(
                id=0,
                fingerprint=mark,
                title=title(event),
                culprit=culprit(event),
                kind=str(raised(event).get("type") or ""),
                message=str(raised(event).get("value") or message(event))[:_LONGEST],
                level=str(event.get("level") or "error"),
                platform=str(event.get("platform") or "other"),
                status="unresolved",
                substatus="new",
                first_seen=at,
                last_seen=at,
                resolved_at=0.0,
                resolved_in="",
            )
        )
        release = str(event.get("release") or "")
        # A release that was there before the fix may go on failing until the fix is deployed: that is no regression.
        old = bool(release) and self.memory.knows_release(issue.id, release, issue.resolved_at)
        stored = StoredEvent(str(event["event_id"]), issue.id, at, person(event), release, event)
        if self.memory.add_event(stored):
            self.memory.change(issue.id, last_seen=max(issue.last_seen, at))
            if issue.status == "resolved" and not old:
                self.memory.change(issue.id, status="unresolved", substatus="regressed")
        found = self.memory.issue(issue.id)
        assert found is not None
        return found

    async def settle_merges(self) -> None:
        """Resolve what merged pull requests say that they fix. Looked up when anybody asks: no merge is missed."""
        for merge in await self._merges():
            if not self.memory.see_merge(merge.id):
                continue
            for short_id in {found.upper() for found in _FIXES.findall(merge.text)}:
                issue = next((one for one in self.memory.issues() if short_id_of(one) == short_id), None)
                if issue is not None and issue.status == "unresolved":
                    self.memory.change(
                        issue.id, status="resolved", substatus="", resolved_at=merge.at, resolved_in=merge.commit
                    )

    def substatus(self, issue: StoredIssue) -> str:
        """What Sentry calls an unresolved issue: new for a week, then ongoing, unless it came back."""
        if issue.status != "unresolved" or issue.substatus != "new":
            return issue.substatus
        return "new" if self.clock() - issue.first_seen < 7 * DAY_S else "ongoing"


def short_id_of(issue: StoredIssue) -> str:
    return f"{SENTRY_PROJECT.upper()}-{issue.id}"


def _moment(value: Any, now: float) -> float:
    if isinstance(value, int | float):
        return float(value)
    try:
        return datetime.fromisoformat(str(value).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return now
