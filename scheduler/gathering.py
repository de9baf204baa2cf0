"""What must be fetched or run before a pull request can be judged: its diff, its verify command, why CI is red."""

from __future__ import annotations

import asyncio
import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

from sqlmodel import Session

from integrations.fault import IntegrationError
from integrations.github.excerpt import excerpt
from integrations.redact import redact
from scheduler.background import NotYetError, in_own_thread
from scheduler.failures import fail
from scheduler.leaks import leaks
from scheduler.lifecycle import Cause, TaskState
from scheduler.outages import Dependencies, remote_of
from scheduler.outside import Outside
from scheduler.policy import RepositoryPolicy
from scheduler.pull_rows import PullCommands, load_pull, put_facts
from scheduler.pulls import withdraw_before_changes
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
            return _verified(pull, False, problem)
        result = run_command(out, name, repository.verify, path, _VERIFY_S, StepName.VERIFY)
        return _verified(pull, result.rc == 0, redact(result.output, out.secrets))

    async def _put_verified(self, pull: PullRequest, ok: bool | None, why: str) -> None:
        assert pull.id is not None
        await put_facts(self._out, pull.id, pull.head_sha, _verified(pull, ok, why))

    async def explain_ci(self, pull_id: int) -> None:
        """Fetch why CI is red, then record the failure with those lines as its evidence."""
        pull, _task, repository = await load_pull(self._out, pull_id)
        failed = [check for check in pull.facts.get("checks", ()) if check["state"] == "fail"]
        seen_at = pull.facts_head if repository.has_ci else pull.facts.get("verified_head")
        if seen_at != pull.head_sha:
            return
        cause = "ci" if repository.has_ci else "verify"
        try:
            lines = (
                await asyncio.to_thread(self._ci_lines, pull, failed)
                if repository.has_ci
                else list(pull.facts.get("verified_tail", ()))
            )
        except IntegrationError as problem:
            if await self._dependencies.failed(problem, pull.repo) or problem.retryable:
                raise NotYetError(str(problem)) from problem
            lines = [f"{check['name']} is red; its log cannot be read: {problem.user_message}" for check in failed]

        def work(session: Session) -> None:
            now = self._out.clock()
            row = session.get(PullRequest, pull_id)
            assert row is not None
            owner = session.get(Task, row.task_id)
            assert owner is not None
            if row.head_sha != pull.head_sha or owner.state not in {TaskState.VERIFYING, TaskState.READY}:
                return
            if repository.has_ci and _red(row) != _red(pull):
                return  # it was run again meanwhile: these lines explain a failure that is none any more
            withdraw_before_changes(session, now, row, owner)
            names = ", ".join(check["name"] for check in failed) or "the verify command"
            fail(
                session,
                now,
                self._out.policy(),
                owner,
                cause=cause,
                transition=Cause.CI_FAILED,
                subject=f"pull:{row.id}:{row.head_sha}:ci",
                message=f"CI is red: {names}.",
                evidence=lines,
                head=row.head_sha,
            )

        await self._out.registry.write(work)

    def _ci_lines(self, pull: PullRequest, failed: list[dict[str, Any]]) -> list[str]:
        lines: list[str] = []
        for check in failed:
            lines.append(f"check {check['name']} is red")
            if check.get("job_id") is None:
                continue
            output = self._out.github.check_output(pull.repo, check["job_id"])
            cut = excerpt(output.log, _LOG_LINES)
            lines += [f"{note.path}:{note.line}: {note.message}" for note in output.annotations][:10]
            lines += [line.rstrip() for line in cut.lines]
        return [redact(line, self._out.secrets) for line in lines]


def _verified(pull: PullRequest, ok: bool | None, output: str) -> dict[str, Any]:
    return {
        "verified_head": pull.head_sha,
        "verified_ok": ok,
        "verified_tail": output.splitlines()[-_LOG_LINES:],
    }


def _red(pull: PullRequest) -> list[str]:
    return [check["name"] for check in pull.facts.get("checks", ()) if check["state"] == "fail"]


def _matching(files: tuple[str, ...] | list[str], patterns: tuple[str, ...]) -> list[str]:
    return [name for name in files if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]
