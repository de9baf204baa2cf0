"""What the jobs of one pull request share: loading it with its task, putting facts into its row, and knowing whether
anybody still waits for a command that runs for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlmodel import Session

from scheduler.outside import Outside
from scheduler.policy import RepositoryPolicy
from scheduler.registry.work import PullRequest, Task
from scheduler.standing import is_judged

Also = Callable[[Session, PullRequest], None]


async def load_pull(out: Outside, pull_id: int) -> tuple[PullRequest, Task, RepositoryPolicy]:
    """A pull request, its task and what is known about its repository."""

    def work(session: Session) -> tuple[PullRequest, Task]:
        pull = session.get(PullRequest, pull_id)
        assert pull is not None
        task = session.get(Task, pull.task_id)
        assert task is not None
        return pull, task

    pull, task = await out.registry.read(work)
    repository = out.policy().repository(task.repo)
    assert repository is not None
    return pull, task, repository


async def put_facts(out: Outside, pull_id: int, head: str, facts: dict[str, Any], also: Also | None = None) -> None:
    """Put facts about one head commit into the row, unless the head has moved.

    Parameters:
        also: done in the same transaction.
    """

    def work(session: Session) -> None:
        row = session.get(PullRequest, pull_id)
        if row is not None and row.head_sha == head:
            row.facts = {**row.facts, **facts}
            session.add(row)
            if also is not None:
                also(session, row)

    await out.registry.write(work)


class PullCommands:
    """Commands that run for pull requests, so that those for which nobody waits any more are interrupted."""

    def __init__(self, out: Outside) -> None:
        self._out = out
        self._running: dict[str, tuple[int, str]] = {}

    @contextmanager
    def during(self, pull: PullRequest, *names: str) -> Iterator[None]:
        """Runs of these names may be going on for the pull request's head commit."""
        assert pull.id is not None
        self._running |= dict.fromkeys(names, (pull.id, pull.head_sha))
        try:
            yield
        finally:
            for name in names:
                self._running.pop(name, None)

    async def unwanted(self) -> list[str]:
        """Names of commands that run for a commit or a task for which nobody waits any more."""
        if not self._running:
            return []
        running = dict(self._running)

        def work(session: Session) -> list[str]:
            names = []
            for name, (pull_id, head) in running.items():
                pull = session.get(PullRequest, pull_id)
                task = session.get(Task, pull.task_id) if pull is not None else None
                if pull is None or task is None or not is_judged(session, task) or pull.head_sha != head:
                    names.append(name)
            return names

        return await self._out.registry.read(work)
