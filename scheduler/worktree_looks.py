"""When the worktrees of running agents last changed, looked at beside the tick: git takes longer than anything else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from integrations.fault import IntegrationError
from scheduler.outside import Outside
from scheduler.registry.work import Attempt
from scheduler.signs import Worktree

log = structlog.get_logger(__name__)


class WorktreeLooks:
    """Looks at each worktree once a minute while its agent works, not while it starts: starts come in crowds."""

    def __init__(self, out: Outside) -> None:
        self._out = out
        self._running: tuple[Attempt, ...] = ()
        self._seen: dict[str, Worktree] = {}

    def due(self, running: Sequence[Attempt]) -> bool:
        """Whether a look at one of these is wanted."""
        self._running = tuple(running)
        names = {one.name for one in running}
        self._seen = {name: seen for name, seen in self._seen.items() if name in names}
        return any(self._wanted(one) for one in running)

    def _wanted(self, attempt: Attempt) -> bool:
        every = timedelta(seconds=self._out.policy().times.worktree_s)
        seen = self._seen.get(attempt.name)
        if seen is None:
            return self._out.clock() - (attempt.started_at or attempt.created_at) >= every / 3
        return self._out.clock() - seen.looked_at >= every

    async def look(self) -> None:
        """Look at all that are due."""
        for attempt in [one for one in self._running if self._wanted(one) and one.workspace]:
            changed = await asyncio.to_thread(self._changed_at, attempt)
            self._seen[attempt.name] = Worktree(changed, self._out.clock())

    def _changed_at(self, attempt: Attempt) -> datetime | None:
        try:
            at = self._out.repositories.changed_at(Path(attempt.workspace))
        except (IntegrationError, OSError) as problem:
            log.info("a look at a worktree failed; nothing is concluded", attempt=attempt.name, why=str(problem))
            return None
        return datetime.fromtimestamp(at, UTC) if at else None

    def seen(self, name: str) -> Worktree | None:
        """The last look at the worktree of a run; None before the first."""
        return self._seen.get(name)
