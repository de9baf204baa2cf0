"""What lies about and what is to become of it: runs, workspaces and rescued work held against rows. Pure.

Only what is over, or is known to nobody, goes; and each thing that stays although nobody wants it has its reason.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property

from integrations.engines import RunState, RunView
from integrations.git import Rescued, Worktree
from scheduler.lifecycle import LIVE_ATTEMPT, PullState, TaskState
from scheduler.policy import Keep
from scheduler.registry.work import Attempt, PullRequest, Task

_RUN = re.compile(r"(?P<attempt>t-(?P<task>\d+)-a\d+)(?:-.+)?")
_WORKSPACE = re.compile(r"t-(\d+)")


class Fate(StrEnum):
    STAYS = "stays"  #: it is wanted, or not yet old enough
    GOES = "goes"  #: nothing depends on it any more
    STOPS = "stops"  #: a process that no row knows
    SKIPPED = "skipped"  #: nobody wants it, and it must not be touched


@dataclass(frozen=True)
class Verdict:
    """What is to become of one thing, and why."""

    fate: Fate
    why: str = ""


@dataclass(frozen=True)
class Leftover:
    """One thing that nobody wants and that stays, for people.

    Attributes:
        what: run, workspace, directory, branch or rescued work.
    """

    what: str
    name: str
    why: str


@dataclass(frozen=True)
class Known:
    """What the registry says, read after the disk was looked at: a row is written before what it is about."""

    tasks: Mapping[int, Task]
    attempts: Mapping[str, Attempt]
    pulls: Mapping[tuple[str, str], PullRequest] = field(
        default_factory=dict
    )  #: the last one, by repository and branch

    def has_branch(self, slug: str, branch: str) -> bool:
        """Whether a task that is not cleaned up works on it."""
        return (slug, branch) in self._branches

    @cached_property
    def _branches(self) -> frozenset[tuple[str, str]]:
        return frozenset((one.repo, one.branch) for one in self.tasks.values() if one.cleaned_at is None)

    def task_of_workspace(self, name: str) -> Task | None:
        found = _WORKSPACE.fullmatch(name)
        return self.tasks.get(int(found[1])) if found else None

    @cached_property
    def _latest(self) -> dict[int, int]:
        latest: dict[int, int] = {}
        for one in self.attempts.values():
            latest[one.task_id] = max(one.n, latest.get(one.task_id, 0))
        return latest

    def is_latest(self, attempt: Attempt) -> bool:
        return attempt.n >= self._latest.get(attempt.task_id, 0)


def judge_run(view: RunView, known: Known, keep: Keep, now: datetime) -> Verdict:
    """A run directory goes when its attempt is long over and no later one builds on it."""
    found = _RUN.fullmatch(view.name)
    attempt = known.attempts.get(found["attempt"]) if found else None
    task = known.tasks.get(attempt.task_id) if attempt else None
    alive = view.state in {RunState.RUNNING, RunState.STARTING, RunState.LOST}
    if attempt is None or task is None:
        if alive:
            return Verdict(Fate.STOPS, "no row of this registry knows it")
        return _when_old(_ended(view), keep, now, "no row of this registry knows it")
    if view.state is RunState.RUNNING or attempt.state in LIVE_ATTEMPT:
        return Verdict(Fate.STAYS)
    if not _is_over(task) and known.is_latest(attempt):
        return Verdict(Fate.STAYS)  # its log is read again, and its session may go on
    return _when_old(attempt.ended_at or _ended(view), keep, now, "its attempt is over")


def _is_over(task: Task) -> bool:
    ended = task.state in {TaskState.MERGED, TaskState.DROPPED}
    return task.state is TaskState.STOPPED or (ended and task.cleaned_at is not None)


def _when_old(ended: datetime | None, keep: Keep, now: datetime, why: str) -> Verdict:
    age = now - ended if ended is not None else timedelta()
    return Verdict(Fate.GOES, why) if age >= timedelta(seconds=keep.runs_s) else Verdict(Fate.STAYS, why)


def _ended(view: RunView) -> datetime | None:
    at = view.exit.ended_at if view.exit is not None else view.last_output_at or view.started_at
    return datetime.fromtimestamp(at, UTC) if at is not None else None


def judge_workspace(tree: Worktree, known: Known, alive: frozenset[str]) -> Verdict:
    """A workspace goes when its task is gone or was cleaned up before; what is in it is rescued first.

    Parameters:
        alive: names of the runs whose processes live.
    """
    task = known.task_of_workspace(tree.name)
    if task is not None and (task.repo, task.branch) == (tree.slug, tree.branch):
        cleaned = task.state in {TaskState.MERGED, TaskState.DROPPED} and task.cleaned_at is not None
        why = "its task was cleaned up before" if cleaned else ""
    else:
        why = f"no task of this registry has the branch {tree.branch}"
    if not why:
        return Verdict(Fate.STAYS)
    working = next((run for run in sorted(alive) if run.startswith(f"{tree.name}-")), None)
    if working is not None:
        return Verdict(Fate.SKIPPED, f"{why}, and {working} still works in it")
    return Verdict(Fate.GOES, why)


def judge_rescued(one: Rescued, known: Known, keep: Keep, now: datetime) -> Verdict:
    """Rescued work goes some time after its task was merged: a person had that long to miss it."""
    task = known.task_of_workspace(one.workspace)
    if task is None:
        return Verdict(Fate.SKIPPED, "no task of this registry knows it; it is kept until a person deletes it")
    if task.state is not TaskState.MERGED or task.cleaned_at is None:
        return Verdict(Fate.STAYS)
    since = max(task.cleaned_at, one.at)
    old = now - since >= timedelta(seconds=keep.rescued_s)
    return Verdict(Fate.GOES if old else Fate.STAYS, "its task was merged")


_OURS = re.compile(r"waggle[/-]t-\d+(-.*)?")


def judge_pool_branch(slug: str, branch: str, worked_on: Container[str], known: Known) -> Verdict:
    """A branch that no workspace is on and no task has was made by an agent, or outlived a lost registry.

    Parameters:
        worked_on: the branches of the repository's workspaces.
    """
    if branch in worked_on or known.has_branch(slug, branch):
        return Verdict(Fate.STAYS)
    why = "no task of this registry has it; its commits may be nowhere else, so it is kept until a person deletes it"
    return Verdict(Fate.SKIPPED, why)


def judge_remote_branch(slug: str, branch: str, sha: str, known: Known) -> Verdict:
    """A branch on the remote goes only when Waggle pushed that very commit and its pull request was merged."""
    if not _OURS.fullmatch(branch):
        return Verdict(Fate.STAYS)
    pull = known.pulls.get((slug, branch))
    task = known.tasks.get(pull.task_id) if pull is not None else None
    if pull is None or task is None:
        if known.has_branch(slug, branch):
            return Verdict(Fate.STAYS)
        return Verdict(Fate.SKIPPED, "no task of this registry has it, so another Waggle or a person may need it")
    if pull.state is PullState.OPEN or task.state not in {TaskState.MERGED, TaskState.DROPPED} or not task.cleaned_at:
        return Verdict(Fate.STAYS)
    if pull.state is PullState.CLOSED:
        return Verdict(
            Fate.SKIPPED, f"pull request #{pull.number} was closed unmerged, and nothing else holds its work"
        )
    if sha not in {pull.head_sha, pull.pushed_sha}:
        return Verdict(Fate.SKIPPED, f"somebody pushed to it after pull request #{pull.number} was merged")
    return Verdict(Fate.GOES, f"pull request #{pull.number} was merged")
