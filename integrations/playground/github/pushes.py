"""What follows when branches moved: pull requests get new heads, CI runs, mergeability is asked again.

Pushes are noticed by comparing the repository's branches with those last seen, after each push and at start: so a
push that landed just before the process was killed is acted upon by the next one.
"""

from __future__ import annotations

from collections.abc import Callable

from integrations.playground.github.ci import CI
from integrations.playground.github.diffs import where_now
from integrations.playground.github.mergeability import Mergeability
from integrations.playground.github.people import BOT
from integrations.playground.github.records import Branch, Happening, Pull, Repo, Thread
from integrations.playground.github.repositories import BareRepository, Repositories
from integrations.playground.github.store import Store


class Pushes:
    def __init__(
        self,
        store: Store,
        repositories: Repositories,
        ci: CI,
        mergeability: Mergeability,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._repositories = repositories
        self._ci = ci
        self._mergeability = mergeability
        self._clock = clock

    async def settle_all(self) -> None:
        """Catch up with what happened while the process was not there, or was being killed."""
        for repo in self._store.all(Repo):
            await self.settle(repo.slug, BOT.login)
        for pull in self._store.all(Pull, "state='open' AND merging_by!=''"):
            self._store.change(pull, merging_by="", merge_sha="")

    async def settle(self, slug: str, actor: str) -> None:
        """Act on every branch that is not where it was last seen."""
        repository = self._repositories[slug]
        async with repository.lock:
            await self.settle_locked(repository, actor)

    async def settle_locked(self, repository: BareRepository, actor: str) -> None:
        """As `settle`, for a caller that holds the repository's lock."""
        now = await repository.branches()
        seen = {branch.name: branch for branch in self._store.all(Branch, "slug=?", repository.slug)}
        for name in sorted(now.keys() | seen.keys()):
            old, new = seen.get(name), now.get(name)
            if old is not None and new is None:
                self._deleted(old, actor)
            elif new is not None and (old is None or old.sha != new):
                await self._moved(repository, name, old.sha if old else "", new, actor)
                with self._store.together():
                    if old is None:
                        self._store.add(Branch(repository.slug, name, new))
                    else:
                        self._store.change(old, sha=new)

    async def _moved(self, repository: BareRepository, name: str, old: str, new: str, actor: str) -> None:
        slug = repository.slug
        for pull in self._store.all(Pull, "slug=? AND head_branch=? AND state='open'", slug, name):
            await self._head_moved(repository, pull, new, actor)
        for pull in self._store.all(Pull, "slug=? AND base_branch=? AND state='open'", slug, name):
            await self._base_moved(repository, pull, new, actor)
        await self._ci.pushed(slug, name, new)

    async def _head_moved(self, repository: BareRepository, pull: Pull, new: str, actor: str) -> None:
        if pull.head_sha == new:
            return
        base = await repository.resolve(f"refs/heads/{pull.base_branch}") or pull.base_sha
        merge_base = await repository.merge_base(base, new) or base
        forced = not await repository.is_ancestor(pull.head_sha, new)
        places = await self._places_after(repository, pull, new)
        await repository.move(f"refs/pull/{pull.number}/head", new)
        now = self._clock()
        with self._store.together():
            if forced:
                self._store.add(Happening(pull.id, "head_ref_force_pushed", actor, now, pull.head_sha, new))
            for thread, line in places:
                self._store.change(thread, line=line, outdated=line == 0)
            pull = self._store.change(pull, head_sha=new, base_sha=base, merge_base=merge_base, updated_at=now)
        self._mergeability.ask(pull)

    async def _places_after(self, repository: BareRepository, pull: Pull, new: str) -> list[tuple[Thread, int]]:
        threads = self._store.all(Thread, "pull_id=? AND outdated=0 AND side='RIGHT'", pull.id)
        if not threads:
            return []
        changes = {
            change.previous_path or change.path: change for change in await repository.changes(pull.head_sha, new)
        }
        return [(thread, where_now(thread.line, changes.get(thread.path))) for thread in threads]

    async def _base_moved(self, repository: BareRepository, pull: Pull, new: str, actor: str) -> None:
        asked_for = pull.merging_by and await repository.is_ancestor(pull.merge_sha, new)
        if asked_for or await repository.is_ancestor(pull.head_sha, new):
            self._record_merge(pull, pull.merge_sha if asked_for else new, pull.merging_by if asked_for else actor)
            return
        merge_base = await repository.merge_base(new, pull.head_sha) or pull.merge_base
        self._mergeability.ask(self._store.change(pull, merge_base=merge_base))

    def _record_merge(self, pull: Pull, merge_sha: str, actor: str) -> None:
        """Close a pull request as merged. Also how GitHub treats a head that reached its base by a plain push."""
        now = self._clock()
        with self._store.together():
            self._store.add(Happening(pull.id, "merged", actor, now, after_sha=merge_sha))
            self._store.add(Happening(pull.id, "closed", actor, now))
            self._store.change(
                pull,
                state="closed",
                merged=True,
                merged_by=actor,
                merged_at=now,
                closed_at=now,
                updated_at=now,
                merge_sha=merge_sha,
                merging_by="",
            )

    def _deleted(self, branch: Branch, actor: str) -> None:
        now = self._clock()
        with self._store.together():
            for pull in self._store.all(Pull, "slug=? AND head_branch=?", branch.slug, branch.name):
                self._store.add(Happening(pull.id, "head_ref_deleted", actor, now))
                if pull.is_open:  # GitHub closes a pull request whose head branch is deleted
                    self._store.add(Happening(pull.id, "closed", actor, now))
                    self._store.change(pull, state="closed", closed_at=now, updated_at=now)
            self._store.remove(branch)
