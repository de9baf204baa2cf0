"""Tidying up after a task: its workspace, its branch, its run directories; each only with proof.

A workspace goes when its task is merged or dropped, no process of it lives, and everything in it that was
not published is saved under `refs/waggle/rescue/`. The branch on the remote goes only after a merge, and only
while it still points at the commit that was merged.
"""

from __future__ import annotations

import asyncio

import structlog
from sqlmodel import Session, col, select

from integrations.engines import RunState
from integrations.fault import IntegrationError
from scheduler.background import NotYetError
from scheduler.lifecycle import LIVE_ATTEMPT, PullState, TaskState
from scheduler.outages import Dependencies
from scheduler.outside import Outside
from scheduler.ports import give_back_port
from scheduler.registry.reading import latest_attempt
from scheduler.registry.work import Attempt, PullRequest, Task
from scheduler.registry.writers import record, refresh_card
from scheduler.screenshots import BEFORE, RUNS
from scheduler.steps import StepName
from scheduler.workspaces import workspace_gone

log = structlog.get_logger(__name__)


def to_clean(session: Session) -> list[int]:
    """Tasks that came to an end and still have a workspace; none with a live attempt."""
    tasks = session.exec(
        select(Task).where(
            col(Task.state).in_([TaskState.MERGED, TaskState.DROPPED]),
            col(Task.cleaned_at).is_(None),
            col(Task.branch) != "",
        )
    ).all()
    result = []
    for task in tasks:
        attempts = session.exec(select(Attempt).where(Attempt.task_id == task.id)).all()
        if task.id is not None and not any(one.state in LIVE_ATTEMPT for one in attempts):
            result.append(task.id)
    return result


class Cleaner:
    """Removes what finished tasks left behind."""

    def __init__(self, out: Outside) -> None:
        self._out = out
        self._dependencies = Dependencies(out)

    async def clean(self, task_id: int) -> None:
        """Clean up one task; what cannot be removed now is tried again later, with the reason recorded."""
        out = self._out
        task, attempt, pull, attempts = await out.registry.read(lambda s: self._load(s, task_id))
        if task.state not in {TaskState.MERGED, TaskState.DROPPED} or task.cleaned_at is not None:
            return
        try:
            did = await asyncio.to_thread(self._remove, task, attempt, pull, attempts)
        except IntegrationError as problem:
            if not await self._dependencies.failed(problem, task.repo):
                await self._skipped(task_id, problem.user_message)
            raise NotYetError(str(problem)) from problem

        def work(session: Session) -> None:
            now = out.clock()
            row = session.get(Task, task_id)
            assert row is not None
            if row.state in {TaskState.MERGED, TaskState.DROPPED}:
                row.cleaned_at = now  # unless a person took it up again meanwhile: then there is more to clean later
                session.add(row)
                workspace_gone(session, now, row)
            record(
                session, now, what="cleaned", why="; ".join(did) or "nothing was left", task_id=task_id, subject="task"
            )
            refresh_card(session, row, now)

        await out.registry.write(work)

    def _load(self, session: Session, task_id: int) -> tuple[Task, Attempt | None, PullRequest | None, list[Attempt]]:
        task = session.get(Task, task_id)
        assert task is not None
        pull = session.exec(
            select(PullRequest).where(PullRequest.task_id == task_id).order_by(col(PullRequest.id).desc())
        ).first()
        attempts = session.exec(select(Attempt).where(Attempt.task_id == task_id)).all()
        return task, latest_attempt(session, task), pull, list(attempts)

    def _remove(
        self, task: Task, attempt: Attempt | None, pull: PullRequest | None, attempts: list[Attempt]
    ) -> list[str]:
        out = self._out
        did: list[str] = []
        for run in [f"{one.name}{what}" for one in attempts for what in ("", "-install", "-verify")]:
            if out.engine.find(run).state in {RunState.RUNNING, RunState.STARTING, RunState.LOST}:
                with out.steps(StepName.STOP, run):
                    out.engine.stop(run, 1.5)
        name = f"t-{task.id}"
        self._forget_pictures(task, name)
        tree = next((one for one in out.repositories.workspaces(task.repo) if one.name == name), None)
        if tree is not None:
            if tree.path.exists():
                ref = f"refs/waggle/rescue/{name}/{attempt.n if attempt else 0}"
                with out.steps(StepName.RESCUE, name):
                    saved = out.repositories.rescue(task.repo, tree.path, ref)
                if saved:
                    did.append(f"unpublished work saved as {ref}")
            with out.steps(StepName.REMOVE_WORKSPACE, name):
                out.repositories.remove_workspace(task.repo, name, task.branch)
            did.append("worktree removed")
        if pull is not None and pull.state is PullState.MERGED and task.state is TaskState.MERGED:
            with out.steps(StepName.REMOVE_BRANCH, name):
                out.repositories.delete_remote_branch(out.remotes(task.repo), task.branch, pull.head_sha)
            did.append(f"branch {task.branch} removed")
        return did

    def _forget_pictures(self, task: Task, name: str) -> None:
        """The pictures are on the pull request; what a killed Waggle left of taking them goes as well."""
        out = self._out
        for view in out.engine.list():
            if view.name.startswith(f"{name}-a") and view.name.endswith(RUNS) and view.state is RunState.RUNNING:
                with out.steps(StepName.STOP, view.name):
                    out.engine.stop(view.name, 1.5)
        if any(one.name == f"{name}{BEFORE}" for one in out.repositories.workspaces(task.repo)):
            with out.steps(StepName.REMOVE_WORKSPACE, f"{name}{BEFORE}"):
                out.repositories.remove_workspace(task.repo, f"{name}{BEFORE}", f"{task.branch}{BEFORE}")
            out.registry.write_now(lambda s: give_back_port(s, f"{name}{BEFORE}"))
        if out.pictures.has(name):
            with out.steps(StepName.KEEP_PICTURES, name):
                out.pictures.forget(name)

    async def _skipped(self, task_id: int, why: str) -> None:
        def work(session: Session) -> None:
            now = self._out.clock()
            record(session, now, what="not_cleaned", why=why, task_id=task_id, subject="task")

        log.warning("cleanup is tried again later", task=task_id, why=why)
        await self._out.registry.write(work)
