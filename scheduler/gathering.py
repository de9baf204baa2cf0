"""What must be fetched or run before a pull request can be judged: its diff, its verify command."""

from __future__ import annotations

import asyncio
import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

from integrations.fault import IntegrationError
from integrations.redact import redact
from scheduler.background import NotYetError, in_own_thread
from scheduler.leaks import leaks
from scheduler.outages import Dependencies, remote_of
from scheduler.outside import Outside
from scheduler.policy import RepositoryPolicy
from scheduler.pull_rows import PullCommands, load_pull, put_facts
from scheduler.registry.reading import latest_attempt
from scheduler.registry.work import PullRequest, Task
from scheduler.steps import StepName
from scheduler.workspaces import InterruptedCommandError, Workspaces, run_command

_DIFF_BYTES = 2_000_000
_VERIFY_S = 1800.0
_LOG_LINES = 60
#: what counts as user interface where nobody says what does
UI_PATHS = ("*.tsx", "*.jsx", "*.vue", "*.svelte", "*.css", "*.scss", "*.less", "*.html", "templates/*")
_WORKFLOWS = (".github/workflows/*", ".github/actions/*", ".gitlab-ci.yml", ".circleci/*", ".playground-ci.toml")


class Gatherer:
    """Fetches and runs what the judgement of a pull request waits for."""

    def __init__(self, out: Outside, commands: PullCommands) -> None:
        self._out = out
        self._commands = commands
        self._workspaces = Workspaces(out)
        self._dependencies = Dependencies(out)

    async def fetch_diff(self, pull_id: int) -> None:
        """Compute from git what the change touches at its head commit."""
        pull, task, repository = await load_pull(self._out, pull_id)
        try:
            facts = await asyncio.to_thread(self._diff, pull, task, repository)
        except IntegrationError as problem:
            await self._dependencies.failed(problem, pull.repo)
            raise NotYetError(str(problem)) from problem
        await self._dependencies.work(remote_of(pull.repo))
        await put_facts(self._out, pull_id, pull.head_sha, facts)

    def _diff(self, pull: PullRequest, task: Task, repository: RepositoryPolicy) -> dict[str, Any]:
        out = self._out
        remote = out.remotes(pull.repo)
        with out.steps(StepName.MIRROR, f"t-{task.id}"):
            out.repositories.fetch(remote)
        base_branch = repository.base_branch or out.repositories.default_branch(remote)
        base = out.repositories.resolve(pull.repo, base_branch)
        files = out.repositories.changed_files(pull.repo, base, pull.head_sha)
        secrets = leaks(out, pull.repo, base, pull.head_sha)
        text = out.repositories.diff(pull.repo, base, pull.head_sha, _DIFF_BYTES)
        merge = out.repositories.merge_check(pull.repo, base, pull.head_sha)
        lines = sum(
            1
            for line in text.splitlines()
            if (line.startswith("+") and not line.startswith("+++"))
            or (line.startswith("-") and not line.startswith("---"))
        )
        return {
            "diff": {
                "head": pull.head_sha,
                "base": base,
                "files": list(files),
                "lines": lines,
                "secrets": list(secrets),
                "ui_files": _matching(files, repository.ui_paths or UI_PATHS),
                "workflow_files": _matching(files, _WORKFLOWS),
            },
            "conflicts": list(merge.files),
            "looked_at": "conflict" if pull.mergeable == "no" else "",  # GitHub saw one before this look at its base
        }

    async def run_verify(self, pull_id: int) -> None:
        """Run the repository's own verify command on the head commit, where no CI does.

        Raises:
            NotYetError: the command was interrupted, or the workspace cannot be used now.
        """
        pull, task, repository = await load_pull(self._out, pull_id)
        attempt = await self._out.registry.read(lambda s: latest_attempt(s, task))
        if not repository.verify or attempt is None or not attempt.workspace:
            await self._put_verified(pull, None, "there is nothing that could verify it")
            return
        name = f"{attempt.name}-verify"
        try:
            with self._commands.during(pull, name):
                work = partial(self._verify, pull, task, repository, Path(attempt.workspace), name)
                facts = await in_own_thread(work)
        except (InterruptedCommandError, IntegrationError) as problem:
            raise NotYetError(str(problem)) from problem
        await put_facts(self._out, pull_id, pull.head_sha, facts)

    def _verify(
        self, pull: PullRequest, task: Task, repository: RepositoryPolicy, path: Path, name: str
    ) -> dict[str, Any]:
        out = self._out
        if out.repositories.head(path) != pull.head_sha:
            with out.steps(StepName.MIRROR, name):
                out.repositories.fetch(out.remotes(task.repo))
            self._workspaces.follow(task, name, path, pull)
        if out.repositories.head(path) != pull.head_sha:
            return _verified(pull, None, "the workspace holds something else than this commit")
        problem = self._workspaces.install(task, name, repository, path)
        if problem is not None:
            return _verified(pull, False, "\n".join([problem.summary, *problem.tail]))
        result = run_command(out, name, repository.verify, path, _VERIFY_S, StepName.VERIFY)
        return _verified(pull, result.rc == 0, redact(result.output, out.secrets))

    async def _put_verified(self, pull: PullRequest, ok: bool | None, why: str) -> None:
        assert pull.id is not None
        await put_facts(self._out, pull.id, pull.head_sha, _verified(pull, ok, why))


def _verified(pull: PullRequest, ok: bool | None, output: str) -> dict[str, Any]:
    return {
        "verified_head": pull.head_sha,
        "verified_ok": ok,
        "verified_tail": output.splitlines()[-_LOG_LINES:],
    }


def _matching(files: tuple[str, ...] | list[str], patterns: tuple[str, ...]) -> list[str]:
    return [name for name in files if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]
