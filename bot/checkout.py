"""Putting a person into a task's branch, in their own clone: pushed, not yet pushed, or rescued work.

What is on the remote is fetched from there, as the person; everything else lies in Waggle's mirror, which is a
directory of this machine and needs no credential.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session, col, select

from bot.init.address import read_address
from integrations.git import GitError, Remote, Repositories, Rescued, UnknownRevision
from integrations.git.clone import Clone, NotInRepository
from integrations.git.places import is_slug
from scheduler.lifecycle import LIVE_ATTEMPT, PullState, TaskState
from scheduler.names import task_label
from scheduler.registry.reading import latest_attempt
from scheduler.registry.work import PullRequest, Task


class CheckoutError(Exception):
    """A person cannot be put there; the message says why and what to do."""


@dataclass(frozen=True)
class Wanted:
    """What the registry says of a task's branch."""

    label: str
    name: str  #: of its workspace and its rescue refs
    repo: str
    branch: str
    base_branch: str
    merge_commit: str
    works: bool  #: an agent works on it now


@dataclass(frozen=True)
class CheckedOut:
    """Where the person is now.

    Attributes:
        source: `remote`, `unpushed` or `rescued`.
        notes: what they should know.
    """

    clone: Path
    branch: str
    commit: str
    source: str
    notes: tuple[str, ...] = ()


def wanted(session: Session, task_id: int) -> Wanted | None:
    """The task's branch; None when there is no such task."""
    task = session.get(Task, task_id)
    if task is None:
        return None
    pull = session.exec(
        select(PullRequest).where(PullRequest.task_id == task_id).order_by(col(PullRequest.id).desc())
    ).first()
    attempt = latest_attempt(session, task)
    merged = pull is not None and pull.state is PullState.MERGED and task.state is TaskState.MERGED
    return Wanted(
        label=task_label(task_id),
        name=f"t-{task_id}",
        repo=task.repo,
        branch=pull.branch if pull is not None else task.branch,
        base_branch=task.base_branch,
        merge_commit=pull.merge_commit if merged and pull is not None else "",
        works=attempt is not None and attempt.state in LIVE_ATTEMPT,
    )


