"""What must be fetched or run before a pull request can be judged: its diff, its verify command, why CI is red."""

from __future__ import annotations

import asyncio
import fnmatch
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from integrations.fault import IntegrationError
from integrations.github.excerpt import excerpt
from integrations.redact import find_secrets, redact
from scheduler.attempts import run_command
from scheduler.background import NotYetError
from scheduler.failures import fail
from scheduler.lifecycle import Cause, TaskState
from scheduler.outside import Outside
from scheduler.policy import RepositoryPolicy
from scheduler.pulls import withdraw_before_changes
from scheduler.registry.work import Attempt, PullRequest, Task
from scheduler.steps import StepName

_DIFF_BYTES = 2_000_000
_VERIFY_S = 1800.0
_LOG_LINES = 60
_WORKFLOWS = (".github/workflows/*", ".github/actions/*", ".gitlab-ci.yml", ".circleci/*", ".playground-ci.toml")


class Gatherer:
    """Fetches and runs what the judgement of a pull request waits for."""

    def __init__(self, out: Outside) -> None:
        self._out = out

    async def fetch_diff(self, pull_id: int) -> None:
        """Compute from git what the change touches at its head commit."""
        pull, task, repository = await self._load(pull_id)
        try:
            facts = await asyncio.to_thread(self._diff, pull, task, repository)
        except IntegrationError as problem:
            raise NotYetError(str(problem)) from problem
        await self._put_facts(pull_id, pull.head_sha, facts)

    def _diff(self, pull: PullRequest, task: Task, repository: RepositoryPolicy) -> dict[str, Any]:
        out = self._out
        remote = out.remotes(pull.repo)
        with out.steps(StepName.MIRROR, f"t-{task.id}"):
            out.repositories.fetch(remote)
        base_branch = repository.base_branch or out.repositories.default_branch(remote)
        base = out.repositories.resolve(pull.repo, base_branch)
        files = out.repositories.changed_files(pull.repo, base, pull.head_sha)
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
                "secrets": [found.name for found in find_secrets(text, out.secrets)],
                "ui_files": _matching(files, repository.ui_paths),
                "workflow_files": _matching(files, _WORKFLOWS),
            },
            "conflicts": list(merge.files),
        }

    async def run_verify(self, pull_id: int) -> None:
        """Run the repository's own verify command on the head commit, where no CI does."""
        pull, task, repository = await self._load(pull_id)
        attempt = await self._out.registry.read(
            lambda s: s.exec(select(Attempt).where(Attempt.task_id == task.id).order_by(col(Attempt.n).desc())).first()
        )
        if not repository.verify or attempt is None or not attempt.workspace:
            await self._put_facts(
                pull_id, pull.head_sha, {"verified_head": pull.head_sha, "verified_ok": not repository.verify}
            )
            return
        path = Path(attempt.workspace)
        if await asyncio.to_thread(self._out.repositories.head, path) != pull.head_sha:
            raise NotYetError("the workspace is at another commit than the pull request")
        result = await asyncio.to_thread(
            run_command, self._out, f"{attempt.name}-verify", repository.verify, path, _VERIFY_S, StepName.VERIFY
        )
        facts = {
            "verified_head": pull.head_sha,
            "verified_ok": result.rc == 0,
            "verified_tail": redact(result.output, self._out.secrets).splitlines()[-_LOG_LINES:],
        }
        await self._put_facts(pull_id, pull.head_sha, facts)

    async def explain_ci(self, pull_id: int) -> None:
        """Fetch why CI is red, then record the failure with those lines as its evidence."""
        pull, _task, repository = await self._load(pull_id)
        failed = [check for check in pull.facts.get("checks", ()) if check["state"] == "fail"]
        if pull.facts_head != pull.head_sha:
            return
        cause = "ci" if repository.has_ci else "verify"
        try:
            lines = (
                await asyncio.to_thread(self._ci_lines, pull, failed)
                if repository.has_ci
                else list(pull.facts.get("verified_tail", ()))
            )
        except IntegrationError as problem:
            if problem.retryable:
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

    async def _load(self, pull_id: int) -> tuple[PullRequest, Task, RepositoryPolicy]:
        def work(session: Session) -> tuple[PullRequest, Task]:
            pull = session.get(PullRequest, pull_id)
            assert pull is not None
            task = session.get(Task, pull.task_id)
            assert task is not None
            return pull, task

        pull, task = await self._out.registry.read(work)
        repository = self._out.policy().repository(task.repo)
        assert repository is not None
        return pull, task, repository

    async def _put_facts(self, pull_id: int, head: str, facts: dict[str, Any]) -> None:
        def work(session: Session) -> None:
            row = session.get(PullRequest, pull_id)
            if row is not None and row.head_sha == head:
                row.facts = {**row.facts, **facts}
                session.add(row)

        await self._out.registry.write(work)


def _matching(files: tuple[str, ...] | list[str], patterns: tuple[str, ...]) -> list[str]:
    return [name for name in files if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]
