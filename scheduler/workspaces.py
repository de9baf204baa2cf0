"""A task's workspace: made or adopted, brought to where a person pushed the branch, installed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlmodel import Session, col, select

from integrations.engines import CommandResult, RunSpec, RunState
from integrations.git import BranchTaken, UnknownRevision, Worktree
from integrations.redact import redact
from scheduler.confining import confined
from scheduler.lifecycle import PullState
from scheduler.outside import Outside
from scheduler.policy import RepositoryPolicy
from scheduler.ports import give_back_port, port_variables
from scheduler.pushed_by_people import is_ours
from scheduler.registry.work import Attempt, PullRequest, Task
from scheduler.registry.writers import recall, record, remember
from scheduler.steps import StepName

MAX_OUTPUT = 200 * 2**20
_INSTALL_S = 900.0
_SAME_MOMENT_S = 2.0
_SHOWN = 200  #: characters of the command
_TAIL = 14  #: lines of a failing installation's output that people are shown


class InterruptedCommandError(Exception):
    """A command was stopped before its end, because its task went another way: its result says nothing."""


@dataclass(frozen=True)
class InstallFailed:
    """An install command that failed.

    Attributes:
        summary: which, and how it ended, on one line.
        tail: the last lines of its output, without secrets.
    """

    summary: str
    tail: tuple[str, ...]


class Workspaces:
    """Makes workspaces ready. Blocks: every method wants a thread."""

    def __init__(self, out: Outside) -> None:
        self._out = out

    def prepare(self, task: Task, run: str, repository: RepositoryPolicy) -> tuple[Path, str]:
        """The workspace of a task and the commit it stands at; made when it is missing.

        Parameters:
            run: name of the attempt that wants it.
        """
        out = self._out
        remote = out.remotes(task.repo)
        pull = out.registry.read_now(lambda s: _pull_to_follow(s, task))
        with out.steps(StepName.MIRROR, run):
            out.repositories.ensure(remote)
            # Tasks that start together begin at the same base; what was pushed on a branch must be seen at once.
            out.repositories.fetch(remote, within_s=0.0 if pull else _SAME_MOMENT_S)
        base_branch = repository.base_branch or out.repositories.default_branch(remote)
        base = out.repositories.resolve(task.repo, base_branch)
        tree = self._create(task, run, pull, base)
        if pull is not None:
            self.follow(task, run, tree.path, pull)
        bring_included(out, task.repo, run, tree.path)
        return tree.path, out.repositories.head(tree.path)

    def _create(self, task: Task, run: str, pull: PullRequest | None, base: str) -> Worktree:
        """The workspace, on another branch when the task's name is somebody else's and nothing of ours has it yet."""
        out, name, start = self._out, f"t-{task.id}", pull.head_sha if pull else base
        try:
            with out.steps(StepName.WORKSPACE, run):
                return out.repositories.create_workspace(task.repo, name, task.branch, start)
        except BranchTaken as taken:
            if pull is not None:
                raise
            self._rename(task, taken)
        with out.steps(StepName.WORKSPACE, run):
            return out.repositories.create_workspace(task.repo, name, task.branch, start)

    def _rename(self, task: Task, taken: BranchTaken) -> None:
        def work(session: Session) -> None:
            row = session.get(Task, task.id)
            assert row is not None
            row.branch = taken.free_name
            session.add(row)
            why = f"{taken}; the task works on {taken.free_name} instead, and nothing there was touched"
            record(session, self._out.clock(), what="branch_renamed", why=why, task_id=task.id, subject="workspace")

        self._out.registry.write_now(work)
        task.branch = taken.free_name

    def follow(self, task: Task, run: str, path: Path, pull: PullRequest) -> None:
        """Bring the workspace to the pull request's head when somebody pushed what it does not hold.

        Otherwise the next push would put the branch back to before that. What lies in it uncommitted, or was committed
        and never published beside a person's push, is rescued.
        """
        out = self._out
        head = out.repositories.head(path)
        if head == pull.head_sha:
            return
        by_person = not out.registry.read_now(lambda s: is_ours(s, pull, pull.head_sha))
        if not self._is_behind(task, head, pull.head_sha) and not by_person:
            return  # it holds commits that are still to be published
        name = f"t-{task.id}"
        with out.steps(StepName.RESCUE, name):
            saved = out.repositories.rescue(
                task.repo, path, f"refs/waggle/rescue/{name}/before-{pull.head_sha[:12]}", collected=by_person
            )
        if out.repositories.is_ancestor(task.repo, pull.head_sha, head):
            return  # it holds the person's commits, and more
        with out.steps(StepName.REMOVE_WORKSPACE, name):
            out.repositories.remove_workspace(task.repo, name, task.branch)
        with out.steps(StepName.WORKSPACE, run):
            out.repositories.create_workspace(task.repo, name, task.branch, pull.head_sha)
        bring_included(out, task.repo, run, path)
        why = f"{head[:8]} → {pull.head_sha[:8]}, pushed by somebody else" + (
            f"; unpublished work saved as {saved[:8]}" if saved else ""
        )

        def work(session: Session) -> None:
            workspace_gone(session, out.clock(), task)
            record(session, out.clock(), what="followed", why=why, task_id=task.id, subject="workspace")

        out.registry.write_now(work)

    def _is_behind(self, task: Task, head: str, other: str) -> bool:
        """Whether `other` holds everything of the workspace's head."""
        try:
            return self._out.repositories.is_ancestor(task.repo, head, other)
        except UnknownRevision:
            return False  # it holds commits that were never published

    def install(self, task: Task, run: str, repository: RepositoryPolicy, path: Path) -> InstallFailed | None:
        """Run the install command once for each workspace; what went wrong when it fails.

        Raises:
            InterruptedCommandError: it was stopped.
        """
        if not repository.install:
            return None
        out = self._out
        mark = {"path": str(path), "command": repository.install}
        if out.registry.read_now(lambda s: recall(s, _installed(task))) == mark:
            return None
        result = run_command(out, f"{run}-install", repository.install, path, _INSTALL_S, StepName.INSTALL)
        if result.rc == 0:
            out.registry.write_now(lambda s: remember(s, out.clock(), _installed(task), mark))
            return None
        lines = [line for line in redact(result.output, out.secrets).splitlines() if line.strip()]
        summary = redact(f"`{repository.install[:_SHOWN]}` ended with {result.rc} ({result.why}).", out.secrets)
        return InstallFailed(summary, tuple(lines[-_TAIL:]))

    def roll_back(self, task: Task, path: Path) -> None:
        """Take back a workspace whose installation failed, its branch included, so that the next start finds nothing.

        One in which an agent worked stays as it is: its work is worth more than a clean start, and the command is
        run in it again.
        """
        out, name = self._out, f"t-{task.id}"
        tree = next((one for one in out.repositories.workspaces(task.repo) if one.name == name), None)
        if tree is None or out.registry.read_now(lambda s: _worked_in(s, task)):
            return
        if out.repositories.head(path) != tree.base_sha:
            return
        with out.steps(StepName.REMOVE_WORKSPACE, name):
            out.repositories.remove_workspace(task.repo, name, task.branch)
        out.registry.write_now(lambda s: workspace_gone(s, out.clock(), task))


