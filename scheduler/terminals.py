"""A terminal beside each agent that works, for people to watch. A view: whatever becomes of it, the agent goes on.

What is open is held against what runs, beside the tick: when agents begin or end, and every half minute while any
works. Whether a terminal is there is one more fact about an attempt, and a look that failed says nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from integrations.fault import IntegrationError
from integrations.terminals import Terminal
from scheduler.names import task_label
from scheduler.outside import Outside
from scheduler.registry.work import Attempt
from scheduler.steps import StepName

log = structlog.get_logger(__name__)

_EVERY = timedelta(seconds=30)


def terminal_of(attempt: Attempt) -> Terminal:
    """The terminal in which an attempt is shown: one for each task, whose attempts follow each other."""
    return Terminal(f"waggle/{task_label(attempt.task_id)}", attempt.name)


class TerminalKeeper:
    """Opens and closes terminals."""

    def __init__(self, out: Outside) -> None:
        self._out = out
        self._wanted: Mapping[str, Attempt] = {}
        self._kept: frozenset[str] | None = None  #: runs that were last held against; None after a start
        self._looked_at: datetime | None = None
        self._seen_at: datetime | None = None  #: when a look last succeeded
        self._there: frozenset[str] = frozenset()

    def due(self, running: Sequence[Attempt]) -> bool:
        """Whether something is to be opened, closed or looked after, now that these attempts run."""
        if not self._out.terminals.available():
            return False
        self._wanted = {attempt.name: attempt for attempt in running}
        if self._kept is None or self._kept != self._wanted.keys():
            return True
        return bool(running) and (self._looked_at is None or self._out.clock() - self._looked_at >= _EVERY)

    async def keep(self) -> None:
        """Hold what is open against what runs. What tmux refuses is tried again in a while."""
        wanted = dict(self._wanted)
        self._kept, self._looked_at = frozenset(wanted), self._out.clock()
        try:
            self._there = await asyncio.to_thread(self._bring, wanted)
            self._seen_at = self._looked_at
        except IntegrationError as problem:
            log.warning("an agent's terminal could not be opened or closed", why=str(problem))

    def seen(self, name: str) -> tuple[bool, datetime] | None:
        """Whether a run had a terminal when it was last looked at, and when that was; None before the first look."""
        return None if self._seen_at is None else (name in self._there, self._seen_at)

    def _bring(self, wanted: Mapping[str, Attempt]) -> frozenset[str]:
        out = self._out
        there = {one.run: one for one in out.terminals.known()}
        for run in there.keys() - wanted.keys():
            with out.steps(StepName.TERMINAL, run):
                out.terminals.end(there[run].name)
        for run in wanted.keys() - there.keys():
            attempt = wanted[run]
            with out.steps(StepName.TERMINAL, run):
                out.terminals.show(terminal_of(attempt), attempt.agent, attempt.workspace)
        if not wanted and out.terminals.leftovers():
            with out.steps(StepName.TERMINAL, "leftovers"):
                out.terminals.clear()
        return frozenset(wanted)
