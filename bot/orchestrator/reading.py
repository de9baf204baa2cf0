"""Looking into repositories: what the orchestrator needs to see, and the mirror that shows it.

Everything is read from the mirror at a commit, never from a workspace, which an agent may be changing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from integrations.git import Hit, Remote, Repositories
from scheduler.policy import Policy


class RepositoryReader(Protocol):
    """What is asked of repositories. Blocking: callers use a thread. All raise integrations.git.GitError."""

    def refresh(self, slug: str) -> None:
        """Bring what is known about the repository up to date."""
        ...

    def base_branch(self, slug: str) -> str:
        """The branch that pull requests go to."""
        ...

    def list_files(self, slug: str) -> tuple[str, ...]:
        """Every file at the head of the base branch."""
        ...

    def grep(self, slug: str, words: Sequence[str]) -> Sequence[Hit]:
        """Lines at the head of the base branch that hold any of the words, case ignored."""
        ...

    def read(self, slug: str, path: str, sha: str = "") -> str | None:
        """A file's text at a commit, by default the head of the base branch; None when there is none."""
        ...

    def changed_files(self, slug: str, base: str, head: str) -> tuple[str, ...]:
        """Paths that head changed since it left base."""
        ...

    def diff(self, slug: str, base: str, head: str, max_bytes: int) -> str:
        """The unified diff since head left base, at most `max_bytes` long."""
        ...


class MirrorReader:
    """Reads mirrors. A repository that has none yet is cloned first.

    Parameters:
        remotes: where a repository lives.
        policy: the policy now, for base branches.
    """

    def __init__(
        self, repositories: Repositories, remotes: Callable[[str], Remote], policy: Callable[[], Policy]
    ) -> None:
        self._repositories = repositories
        self._remotes = remotes
        self._policy = policy
        self._defaults: dict[str, str] = {}

    def refresh(self, slug: str) -> None:
        remote = self._remotes(slug)
        self._repositories.ensure(remote)
        self._repositories.fetch(remote)
        self._defaults.pop(slug, None)

    def base_branch(self, slug: str) -> str:
        known = self._policy().repository(slug)
        if known is not None and known.base_branch:
            return known.base_branch
        if slug not in self._defaults:  # asked over the network: once for each refresh
            self._defaults[slug] = self._repositories.default_branch(self._remotes(slug))
        return self._defaults[slug]

    def list_files(self, slug: str) -> tuple[str, ...]:
        return self._repositories.list_files(slug, self._head(slug))

    def grep(self, slug: str, words: Sequence[str]) -> Sequence[Hit]:
        return self._repositories.grep(slug, self._head(slug), words)

    def read(self, slug: str, path: str, sha: str = "") -> str | None:
        return self._repositories.read_file(slug, sha or self._head(slug), path)

    def changed_files(self, slug: str, base: str, head: str) -> tuple[str, ...]:
        return self._repositories.changed_files(slug, base, head)

    def diff(self, slug: str, base: str, head: str, max_bytes: int) -> str:
        return self._repositories.diff(slug, base, head, max_bytes)

    def _head(self, slug: str) -> str:
        return self._repositories.resolve(slug, self.base_branch(slug))
