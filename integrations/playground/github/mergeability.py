"""Whether a pull request merges cleanly: unknown for a moment after each push, then what git says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from integrations.playground.github.records import Pull
from integrations.playground.github.repositories import Repositories
from integrations.playground.github.store import Store

SETTLE_S = 0.3
"""How long an answer stays UNKNOWN after a push. GitHub takes seconds; a demo should not."""


class Mergeability:
    """Computes in the background, one task for each pull request that wants an answer.

    Parameters:
        settle_s: seconds between a push and the computation.
        known: called with each pull request whose answer was found.
    """

    def __init__(
        self,
        store: Store,
        repositories: Repositories,
        *,
        settle_s: float = SETTLE_S,
        known: Callable[[Pull], None] = lambda pull: None,
    ) -> None:
        self._store = store
        self._repositories = repositories
        self._settle_s = settle_s
        self._known = known
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Take up what a restart left unknown."""
        for pull in self._store.all(Pull, "state='open' AND mergeable='UNKNOWN'"):
            self.ask(pull)

    async def stop(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def ask(self, pull: Pull) -> None:
        """Head or base moved: answer UNKNOWN from now on, and find out."""
        if pull.mergeable != "UNKNOWN":
            self._store.change(pull, mergeable="UNKNOWN")
        running = self._tasks.pop(pull.id, None)
        if running is not None:
            running.cancel()
        self._tasks[pull.id] = task = asyncio.create_task(self._find_out(pull.id))
        task.add_done_callback(lambda done: self._forget(pull.id, done))

    async def compute(self, pull: Pull) -> Pull:
        """Ask git now. Returns the pull request with its answer stored."""
        repository = self._repositories[pull.slug]
        while True:
            base = await repository.resolve(f"refs/heads/{pull.base_branch}")
            if base is None:
                return self._store.change(pull, mergeable="CONFLICTING")
            merged = await repository.merge_tree(base, pull.head_sha)
            now = self._store.again(pull)
            if now.head_sha == pull.head_sha:
                return self._store.change(now, mergeable="MERGEABLE" if merged.clean else "CONFLICTING")
            pull = now

    async def _find_out(self, pull_id: int) -> None:
        await asyncio.sleep(self._settle_s)
        pull = self._store.get(Pull, pull_id)
        if pull is not None and pull.is_open:
            self._known(await self.compute(pull))

    def _forget(self, pull_id: int, done: asyncio.Task[None]) -> None:
        if self._tasks.get(pull_id) is done:
            del self._tasks[pull_id]
