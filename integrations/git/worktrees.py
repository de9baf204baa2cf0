"""Workspaces: git worktrees of the pool, one for each task, made and removed by the supervisor."""

from __future__ import annotations

import logging
import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from integrations.git import leftover_locks
from integrations.git.branch_names import free_name, in_the_way
from integrations.git.command import GitCommand
from integrations.git.errors import BadName, BranchTaken, GitError, NotAWorkspace, OutsideWorkspaces
from integrations.git.mirror import Mirrors
from integrations.git.places import Places, check_branch, check_sha
from integrations.git.records import Record, Records
from integrations.git.refs import list_branches, read_branch, read_head
from integrations.git.values import Worktree

log = logging.getLogger(__name__)

CHECKOUT_S = 600.0


class Worktrees:
    """Creates, finds and removes workspaces. The caller holds the repository's lock for what writes."""

    def __init__(self, git: GitCommand, places: Places, records: Records, mirrors: Mirrors) -> None:
        self._git = git
        self._places = places
        self._records = records
        self._mirrors = mirrors

    def register(self, slug: str, name: str, branch: str, base_sha: str) -> tuple[Record, bool]:
        """Make a workspace known to git, without files in it, or find the one that is there.

        Returns its record, which is ready when there is nothing left to do, and whether the branch was made for it.
        See `Repositories.create_workspace`.
        """
        path = self._places.workspace(name)
        check_branch(branch)
        base_sha = self._mirrors.resolve(slug, check_sha(base_sha))
        record = self._records.find(name)
        if record is not None and (record.slug, record.branch) != (slug, branch):
            raise BadName(f"workspace {name} exists already for {record.slug} on {record.branch}")
        if record is None:
            self._refuse_taken(slug, name, branch, base_sha)
        elif record.ready and self._is_whole(record):
            self._drop_locks(slug, name, branch)
            return record, False
        self._clear(slug, name, keep=record is None or record.ready)
        self._drop_locks(slug, name, branch)
        made_branch = read_branch(self._places.pool(slug), branch) is None
        record = self._records.save(replace(record, ready=False) if record else Record(name, slug, branch, base_sha))
        try:
            self._add(record, path, made_branch)
        except GitError:
            self.roll_back(record, made_branch)
            raise
        return record, made_branch

    def fill(self, record: Record) -> Worktree:
        """Check the files out into a workspace that was just registered. Nothing that others use is written."""
        self._check_out(record, self._places.workspace(record.name))
        return self.seen(self._records.mark_ready(record))

    def remove(self, slug: str, name: str, branch: str) -> None:
        """Remove a workspace and its branch in the pool. What is gone already counts as removed."""
        path = self._places.workspace(name)
        if path.is_symlink():
            raise OutsideWorkspaces(f"{path} is a link to somewhere else; it was not touched")
        record = self._records.find(name)
        if record is not None and (record.slug, record.branch) != (slug, check_branch(branch)):
            raise BadName(f"workspace {name} belongs to {record.slug} on {record.branch}, not to {slug} on {branch}")
        # Out of the way in one step: a removal that is cut short must never look like a workspace in which somebody
        # deleted files. The record goes last, so that it is taken up again.
        gone = path.with_name(f".removed-{name}")
        _delete(gone)
        if path.exists():
            path.rename(gone)
        _delete(self._places.admin(slug, name))
        self._drop_locks(slug, name, branch)
        self._delete_branch(slug, branch)
        _delete(gone)
        self._records.forget(name)

    def all(self, slug: str) -> list[Worktree]:
        """Every workspace that has a record, ready or not."""
        return [self.seen(record) for record in self._records.all(slug)]

    def every(self) -> list[Worktree]:
        """Every workspace of every repository that has a record."""
        return [self.seen(record) for record in self._records.every()]

    def strange(self) -> list[str]:
        """Paths below the home: directories in the workspace root that no record knows, and what was moved aside."""
        known = {record.name for record in self._records.every()}
        home = self._places.home
        found = [one for one in self._places.work.glob("*") if one.name not in known and not one.name.startswith(".")]
        return sorted(str(one.relative_to(home)) for one in [*found, *(home / "aside").glob("*")])

    def record_of(self, path: Path) -> Record:
        """The record of the workspace at `path`. Raises OutsideWorkspaces or NotAWorkspace."""
        record = self._records.find(self._places.name_of(path))
        if record is None:
            raise NotAWorkspace(f"{path} is no workspace that Waggle made")
        return record

    def seen(self, record: Record) -> Worktree:
        path = self._places.workspace(record.name)
        whole = record.ready and self._is_whole(record)
        return Worktree(path, record.branch, record.base_sha, record.name, record.slug, whole)

    def _is_whole(self, record: Record) -> bool:
        path, admin = self._places.workspace(record.name), self._places.admin(record.slug, record.name)
        points_back = (admin / "gitdir").is_file() and (admin / "gitdir").read_text().strip() == str(path / ".git")
        _, head = read_head(admin, self._places.pool(record.slug))
        return path.is_dir() and not path.is_symlink() and points_back and head is not None

    def _add(self, record: Record, path: Path, make_branch: bool) -> None:
        """Register the worktree without files; they come through the mirror.

        `--no-track` because setting up tracking races on the pool's config lock: 14 of 40 worktrees failed when made
        eight at a time. `--no-checkout` because a checkout in the pool would run the filters that its configuration
        names; `read-tree` with the mirror's configuration has none to run.
        """
        pool = self._places.pool(record.slug)
        start = (
            ["--no-track", "-b", record.branch, str(path), record.base_sha]
            if make_branch
            else [str(path), record.branch]
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        self._git.run(
            ["worktree", "add", "--quiet", "--no-checkout", "--lock", "--reason", "waggle", *start],
            git_dir=pool,
        )

    def _check_out(self, record: Record, path: Path) -> None:
        head = read_branch(self._places.pool(record.slug), record.branch)
        assert head is not None, "git worktree add made or found the branch"
        self._git.run(
            ["read-tree", "--reset", "-u", head],
            git_dir=self._places.mirror(record.slug),
            env={
                **self._mirrors.with_pool(record.slug),
                "GIT_WORK_TREE": str(path),
                "GIT_INDEX_FILE": str(self._places.admin(record.slug, record.name) / "index"),
            },
            timeout_s=CHECKOUT_S,
        )

    def roll_back(self, record: Record, made_branch: bool) -> None:
        """Undo what a failed creation made, and only that: `git worktree add` leaves its branch behind (status 255)."""
        _delete(self._places.workspace(record.name))
        _delete(self._places.admin(record.slug, record.name))
        if made_branch:
            self._delete_branch(record.slug, record.branch)
            self._records.forget(record.name)

    def _clear(self, slug: str, name: str, *, keep: bool) -> None:
        """Make room for a workspace.

        Parameters:
            keep: somebody may have worked in what lies there, so it is moved aside; otherwise it is the half-made
                work of a creation that was killed, and is deleted.
        """
        path = self._places.workspace(name)
        if path.is_symlink():
            raise OutsideWorkspaces(f"{path} is a link to somewhere else; it was not touched")
        if path.exists() and keep and any(path.iterdir()):
            aside = self._free_path(self._places.home / "aside" / name)
            aside.parent.mkdir(parents=True, exist_ok=True)
            path.rename(aside)
            log.warning("git: %s was in the way of a new workspace and is now %s", path, aside)
        _delete(path)
        _delete(self._places.admin(slug, name))

    def _refuse_taken(self, slug: str, name: str, branch: str, base_sha: str) -> None:
        """Raise BranchTaken when the branch cannot be made, and this workspace's record does not say that it is ours.

        It exists with other commits, or differs by case alone from one that does, or a branch is in the place of one of
        its folders; in the remote, where its push would fail at the end of all work, or here.
        """
        remote = self._mirrors.branches(slug)
        pool = self._places.pool(slug)
        here = list_branches(pool)
        both = [*remote, *here]
        for known, where in ((remote, f"in {slug}"), (here, f"in the workspaces of {slug}")):
            other = in_the_way(branch, sorted(known, key=lambda name: name != branch))
            if other is not None and (other != branch or known[other] != base_sha):
                raise BranchTaken(branch, free_name(branch, both), where, other)
        for other_head in (pool / "worktrees").glob("*/HEAD"):
            if read_head(other_head.parent, pool)[0] == branch and other_head.parent.name != name:
                raise BranchTaken(branch, free_name(branch, both), f"in the workspaces of {slug}")

    def _free_path(self, path: Path) -> Path:
        number = 1
        while (aside := path.with_name(f"{path.name}.{number}")).exists():
            number += 1
        return aside

    def _drop_locks(self, slug: str, name: str, branch: str) -> None:
        """What a killed agent or a killed Waggle left locked would stop every command after it."""
        pool = self._places.pool(slug)
        leftover_locks.drop(leftover_locks.of_workspace(pool, self._places.admin(slug, name), branch), pool)

    def _delete_branch(self, slug: str, branch: str) -> None:
        pool = self._places.pool(slug)
        if read_branch(pool, branch) is not None:
            self._git.run(["update-ref", "--no-deref", "-d", f"refs/heads/{branch}"], git_dir=pool)


def _delete(path: Path) -> None:
    """Remove a tree. Links in it are removed, not followed; directories made read-only are opened first."""

    def open_up(remove: Callable[..., object], failed: str, _: object) -> None:
        parent = Path(failed).parent
        parent.chmod(parent.stat().st_mode | stat.S_IRWXU)
        if Path(failed).is_dir() and not Path(failed).is_symlink():
            Path(failed).chmod(stat.S_IRWXU)
        if remove in (os.unlink, os.rmdir):
            remove(failed)
        else:
            shutil.rmtree(failed)

    if path.exists():
        shutil.rmtree(path, onerror=open_up)


__all__ = ["CHECKOUT_S", "Worktrees"]
