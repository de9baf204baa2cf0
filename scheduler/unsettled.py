"""Pull requests whose mergeability GitHub is still computing: asked for again soon, and only so often."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from integrations.github import PullLight

#: GitHub computes in the background, usually for seconds. What it does not know after so many looks waits for the tick.
AFTER = timedelta(seconds=10)
MOST = 3


@dataclass
class _Asked:
    ends: tuple[str, str]
    due: datetime
    left: int = MOST


class Unsettled:
    """Remembers what to ask again, in this life: the next one's first tick asks for everything anyway."""

    def __init__(self) -> None:
        self._asked: dict[int, _Asked] = {}

    def saw(self, pull_id: int, seen: PullLight, now: datetime) -> None:
        """A look at a pull request. Moved ends start anew."""
        if seen.state != "open" or seen.mergeable != "unknown":
            self._asked.pop(pull_id, None)
            return
        ends = (seen.head_sha, seen.base_sha)
        known = self._asked.get(pull_id)
        if known is None or known.ends != ends:
            self._asked[pull_id] = _Asked(ends, now + AFTER)

    def take(self, now: datetime) -> frozenset[int]:
        """Those to ask again now, counted as asked."""
        due = frozenset(pull_id for pull_id, one in self._asked.items() if one.left and one.due <= now)
        for pull_id in due:
            one = self._asked[pull_id]
            one.left, one.due = one.left - 1, now + AFTER
        return due

    def forget_but(self, pull_ids: Iterable[int]) -> None:
        """Only these are watched still."""
        self._asked = {pull_id: self._asked[pull_id] for pull_id in set(pull_ids) & self._asked.keys()}
