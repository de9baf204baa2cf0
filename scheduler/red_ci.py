"""Why CI is red, read from its logs, and what follows: the failed jobs run again, or the failure is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from integrations.fault import IntegrationError
from integrations.github import CheckOutput, Conflict, Forbidden, Invalid, NotFound
from integrations.github.excerpt import excerpt
from integrations.redact import redact
from scheduler.background import NotYetError
from scheduler.check_facts import check_runs, rerun_of
from scheduler.ci import CheckRun
from scheduler.failures import fail
from scheduler.lifecycle import Cause, TaskState
from scheduler.outages import Dependencies
from scheduler.outside import Outside
from scheduler.pull_rows import load_pull, put_facts
from scheduler.pulls import withdraw_before_changes
from scheduler.registry.work import PullRequest, Task
from scheduler.registry.writers import record
from scheduler.steps import StepName

_LOG_LINES = 60
_OWN_LINES = 20
_REMARKS = 10


@dataclass(frozen=True)
class _Explained:
    """Why checks are red.

    Attributes:
        machinery: CI's own trouble failed every one of them.
    """

    lines: list[str]
    machinery: bool = False


class RedCi:
    """Looks into what a red CI says, once for each red look."""

    def __init__(self, out: Outside) -> None:
        self._out = out
        self._dependencies = Dependencies(out)

    async def explain(self, pull_id: int) -> None:
        """Fetch why CI is red, then have it run again where CI itself failed, or record the failure with its lines.

        Raises:
            NotYetError: GitHub did not answer.
        """
        pull, _task, repository = await load_pull(self._out, pull_id)
        seen_at = pull.facts_head if repository.has_ci else pull.facts.get("verified_head")
        if seen_at != pull.head_sha:
            return
        if not repository.has_ci:
            await self._record(pull, "verify", ["the verify command"], list(pull.facts.get("verified_tail", ())))
            return
        culprits = _culprits(pull)
        if not culprits:
            return  # it was looked at again since this was asked for
        try:
            explained = await asyncio.to_thread(self._explained, pull, culprits)
            if explained.machinery:
                await self._once_more(pull, culprits)
                return
        except IntegrationError as problem:
            if await self._dependencies.failed(problem, pull.repo) or problem.retryable:
                raise NotYetError(str(problem)) from problem
            lines = [f"{check.name} is red; its log cannot be read: {problem.user_message}" for check in culprits]
            explained = _Explained(lines)
        failed = [check.name for check in culprits if check.state == "fail"]
        await self._record(pull, "ci", failed, explained.lines)

    def _explained(self, pull: PullRequest, culprits: Sequence[CheckRun]) -> _Explained:
        lines: list[str] = []
        machinery = bool(culprits)
        for check in culprits:
            if check.state == "cancelled":
                continue  # nothing was judged, and a log of it says no more
            lines.append(f"check {check.name} is red")
            if check.base_red:
                lines.append(f"check {check.name} is red on the base branch too: that part is not yours")
                continue
            if check.job_id is None:
                machinery = False
                lines += [f"what reported it says more at {check.url}"] if check.url else []
                continue
            output = self._out.github.check_output(pull.repo, check.job_id)
            cut = excerpt(output.log, _LOG_LINES)
            machinery = machinery and cut.infra and not _about_code(output.annotations)
            lines += evidence_of(output, cut.lines)
        return _Explained([redact(line, self._out.secrets) for line in lines], machinery)

    async def _once_more(self, pull: PullRequest, culprits: Sequence[CheckRun]) -> None:
        """Start the failed jobs again, unless that was done for this head commit: then a person looks at CI."""
        own = [check for check in culprits if not check.base_red]
        jobs, names = [check.job_id for check in own], [check.name for check in own]
        if rerun_of(pull.facts, pull.head_sha) is not None or any(check.run_id is None for check in own):
            await self._put(pull, "machinery", {"jobs": jobs, "names": names})
            return
        refused, spent = "", False
        try:
            spent = await asyncio.to_thread(self._start_again, pull, own)
        except (Conflict, Forbidden, Invalid, NotFound) as problem:
            refused = problem.user_message
        done = not refused and not spent
        known = {
            "jobs": jobs if done else [],
            "names": names if done else [],
            "at": self._out.clock().isoformat(),
            "refused": refused,
        }
        why = refused or f"CI itself failed: {', '.join(names)}"
        await self._put(pull, "rerun", known, told=("ci_rerun" if done else "ci_not_rerun", why))

    def _start_again(self, pull: PullRequest, culprits: Sequence[CheckRun]) -> bool:
        """Start the failed jobs of each run again. True when these failures are of a second attempt already.

        A run whose newest attempt is not the one that failed was started again before, as after a crash.
        """
        spent = False
        for run_id, check in {check.run_id: check for check in culprits}.items():
            assert run_id is not None and check.job_id is not None
            known = self._out.github.job_attempt(pull.repo, check.job_id)
            if known.attempt > 1:
                spent = True
            elif known.latest == 1 and known.running:
                raise NotYetError(f"other jobs of run {run_id} still run")
            elif known.latest == 1:
                with self._out.steps(StepName.RERUN, f"pull:{pull.id}"):
                    self._out.github.rerun_failed(pull.repo, run_id)
        return spent

    async def _put(
        self, pull: PullRequest, name: str, known: dict[str, Any], told: tuple[str, str] | None = None
    ) -> None:
        def also(session: Session, row: PullRequest) -> None:
            if told is not None:
                what, why = told
                subject = f"pull request {row.number}"
                record(session, self._out.clock(), what=what, why=why, task_id=row.task_id, subject=subject)

        assert pull.id is not None
        await put_facts(self._out, pull.id, pull.head_sha, {name: {"head": pull.head_sha, **known}}, also)

    async def _record(self, pull: PullRequest, cause: str, names: Sequence[str], lines: Sequence[str]) -> None:
        def work(session: Session) -> None:
            now = self._out.clock()
            row = session.get(PullRequest, pull.id)
            assert row is not None
            owner = session.get(Task, row.task_id)
            assert owner is not None
            if row.head_sha != pull.head_sha or owner.state not in {TaskState.VERIFYING, TaskState.READY}:
                return
            if cause == "ci" and _culprits(row) != _culprits(pull):
                return  # it was run again meanwhile: these lines explain a failure that is none any more
            withdraw_before_changes(session, now, row, owner)
            fail(
                session,
                now,
                self._out.policy(),
                owner,
                cause=cause,
                transition=Cause.CI_FAILED,
                subject=f"pull:{row.id}:{row.head_sha}:ci",
                message=f"CI is red: {', '.join(names)}.",
                evidence=lines,
                head=row.head_sha,
            )

        await self._out.registry.write(work)


def _culprits(pull: PullRequest) -> tuple[CheckRun, ...]:
    """The checks that hold it back: the required ones where there are such, else all; none while any still runs."""
    checks = check_runs(pull.facts)
    gate = tuple(check for check in checks if check.required) if pull.facts.get("required") else checks
    failed = tuple(check for check in gate if check.state == "fail")
    found = failed or tuple(check for check in gate if check.state == "cancelled")
    rerun = rerun_of(pull.facts, pull.head_sha)
    again = rerun is not None and any(check.job_id in rerun.jobs for check in found)
    return () if again or any(check.state == "wait" for check in gate) else found


def evidence_of(output: CheckOutput, log: Sequence[str]) -> list[str]:
    """What a red check says, the most telling first: its own words, its remarks on lines, its steps, its log. Pure."""
    own = [line.rstrip() for line in output.summary.splitlines() if line.strip()][:_OWN_LINES]
    remarks = [f"{note.path}:{note.line}: {note.message}" for note in output.annotations][:_REMARKS]
    steps = [f"failed step: {name}" for name in output.failed_steps]
    cut = [line.rstrip() for line in log]
    missing = [output.log_missing] if output.log_missing and not (own or remarks or cut) else []
    return [*own, *remarks, *steps, *cut, *missing]


def _about_code(annotations: Sequence[Any]) -> bool:
    return any(note.level == "failure" and not note.path.startswith(".github") for note in annotations)
