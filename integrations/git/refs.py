"""Reads branches and HEAD of the pool from its files, without git.

git would read the pool's configuration first, which an agent can write; and a tick that looks at every running task
must not start a process for each. Only the files backend is read, which is what Waggle creates.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path

_SHA = re.compile(r"[0-9a-f]{40}")
_LARGEST = 64 * 1024 * 1024

#: Files and directories in a worktree's private directory that say what is unfinished there.
_UNFINISHED = ("rebase-merge", "rebase-apply", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "BISECT_LOG")


def read_branch(pool: Path, branch: str) -> str | None:
    """The commit of a branch in the pool, or None when there is no such branch."""
    return _read_ref(pool, f"refs/heads/{branch}")


def list_branches(pool: Path) -> dict[str, str]:
    """Every branch of the pool and its commit. What is no regular file with a commit in it is none."""
    found = {}
    for line in (_read_plain(pool / "packed-refs") or "").splitlines():
        sha, _, name = line.partition(" ")
        if name.startswith("refs/heads/") and _SHA.fullmatch(sha):
            found[name.removeprefix("refs/heads/")] = sha
    top = pool / "refs" / "heads"
    for folder, _, names in os.walk(top):
        for name in names:
            loose = (_read_plain(Path(folder) / name) or "").strip()
            if _SHA.fullmatch(loose) and not name.endswith(".lock"):
                found[(Path(folder) / name).relative_to(top).as_posix()] = loose
    return found


def read_head(admin: Path, pool: Path) -> tuple[str | None, str | None]:
    """(branch, commit) of a worktree: no branch when HEAD is detached, no commit when the branch is not born."""
    text = (_read_plain(admin / "HEAD") or "").strip()
    if text.startswith("ref: refs/heads/"):
        branch = text.removeprefix("ref: refs/heads/")
        return branch, read_branch(pool, branch)
    return None, text if _SHA.fullmatch(text) else None


def unfinished(admin: Path) -> bool:
    """True while a rebase, merge, cherry-pick, revert or bisect is under way in the worktree."""
    return any(os.path.lexists(admin / name) for name in _UNFINISHED)


def rebased_branch(admin: Path, pool: Path) -> str | None:
    """The commit that a rebase under way started from; its branch moves only when the rebase ends."""
    for state in ("rebase-merge", "rebase-apply"):
        name = (_read_plain(admin / state / "head-name") or "").strip()
        if name.startswith("refs/heads/"):
            return read_branch(pool, name.removeprefix("refs/heads/"))
    return None


def read_refs(git_dir: Path, prefix: str) -> dict[str, str]:
    """Every ref below `prefix`, by what follows it; symbolic ones are left out."""
    found: dict[str, str] = {}
    for line in (_read_plain(git_dir / "packed-refs") or "").splitlines():
        sha, _, name = line.partition(" ")
        if name.startswith(f"{prefix}/") and _SHA.fullmatch(sha):
            found[name.removeprefix(f"{prefix}/")] = sha
    for where, _, names in os.walk(git_dir / prefix):
        for name in names:
            sha = (_read_plain(Path(where) / name) or "").strip()
            if _SHA.fullmatch(sha):
                found[(Path(where) / name).relative_to(git_dir / prefix).as_posix()] = sha
    return found


def _read_ref(pool: Path, ref: str) -> str | None:
    if ".." in ref.split("/"):
        return None
    loose = (_read_plain(pool / ref) or "").strip()
    if _SHA.fullmatch(loose):
        return loose
    for line in (_read_plain(pool / "packed-refs") or "").splitlines():
        sha, _, name = line.partition(" ")
        if name == ref and _SHA.fullmatch(sha):
            return sha
    return None


def _read_plain(path: Path) -> str | None:
    """The text of a regular file. Anything else in its place is no file: an agent could block us on a pipe."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as refused:
        if refused.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO):
            return None
        raise
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST:
            return None
        with os.fdopen(os.dup(fd), "rb") as opened:
            return opened.read().decode("utf-8", "replace")
    finally:
        os.close(fd)
