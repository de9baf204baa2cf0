"""Publishing an attempt that ended well: the secret scan, the push, the pull request."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import structlog
from sqlmodel import Session, select

from integrations.fault import IntegrationError
from integrations.github import PullRef
from scheduler.background import NotYetError
from scheduler.discovery.following import signal_of
from scheduler.failures import ask_for_help, fail
from scheduler.leaks import leaks
from scheduler.lifecycle import Cause, PullState, TaskState
from scheduler.merge_train import CONFLICT, lost_lines
from scheduler.outages import GITHUB, Dependencies, remote_of
from scheduler.outside import Outside
from scheduler.pull_text import PullText, render_pull_text
from scheduler.registry.reading import open_pull
from scheduler.registry.work import Attempt, PullRequest, Task
from scheduler.registry.writers import move_pull, move_task, record, refresh_card
from scheduler.steps import StepName

log = structlog.get_logger(__name__)

_DIFF_BYTES = 4_000_000
_OUT_OF_HISTORY = (
    "Take it out of the commits themselves, by amending or rebasing: a commit on top that removes it publishes it too."
)
_NOT_OVER_IT = (
    "Somebody else pushed to the branch while the agent worked, and the two do not follow from each other. "
    "Nothing was pushed over it; the agent's commits are in its workspace."
)


class Publisher:
    """Pushes the branch of an attempt that ended well and opens the pull request."""

    def __init__(self, out: Outside) -> None:
        self._out = out
        self._dependencies = Dependencies(out)

    async def publish(self, attempt_id: int) -> None:
        """Publish one attempt.

        Raises:
            NotYetError: the outside refused in a way that may pass.
        """
        out = self._out
        task, attempt, pull = await out.registry.read(lambda s: self._load(s, attempt_id))
        if task.state is not TaskState.RUNNING or attempt.outcome != "done":
            return
        if attempt.published and pull is not None:
            await out.registry.write(lambda s: self._go_on(s, attempt_id, pull.url))
            return
        try:
            secrets = await asyncio.to_thread(self._collect, task, attempt)
            if secrets:
                await self._refuse(attempt_id, "secrets", _OUT_OF_HISTORY, secrets)
                return
            if await asyncio.to_thread(self._would_undo, task, attempt, pull):
                await self._refuse(attempt_id, "push", _NOT_OVER_IT, ())
                return
            if not await out.registry.read(lambda s: self._still_wanted(s, attempt_id)):
                return
            lost = await asyncio.to_thread(self._lost, task, attempt, pull)
            text = await out.registry.read(lambda s: self._text(s, task))
            ref = await asyncio.to_thread(self._push, task, attempt, pull, text)
        except IntegrationError as problem:
            if await self._dependencies.failed(problem, task.repo) or problem.retryable:
                await self._note(attempt_id, f"waiting to publish: {problem.user_message}")
                raise NotYetError(str(problem)) from problem
            await self._refuse(attempt_id, "push", problem.user_message, ())
            return
        await self._dependencies.work(GITHUB, remote_of(task.repo))
        await out.registry.write(lambda s: self._published(s, attempt_id, ref, lost))

    def _load(self, session: Session, attempt_id: int) -> tuple[Task, Attempt, PullRequest | None]:
        attempt = session.get(Attempt, attempt_id)
        assert attempt is not None
        task = session.get(Task, attempt.task_id)
        assert task is not None
        return task, attempt, open_pull(session, task)

    def _collect(self, task: Task, attempt: Attempt) -> tuple[str, ...]:
        """Bring the branch into the mirror; the names of secrets that its commits hold."""
        out = self._out
        with out.steps(StepName.COLLECT, attempt.name):
            out.repositories.collect_head(Path(attempt.workspace))
        base = out.repositories.resolve(task.repo, self._base_branch(task))
        # What will be pushed is searched, not what the workspace has come to be since.
        return leaks(out, task.repo, base, attempt.head_sha)

    def _would_undo(self, task: Task, attempt: Attempt, pull: PullRequest | None) -> bool:
        """Whether the push would take away commits that somebody else pushed to the branch."""
        if pull is None or pull.head_sha in {attempt.head_sha, pull.pushed_sha}:
            return False
        return not self._out.repositories.is_ancestor(task.repo, pull.head_sha, attempt.head_sha)

    def _lost(self, task: Task, attempt: Attempt, pull: PullRequest | None) -> tuple[str, ...]:
        """Lines of the pull request that resolving its conflict took away; none when it resolved none."""
        before = pull.facts.get("diff") if pull is not None else None
        if pull is None or task.repairs != CONFLICT or not before or before["head"] != pull.head_sha:
            return ()
        out = self._out
        base = out.repositories.resolve(task.repo, self._base_branch(task))
        old = out.repositories.diff(task.repo, before["base"], pull.head_sha, _DIFF_BYTES)
        return lost_lines(old, out.repositories.diff(task.repo, base, attempt.head_sha, _DIFF_BYTES))

    def _still_wanted(self, session: Session, attempt_id: int) -> bool:
        """False when a person stopped or paused the task while its branch was looked through."""
        task, _, _ = self._load(session, attempt_id)
        return task.state is TaskState.RUNNING

    def _base_branch(self, task: Task) -> str:
        out = self._out
        repository = out.policy().repository(task.repo)
        return (repository.base_branch if repository else "") or out.repositories.default_branch(out.remotes(task.repo))

    def _text(self, session: Session, task: Task) -> PullText:
        signal = signal_of(session, task)
        return render_pull_text(task, signal.name if signal is not None else "", _taken_back(session, task))

    def _push(self, task: Task, attempt: Attempt, pull: PullRequest | None, text: PullText) -> PullRef:
        out = self._out
        with out.steps(StepName.PUSH, attempt.name):
            out.repositories.push(
                out.remotes(task.repo), attempt.head_sha, task.branch, pull.head_sha if pull else None
            )
        with out.steps(StepName.OPEN_PULL, attempt.name):
            found = out.github.find_pull(task.repo, task.branch)
            if found is not None:
                return found
            return out.github.open_pull(
                task.repo,
                head=task.branch,
                base=self._base_branch(task),
                title=text.title,
                body=text.body,
                draft=False,
            )

    def _published(self, session: Session, attempt_id: int, ref: PullRef, lost: Sequence[str] = ()) -> None:
        now = self._out.clock()
        attempt = session.get(Attempt, attempt_id)
        assert attempt is not None
        task = session.get(Task, attempt.task_id)
        assert task is not None and task.id is not None
        attempt.published = True
        session.add(attempt)
        pull = session.exec(
            select(PullRequest).where(PullRequest.repo == task.repo, PullRequest.number == ref.number)
        ).first()
        if pull is None:
            pull = PullRequest(
                task_id=task.id,
                repo=task.repo,
                number=ref.number,
                node_id=ref.node_id,
                url=ref.url,
                branch=task.branch,
                state=PullState.OPEN,
                head_sha=attempt.head_sha,
                head_since=now,
                created_at=now,
            )
            record(
                session, now, what="pull_request", why=ref.url, task_id=task.id, subject=f"pull request {ref.number}"
            )
        elif pull.state is PullState.CLOSED:
            move_pull(session, pull, PullState.OPEN, Cause.PR_REOPENED, now)
        if pull.head_sha != attempt.head_sha:
            pull.head_sha, pull.head_since, pull.checks_since = attempt.head_sha, now, None
            pull.mergeable = "unknown"
        pull.pushed_sha = attempt.head_sha
        session.add(pull)
        self._go_on(session, attempt_id, ref.url)
        if lost and task.state is TaskState.VERIFYING:
            # Green checks cannot know what should have been there, so nothing but a person ends this need.
            ask_for_help(
                session,
                now,
                task,
                Cause.ONLY_A_PERSON,
                cause=CONFLICT,
                sentence=f"Resolving the conflict took away {len(lost)} of the pull request's own lines.",
                evidence=[f"gone: {line}" for line in lost],
                cure="Look at the pull request. Reply `retry` to have them put back, or `takeover` and then `giveback` "
                "when it is right as it is.",
                came_from=TaskState.RUNNING,
            )

    def _go_on(self, session: Session, attempt_id: int, url: str) -> None:
        """The pull request is there: it is verified from now on, or after the resume when somebody paused meanwhile."""
        task, _, _ = self._load(session, attempt_id)
        task.infra_waits, task.repairs = 0, ""
        session.add(task)
        if task.state is TaskState.RUNNING:
            move_task(session, task, TaskState.VERIFYING, Cause.PR_OPENED, self._out.clock(), why=url)

    async def _note(self, attempt_id: int, text: str) -> None:
        def work(session: Session) -> None:
            task, attempt, _ = self._load(session, attempt_id)
            if attempt.milestone == text:
                return
            attempt.milestone = text
            session.add(attempt)
            record(session, self._out.clock(), what="waiting", why=text, task_id=task.id)
            refresh_card(session, task, self._out.clock())

        await self._out.registry.write(work)

    async def _refuse(self, attempt_id: int, cause: str, message: str, evidence: Sequence[str]) -> None:
        def work(session: Session) -> None:
            attempt = session.get(Attempt, attempt_id)
            assert attempt is not None
            task = session.get(Task, attempt.task_id)
            assert task is not None
            if task.state is not TaskState.RUNNING:
                return
            attempt.outcome, attempt.message = cause, message
            session.add(attempt)
            fail(
                session,
                self._out.clock(),
                self._out.policy(),
                task,
                cause=cause,
                transition=Cause.ATTEMPT_FAILED,
                subject=f"attempt:{attempt.name}",
                attempt=attempt,
                message=message,
                evidence=evidence,
                head=attempt.head_sha,
            )

        log.warning("not published", attempt=attempt_id, cause=cause)
        await self._out.registry.write(work)


def _taken_back(session: Session, task: Task) -> str:
    """The pull request that a task takes back, as GitHub refers to it."""
    if not task.reverts:
        return ""
    pull = session.exec(select(PullRequest).where(PullRequest.merge_commit == task.reverts)).first()
    return f"{pull.repo}#{pull.number}" if pull is not None else ""
