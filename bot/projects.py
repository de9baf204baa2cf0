"""The project files in force: what each target repository says about itself on its base branch.

Each fetch of a mirror is followed by a look at the base branch, so a change counts from its merge on and one in a
pull request or an agent's worktree never does. A file with a mistake changes nothing and is reported once.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

import structlog
from sqlmodel import Session

from bot.problems import ProblemsError
from bot.project_file import NAME, ProjectFile, parse_project, with_project
from integrations.fault import IntegrationError
from integrations.git import Remote, Repositories
from scheduler.policy import Policy
from scheduler.registry import Registry
from scheduler.registry.writers import recall, remember, say

log = structlog.get_logger(__name__)


class Projects:
    """Waggle's own policy, completed by what the repositories say about themselves.

    Parameters:
        owners: the policy of `waggle.toml` now.
        remotes: where a repository lives.
    """

    def __init__(
        self,
        registry: Registry,
        repositories: Repositories,
        remotes: Callable[[str], Remote],
        owners: Callable[[], Policy],
        clock: Callable[[], datetime],
    ) -> None:
        self._registry = registry
        self._repositories = repositories
        self._remotes = remotes
        self._owners = owners
        self._clock = clock
        self._files: dict[str, ProjectFile] = {}
        self._seen: dict[str, str] = {}  #: base commit at which a repository was looked at last
        self._made: tuple[Policy, Policy] | None = None
        self._guard = threading.Lock()

    def policy(self) -> Policy:
        """The policy now."""
        owners = self._owners()
        with self._guard:
            if self._made is None or self._made[0] is not owners:
                repositories = tuple(
                    with_project(one, self._files[one.slug]) if one.slug in self._files else one
                    for one in owners.repositories
                )
                self._made = (owners, replace(owners, repositories=repositories))
            return self._made[1]

    def recall(self) -> None:
        """Take up the files that were in force when Waggle ended. Blocks."""
        for one in self._owners().repositories:
            known = self._registry.read_now(partial(recall, key=_key(one.slug)))
            if known is not None:
                self._put(one.slug, parse_project(str(known["text"])))

    def look(self, slug: str) -> None:
        """Read a repository's file if its base branch moved. Called after each fetch of its mirror. Blocks."""
        owners = self._owners().repository(slug)
        if owners is None:
            return
        try:
            branch = owners.base_branch or self._repositories.default_branch(self._remotes(slug))
            base = self._repositories.resolve(slug, branch)
            if self._seen.get(slug) == base:
                return
            text = self._repositories.read_file(slug, base, NAME)
        except IntegrationError as problem:
            log.warning("a project file cannot be read now", repository=slug, why=str(problem))
            return
        self._take(slug, branch, base, text or "")
        self._seen[slug] = base

    def _take(self, slug: str, branch: str, base: str, text: str) -> None:
        try:
            project = parse_project(text)
        except ProblemsError as problem:
            self._registry.write_now(partial(self._tell, slug=slug, branch=branch, text=text, problem=problem))
            return
        before = self._files.get(slug)
        self._put(slug, project)
        if before != project:
            log.info("a project file is in force", repository=slug, commit=base[:8])
            self._registry.write_now(lambda s: remember(s, self._clock(), _key(slug), {"text": text, "commit": base}))

    def _put(self, slug: str, project: ProjectFile) -> None:
        with self._guard:
            self._files[slug] = project
            self._made = None

    def _tell(self, session: Session, slug: str, branch: str, text: str, problem: ProblemsError) -> None:
        said = "\n".join(f"• {one}" for one in problem.problems)
        key = f"project:{slug}:{hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:16]}"
        what = "The last good one stays in force" if slug in self._files else "It does not count"
        message = f"{slug}: `{NAME}` on {branch} has mistakes. {what} until they are mended there.\n{said}"
        say(session, self._clock(), kind="alert", dedupe_key=key, payload={"text": message})


def _key(slug: str) -> str:
    return f"project:{slug}"