class Checkout:
    """Finds a task's work and puts it into a clone.

    Parameters:
        remote: where the task's repository lives.
    """

    def __init__(self, repositories: Repositories, remote: Remote, task: Wanted) -> None:
        self._repositories = repositories
        self._remote = remote
        self._task = task

    def rescued(self) -> list[Rescued]:
        """What was saved of the task's workspaces."""
        return self._repositories.rescued(self._task.repo, self._task.name) if self._has_mirror() else []

    def into(self, directory: Path, rescue: str = "") -> CheckedOut:
        """Check the task's branch out in the clone around `directory`.

        Parameters:
            rescue: the label of rescued work to check out instead.

        Raises:
            CheckoutError, GitError
        """
        task = self._task
        if not task.branch or not self._has_mirror():
            raise CheckoutError(
                f"{task.label} has no branch yet: no agent has started on it. `waggle show {task.label}`"
            )
        clone, remote_name = self._clone_around(directory)
        clone.refuse_dirty()
        if rescue:
            return self._into_rescued(clone, rescue)
        return self._into_branch(clone, remote_name)

    def _into_branch(self, clone: Clone, remote_name: str) -> CheckedOut:
        task, notes = self._task, list(self._notes())
        tracking = f"refs/remotes/{remote_name}/{task.branch}"
        pushed = self._fetch_pushed(clone, remote_name, tracking, notes)
        local = self._unpublished(pushed)
        if local:
            clone.fetch(
                str(self._mirror), f"+refs/waggle/collected/{task.branch}:refs/waggle/{task.name}", network=False
            )
            commit = clone.switch(task.branch, f"refs/waggle/{task.name}")
            notes.append("This work is not pushed yet." if not pushed else "Its last commits are not pushed yet.")
            return CheckedOut(clone.root, task.branch, commit, "unpushed", tuple(notes))
        if pushed:
            commit = clone.switch(task.branch, tracking, track=f"{remote_name}/{task.branch}")
            return CheckedOut(clone.root, task.branch, commit, "remote", tuple(notes))
        raise CheckoutError(self._nothing_left())

    def _into_rescued(self, clone: Clone, label: str) -> CheckedOut:
        task, saved = self._task, self.rescued()
        one = next((one for one in saved if one.label == label), None)
        if one is None:
            there = ", ".join(one.label for one in saved) or "none"
            raise CheckoutError(f"{task.label} has no rescued work `{label}`. There is: {there}.")
        kept, branch = f"refs/waggle/rescue/{task.name}/{label}", f"{task.branch}-rescued-{label}"
        clone.fetch(str(self._mirror), f"+{one.ref}:{kept}", network=False)
        return CheckedOut(clone.root, branch, clone.switch(branch, kept), "rescued")

    def _clone_around(self, directory: Path) -> tuple[Clone, str]:
        """The person's clone of the task's repository, and the name of the remote that is it."""
        try:
            clone = Clone.around(directory)
            remotes = clone.remotes()
        except NotInRepository:
            remotes = {}
        names = sorted(remotes, key=lambda name: (name != "origin", name))
        for name in names:
            if self._is_ours(remotes[name]):
                return clone, name
        raise CheckoutError(self._how_to_clone())

    def _is_ours(self, url: str) -> bool:
        return plain_address(url) == plain_address(self._remote.url) or address_slug(url) == self._task.repo.lower()

    def _how_to_clone(self) -> str:
        name = self._task.repo.split("/")[1]
        get = f"git clone {shlex.quote(self._remote.url)} {shlex.quote(name)} && cd {shlex.quote(name)}"
        then = f"waggle checkout {self._task.label}"
        return f"This is no clone of {self._task.repo}. Go to yours, or get one:\n  {get} && {then}"

    def _fetch_pushed(self, clone: Clone, remote_name: str, tracking: str, notes: list[str]) -> str:
        """Bring the branch from the remote as the person, else from the mirror; empty when neither has it."""
        branch = self._task.branch
        try:
            clone.fetch(remote_name, f"+refs/heads/{branch}:{tracking}", network=True)
        except GitError as problem:
            seen = self._repositories.branches(self._task.repo).get(branch)
            if seen is None:
                return ""
            clone.fetch(str(self._mirror), f"+refs/remotes/origin/{branch}:{tracking}", network=False)
            if "couldn't find remote ref" in str(problem):
                notes.append("The branch is gone from the remote; this is how Waggle saw it last.")
            else:
                notes.append(f"The remote could not be asked; this is how Waggle saw it last. {problem.user_message}")
        return clone.commit_of(tracking)

    def _unpublished(self, pushed: str) -> str:
        """The commit that Waggle has and the remote does not; empty when everything is on the remote."""
        task = self._task
        for tree in self._repositories.workspaces(task.repo):
            if tree.name == task.name and tree.ready:
                self._repositories.collect_head(tree.path)
        try:
            collected = self._repositories.resolve(task.repo, f"refs/waggle/collected/{task.branch}")
        except UnknownRevision:
            return ""
        if not pushed:
            return collected
        try:
            behind = self._repositories.is_ancestor(task.repo, collected, pushed)
        except UnknownRevision:
            return ""  # somebody pushed what Waggle has not fetched yet: that is newer
        return "" if behind or not self._repositories.is_ancestor(task.repo, pushed, collected) else collected

    def _notes(self) -> list[str]:
        task = self._task
        notes = []
        if task.works:
            notes.append(
                f"An agent works on {task.label} now: what it does from here on is not in your clone. "
                f"`waggle stop {task.label}` before you go on with it yourself."
            )
        for tree in self._repositories.workspaces(task.repo):
            if tree.name == task.name and tree.ready and self._repositories.dirty(tree.path):
                notes.append(f"Uncommitted work lies in {tree.path}.")
        if task.merge_commit:
            notes.append(
                f"{task.label} is merged, as {task.merge_commit[:8]}: new work belongs on a branch of its own."
            )
        return notes

    def _nothing_left(self) -> str:
        task, saved = self._task, self.rescued()
        if task.merge_commit:
            told = f"{task.label} is merged, as {task.merge_commit[:8]}, and its branch is gone."
            return f"{told} `git fetch && git checkout {task.base_branch or 'main'}` has its work."
        told = f"The branch {task.branch} holds nothing, on the remote or here."
        if not saved:
            return f"{told} `waggle show {task.label}` says what happened."
        names = "\n".join(
            f"  waggle checkout {task.label} --rescue {one.label}   {one.at:%Y-%m-%d %H:%M}" for one in saved
        )
        return f"{told} Rescued work of it:\n{names}"

    @property
    def _mirror(self) -> Path:
        return self._repositories.places.mirror(self._task.repo)

    def _has_mirror(self) -> bool:
        return is_slug(self._task.repo) and (self._mirror / "HEAD").exists()


def plain_address(url: str) -> str:
    """An address as it is compared: without `.git` and a slash at its end."""
    return url.rstrip("/").removesuffix(".git").removeprefix("file://")


def address_slug(url: str) -> str:
    """owner/name in the address of a host, in small letters; empty for a directory."""
    address = read_address(url)
    return address.slug.lower() if address.host else ""
