"""The repository that is there at the first start: `acme/ledgerline`, by ana, always with the same commits."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from integrations.playground.github.ci_file import NAME, BadCIFile, read_ci_file
from integrations.playground.github.people import ANA
from integrations.playground.github.pushes import Pushes
from integrations.playground.github.records import Repo
from integrations.playground.github.refusal import invalid
from integrations.playground.github.repositories import SLUG, Repositories
from integrations.playground.github.store import Store

SAMPLE_SLUG = "acme/ledgerline"
SAMPLE = Path(__file__).resolve().parents[1] / "sample" / "repo"
_SEEDED_AT = datetime(2026, 2, 2, 9, 0, tzinfo=UTC).timestamp()
_NOT_SEEDED = {"__pycache__", ".git", ".ruff_cache", ".mypy_cache", ".pytest_cache"}


class Seeding:
    """Makes repositories with a first commit."""

    def __init__(self, store: Store, repositories: Repositories, pushes: Pushes, clock: Callable[[], float]) -> None:
        self._store = store
        self._repositories = repositories
        self._pushes = pushes
        self._clock = clock

    async def sample(self) -> None:
        """Make the sample repository unless it is there."""
        if self._store.first(Repo, "slug=?", SAMPLE_SLUG) is None:
            await self.create(
                SAMPLE_SLUG, files_of(SAMPLE), at=_SEEDED_AT, description="Invoicing for small firms: the sample app"
            )

    async def create(
        self,
        slug: str,
        files: Mapping[str, bytes],
        *,
        default_branch: str = "main",
        description: str = "",
        at: float | None = None,
    ) -> Repo:
        """Make a repository whose first commit, by ana, holds these files; without files it is empty.

        The jobs in its CI file become the checks that a merge into the default branch requires.
        """
        if not SLUG.match(slug):
            raise invalid("Repository", "name is invalid: use owner/name", field="name")
        if self._store.first(Repo, "lower(slug)=lower(?)", slug) is not None:
            raise invalid("Repository", "name already exists on this account", field="name")
        at = self._clock() if at is None else at
        repository = self._repositories[slug]
        # A start that was killed before the row was written left a repository without one: `git init` runs over it.
        await repository.create(default_branch)
        if files:
            with tempfile.TemporaryDirectory(prefix="playground-seed-") as scratch:
                tree = await repository.write_tree(None, dict(files), Path(scratch))
            sha = await repository.write_commit(
                tree, [], "First version\n", author=ANA.login, committer=ANA.login, at=at
            )
            await repository.move(f"refs/heads/{default_branch}", sha)
        repo = self._store.add(Repo(slug, default_branch, at, description, required=_required(files.get(NAME))))
        await self._pushes.settle(slug, ANA.login)
        return repo


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its path there, without what tools leave behind."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not _NOT_SEEDED.intersection(path.relative_to(folder).parts)
    }


def _required(ci_file: bytes | None) -> tuple[str, ...]:
    if ci_file is None:
        return ()
    try:
        return tuple(job.name for job in read_ci_file(ci_file))
    except BadCIFile:  # CI itself reports the mistake, as a failed run of the first commit
        return ()
