"""Saves what lies in a workspace: leftovers onto its branch, or everything into a rescue ref.

Both work through a shadow, so nothing of the workspace's own configuration runs, and neither changes a file there.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from integrations.git import leftover_locks
from integrations.git.command import GitCommand
from integrations.git.errors import BadName, DetachedHead, RepositoryBusy, WorkInProgress
from integrations.git.mirror import COLLECTED, Mirrors
from integrations.git.places import Places
from integrations.git.records import Record
from integrations.git.refs import read_branch, rebased_branch, unfinished
from integrations.git.shadow import Shadow, shadow

IDENTITY = "waggle <waggle@localhost>"
RESCUE = "refs/waggle/rescue/"
STATUS_S = 300.0


@dataclass(frozen=True)
class Changes:
    """What differs from the index.

    Attributes:
        paths: changed, new and conflicting files.
        deleted: files that are gone from the workspace.
        nested: directories that are repositories of their own, which git does not look into.
        staged: the index differs from HEAD.
    """

    paths: tuple[str, ...]
    deleted: tuple[str, ...]
    nested: tuple[str, ...]
    staged: bool

    def __bool__(self) -> bool:
        return bool(self.paths or self.deleted or self.nested or self.staged)


class Rescue:
    """Reads and saves the uncommitted work of workspaces."""

    def __init__(self, git: GitCommand, places: Places, mirrors: Mirrors) -> None:
        self._git = git
        self._places = places
        self._mirrors = mirrors

    def dirty(self, record: Record) -> bool:
        """True when anything in the workspace is not committed: staged, changed, deleted or new and not ignored."""
        with shadow(self._git, self._places, record.slug, record.name) as view:
            return bool(self._changes(view, record))

    def changed_at(self, record: Record) -> float:
        """When something in the workspace last changed: a file that is not committed, or its HEAD. Seconds since 1970.

        A file that is gone counts by the directory that it lay in.
        """
        root, admin = self._places.workspace(record.name), self._places.admin(record.slug, record.name)
        with shadow(self._git, self._places, record.slug, record.name) as view:
            changes = self._changes(view, record)
        seen = [admin / "HEAD", admin / "logs" / "HEAD", *(root / path for path in (*changes.paths, *changes.nested))]
        return max(map(_time_of, [*seen, *((root / path).parent for path in changes.deleted)]))

    def commit(self, record: Record, message: str, author: str | None) -> str | None:
        """Commit everything uncommitted onto the workspace's branch; None when there was nothing.

        Raises WorkInProgress, DetachedHead, and RepositoryBusy when somebody else uses the workspace's index.
        """
        admin, pool = self._places.admin(record.slug, record.name), self._places.pool(record.slug)
        if unfinished(admin):
            raise WorkInProgress(f"workspace {record.name} is in the middle of a rebase or merge")
        with shadow(self._git, self._places, record.slug, record.name) as view:
            leftover_locks.drop(leftover_locks.of_workspace(pool, admin, view.branch or ""), pool)
            if view.branch is None:
                raise DetachedHead(f"workspace {record.name} is on no branch")
            self._stage(view, record, self._changes(view, record), nested=False)
            tree = self._tree(view)
            if tree == self._tree_of(view, view.head):
                return None
            made = self._commit(view, tree, [view.head], message, author)
            self._put_index(view, admin)
            self._git.run(
                ["update-ref", "-m", "commit: leftovers", f"refs/heads/{view.branch}", made, view.head],
                git_dir=pool,
            )
            return made

    def save(self, record: Record, ref: str, *, collected: bool = False) -> str | None:
        """Save uncommitted, untracked and unpushed work at `ref` in the mirror; None when all of it is safe already.

        Parameters:
            collected: also what was collected and is on no branch of the remote: the next collection replaces it.

        The commit has the workspace's files as its tree. Its parents are HEAD, what was staged when that differs, and
        the branch when HEAD is not on it (during a rebase, or detached).
        """
        if not ref.startswith(RESCUE):
            raise BadName(f"{ref} is not below {RESCUE}")
        with shadow(self._git, self._places, record.slug, record.name) as view:
            tips = self._tips(view, record)
            changes = self._changes(view, record)
            made = self._save_changes(view, record, changes, tips) if changes else None
            if made is None and len(tips) > 1:
                made = self._commit(view, self._tree_of(view, view.head), tips, f"Rescue of {record.name}", None)
            kept = made or view.head
            if made is None and self._is_safe(record.slug, kept, collected=collected):
                return None
            self._mirrors.bring(record.slug, [kept], strict=False)
            self._mirrors.set_ref(record.slug, ref, kept)
            return kept

    def _save_changes(self, view: Shadow, record: Record, changes: Changes, tips: list[str]) -> str | None:
        """One commit of the workspace's files, or None when they turn out to be those of HEAD."""
        head_tree = self._tree_of(view, view.head)
        staged = self._git.run(["write-tree"], git_dir=view.git_dir, env=view.env, ok=(0, 128))
        left_out = self._stage(view, record, changes, nested=True)
        tree = self._tree(view)
        parents = list(tips)
        # During a conflict the index has no tree (status 128); its stages are commits that exist elsewhere.
        if staged.rc == 0 and staged.line not in (tree, head_tree):
            parents.append(self._commit(view, staged.line, [view.head], f"Staged in {record.name}", None))
        if tree == head_tree and len(parents) == 1:
            return None
        note = "".join(f"\nnot readable, left out: {path}" for path in left_out)
        return self._commit(view, tree, parents, f"Rescue of {record.name}\n{note}", None)

    def _tips(self, view: Shadow, record: Record) -> list[str]:
        """HEAD and every other commit that the workspace stands for and HEAD does not contain."""
        pool = self._places.pool(record.slug)
        tips = [view.head]
        for other in (
            read_branch(pool, record.branch),
            rebased_branch(self._places.admin(record.slug, record.name), pool),
        ):
            if other is None or other in tips:
                continue
            inside = self._git.run(
                ["merge-base", "--is-ancestor", other, view.head], git_dir=view.git_dir, env=view.env, ok=(0, 1)
            )
            if inside.rc == 1:
                tips.append(other)
        return tips

    def _is_safe(self, slug: str, sha: str, *, collected: bool) -> bool:
        """True when the mirror's refs reach the commit; `collected` ones do not count when asked for."""
        left_out = [f"--exclude={COLLECTED}*"] if collected else []
        unsafe = self._git.run(
            ["rev-list", "--max-count=1", sha, "--not", *left_out, "--glob=refs/"],
            git_dir=self._places.mirror(slug),
            env=self._mirrors.with_pool(slug),
        )
        return not unsafe.line

    def _changes(self, view: Shadow, record: Record) -> Changes:
        # What agents' tools hide in the pool's info/exclude is not theirs to publish either; as a list of patterns
        # it cannot run anything.
        exclude = self._places.pool(record.slug) / "info" / "exclude"
        hidden = ["-c", f"core.excludesFile={exclude}"] if exclude.is_file() and not exclude.is_symlink() else []
        fields = self._git.run(
            [*hidden, "status", "--porcelain=v1", "-z", "--no-renames", "--ignore-submodules=all", "-uall"],
            git_dir=view.git_dir,
            env=view.env,
            timeout_s=STATUS_S,
        ).out.split(b"\0")
        rows = [(row[:2].decode(), os.fsdecode(row[3:])) for row in fields if row]
        return Changes(
            paths=tuple(path for code, path in rows if code[1] not in " D" and not path.endswith("/")),
            deleted=tuple(path for code, path in rows if code[1] == "D"),
            nested=tuple(path for _, path in rows if path.endswith("/")),
            staged=any(code[0] not in " ?" for code, _ in rows),
        )

    def _stage(self, view: Shadow, record: Record, changes: Changes, *, nested: bool) -> list[str]:
        """Put the changes into the shadow's index. Returns paths that cannot be read."""
        root = self._places.workspace(record.name)
        taken = [path for path in changes.paths if _savable(root / path)]
        # What is gone is named as such: looking for it fails where its directory has become a link.
        for options, paths in (("--force-remove",), changes.deleted), (("--add", "--remove", "--replace"), taken):
            if paths:
                self._git.run(
                    ["update-index", "-z", *options, "--stdin"],
                    git_dir=view.git_dir,
                    env=view.env,
                    stdin=b"".join(os.fsencode(path) + b"\0" for path in paths),
                    timeout_s=STATUS_S,
                )
        if nested:
            self._stage_nested(view, root, changes.nested)
        return [path for path in changes.paths if path not in set(taken)]

    def _stage_nested(self, view: Shadow, root: Path, directories: tuple[str, ...]) -> None:
        """Add the files of repositories inside the workspace; git alone would save only a link to each repository."""
        rows: list[bytes] = []
        for directory in directories:
            for where, below, files in os.walk(root / directory):
                below[:] = [name for name in below if name != ".git"]
                for file in (Path(where) / name for name in files if name != ".git"):
                    if not stat.S_ISREG(file.lstat().st_mode) or not os.access(file, os.R_OK):
                        continue
                    with file.open("rb") as content:
                        blob = self._git.run(
                            ["hash-object", "-w", "--stdin"], git_dir=view.git_dir, env=view.env, stdin=content
                        ).line
                    rows.append(f"100644 {blob}\t".encode() + os.fsencode(file.relative_to(root)) + b"\0")
        if rows:
            self._git.run(
                ["update-index", "-z", "--add", "--replace", "--index-info"],
                git_dir=view.git_dir,
                env=view.env,
                stdin=b"".join(rows),
            )

    def _put_index(self, view: Shadow, admin: Path) -> None:
        """Give the workspace the index that matches its new commit, by git's own protocol: index.lock, then rename."""
        lock = admin / "index.lock"
        try:
            fd = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except FileExistsError:
            raise RepositoryBusy(f"{lock} exists: a git command is running in the workspace", retryable=True) from None
        with os.fdopen(fd, "wb") as out:
            out.write(view.index.read_bytes())
        lock.replace(admin / "index")

    def _tree(self, view: Shadow) -> str:
        return self._git.run(["write-tree"], git_dir=view.git_dir, env=view.env).line

    def _tree_of(self, view: Shadow, commit: str) -> str:
        return self._git.run(["rev-parse", "--verify", f"{commit}^{{tree}}"], git_dir=view.git_dir, env=view.env).line

    def _commit(self, view: Shadow, tree: str, parents: list[str], message: str, author: str | None) -> str:
        name, _, email = (author or IDENTITY).rstrip(">").partition(" <")
        return self._git.run(
            ["commit-tree", tree, *(part for parent in parents for part in ("-p", parent)), "-F", "-"],
            git_dir=view.git_dir,
            env={
                **view.env,
                "GIT_AUTHOR_NAME": name.strip() or "waggle",
                "GIT_AUTHOR_EMAIL": email.strip() or "waggle@localhost",
                "GIT_COMMITTER_NAME": "waggle",
                "GIT_COMMITTER_EMAIL": "waggle@localhost",
            },
            stdin=(message.rstrip() + "\n").encode("utf-8", "replace"),
        ).line


def _savable(path: Path) -> bool:
    """False for what git cannot store or we cannot read: pipes, sockets, devices, files without read permission."""
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return True
    return stat.S_ISLNK(mode) or (stat.S_ISREG(mode) and os.access(path, os.R_OK)) or stat.S_ISDIR(mode)


def _time_of(path: Path) -> float:
    """When it changed; 0 when it is not there."""
    try:
        return path.lstat().st_mtime
    except OSError:
        return 0.0
