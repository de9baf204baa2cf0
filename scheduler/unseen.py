"""Pull requests that one look after another misses while others are answered: told once it has lasted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

LASTING = timedelta(minutes=15)


class Unseen:
    """Remembers, in this life, since when each was missed."""

    def __init__(self) -> None:
        self._since: dict[int, datetime] = {}
        self._told: set[int] = set()

    def look(self, missed: Iterable[int], now: datetime) -> frozenset[int]:
        """A look at all of them missed these. Returns those that have been missed for so long, each once."""
        self._since = {pull_id: self._since.get(pull_id, now) for pull_id in missed}
        self._told &= self._since.keys()
        overdue = {pull_id for pull_id, since in self._since.items() if now - since >= LASTING} - self._told
        self._told |= overdue
        return frozenset(overdue)
