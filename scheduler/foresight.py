"""Which files a task will probably change beside those it is expected to: what changed together before.

The last commits of the base branch are read once for each of its commits; what follows for a task is kept in a fact,
so that a restart asks nothing again. A history that cannot be read predicts nothing, and nobody waits for that.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import structlog
from sqlmodel import Session, col, select

from integrations.fault import IntegrationError
from scheduler.outside import Outside
from scheduler.registry.talk import Fact
from scheduler.registry.work import Task
from scheduler.registry.writers import remember

log = structlog.get_logger(__name__)

COMMITS = 500  #: how far back the history is read
_WIDEST = 30  #: files of one commit; what changes more at once says nothing about what belongs together
_OFTEN = 3  #: commits in which two files changed together, at least
_SHARE = 0.5  #: of the commits of the expected file
_MOST = 12
_KEPT = 8  #: histories in memory


def likely(expected: Collection[str], commits: Sequence[Collection[str]]) -> dict[str, str]:
    """Files that changed together with an expected one often enough, each with that one; most often first. Pure.

    Parameters:
        commits: the files of each commit.
    """
    alone: Counter[str] = Counter()
    together: Counter[tuple[str, str]] = Counter()
    wanted = set(expected)
    for files in commits:
        if not 1 <= len(files) <= _WIDEST:
            continue
        touched = wanted & set(files)
        alone.update(touched)
        together.update((one, other) for one in touched for other in files if other not in wanted)
    found = [
        (count, other, one)
        for (one, other), count in together.items()
        if count >= _OFTEN and count >= _SHARE * alone[one]
    ]
    found.sort(key=lambda row: (-row[0], row[1], row[2]))
    best: dict[str, str] = {}
    for _, other, one in found:
        best.setdefault(other, one)
    return dict(list(best.items())[:_MOST])


def foreseen(session: Session, tasks: Collection[int]) -> dict[int, Mapping[str, Any]]:
    """What is known for these tasks: {"expected": files that it follows from, "files": {file: because of}}."""
    keys = {fact_key(one): one for one in tasks}
    rows = session.exec(select(Fact).where(col(Fact.key).in_(list(keys)))).all()
    return {keys[row.key]: row.value for row in rows}


def fact_key(task_id: int) -> str:
    return f"likely:t-{task_id}"


class Foresight:
    """Looks into the history of repositories for tasks that are about to start."""

    def __init__(self, out: Outside) -> None:
        self._out = out
        self._histories: OrderedDict[tuple[str, str], tuple[tuple[str, ...], ...]] = OrderedDict()

    async def look(self, task_ids: Collection[int]) -> bool:
        """Find out what is not known yet for these tasks; whether anything was."""
        unknown = await self._out.registry.read(lambda s: self._unknown(s, task_ids)) if task_ids else []
        for task in unknown:
            await self._put(task, await asyncio.to_thread(self._likely, task))
        return bool(unknown)

    async def _put(self, task: Task, files: dict[str, str]) -> None:
        value = {"expected": sorted(task.expected_files), "files": files}
        await self._out.registry.write(lambda s: remember(s, self._out.clock(), fact_key(task.id or 0), value))

    def _unknown(self, session: Session, task_ids: Collection[int]) -> list[Task]:
        known = foreseen(session, task_ids)
        rows = session.exec(select(Task).where(col(Task.id).in_(list(task_ids)))).all()
        return [
            row
            for row in rows
            if row.expected_files and known.get(row.id or 0, {}).get("expected") != sorted(row.expected_files)
        ]

    def _likely(self, task: Task) -> dict[str, str]:
        try:
            return likely(task.expected_files, self._history(task))
        except IntegrationError as problem:
            log.info("no history to predict from", task=task.id, why=str(problem))
            return {}

    def _history(self, task: Task) -> tuple[tuple[str, ...], ...]:
        out = self._out
        repository = out.policy().repository(task.repo)
        branch = task.base_branch or (repository.base_branch if repository else "")
        base = out.repositories.resolve(task.repo, branch or out.repositories.default_branch(out.remotes(task.repo)))
        key = (task.repo, base)
        if key not in self._histories:
            self._histories[key] = out.repositories.changed_together(task.repo, base, COMMITS)
            if len(self._histories) > _KEPT:
                self._histories.popitem(last=False)
        return self._histories[key]