def bring_included(out: Outside, slug: str, run: str, path: Path) -> None:
    """Bring the owner's files that are not in git into a workspace, as they are now.

    Raises:
        NotIncluded: one of them cannot be brought.
    """
    repository = out.policy().repository(slug)
    if repository is not None and repository.include:
        with out.steps(StepName.WORKSPACE, run):
            out.repositories.include(path, Path(repository.include_from), repository.include)


def run_command(
    out: Outside,
    name: str,
    command: str,
    cwd: Path,
    deadline_s: float,
    step: StepName,
    variables: Mapping[str, str] | None = None,
) -> CommandResult:
    """Run a repository's own command in one of its workspaces, as isolated as its agents.

    Parameters:
        variables: more of the environment, for this command alone.

    Raises:
        InterruptedCommandError: it was stopped.
        NotAWorkspace: `cwd` is none that Waggle made.
        NoFreePort: there is no port left that it could be given.
    """
    home = Path(out.environment.get("HOME", "/nonexistent"))
    spec = confined(
        out,
        RunSpec(
            name=name,
            argv=("/bin/sh", "-c", command),
            cwd=cwd,
            env={**out.environment, **port_variables(out, cwd.name), **(variables or {})},
            deadline_s=deadline_s,
            max_output_bytes=MAX_OUTPUT,
        ),
        out.repositories.slug_of(cwd),
        write=(home,) if home.is_relative_to(out.repositories.places.home) else (),
    )
    with out.steps(step, name):
        view = out.engine.find(name)
        if view.state is RunState.RUNNING:
            out.engine.stop(name, 5.0)
        if view.state is not RunState.ABSENT:
            out.engine.remove(name)
        result = out.engine.run(spec)
    if result.why in {"stopped", "lost"}:
        raise InterruptedCommandError(f"{name} was {result.why}")
    return result


def workspace_gone(session: Session, now: datetime, task: Task) -> None:
    """Forget what was true of a workspace that was removed: the next one of the task is another."""
    remember(session, now, _installed(task), {})
    give_back_port(session, f"t-{task.id}")


def _worked_in(session: Session, task: Task) -> bool:
    """Whether an agent was let into the workspace since it was made."""
    if recall(session, _installed(task)) == {}:
        return False
    began = select(Attempt.id).where(Attempt.task_id == task.id, Attempt.workspace != "")
    return session.exec(began).first() is not None


def _installed(task: Task) -> str:
    return f"installed:t-{task.id}"


def _pull_to_follow(session: Session, task: Task) -> PullRequest | None:
    """The pull request on whose head the work goes on: what was pushed for this task before."""
    return session.exec(
        select(PullRequest)
        .where(PullRequest.task_id == task.id, PullRequest.state != PullState.MERGED)
        .order_by(col(PullRequest.id).desc())
    ).first()
