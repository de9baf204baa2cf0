"""Lock files that a killed git left behind. git itself never removes them, and every later command would fail."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types

log = logging.getLogger(__name__)

#: A lock this young may be somebody's at work.
YOUNG_S = 5.0
#: An agent's git, which is not seen at work, holds no lock of the pool for so long.
AGENTS_S = 60.0


def of_mirror(mirror: Path) -> list[Path]:
    """Locks in a mirror. Only called by who holds the repository's own lock."""
    return [*mirror.glob("*.lock"), *(mirror / "refs").rglob("*.lock"), *(mirror / "objects" / "info").glob("*.lock")]


def of_pool(pool: Path) -> list[Path]:
    """Locks that stand in the way of showing the remote's branches to agents, who may hold one of them now."""
    locks = [*pool.glob("*.lock"), *(pool / "refs" / "remotes").rglob("*.lock")]
    return [lock for lock in locks if _age(lock) > AGENTS_S]


def of_workspace(pool: Path, admin: Path, branch: str) -> list[Path]:
    """Locks that stand in the way of a commit in a workspace whose agent has ended."""
    return [*admin.glob("*.lock"), pool / "packed-refs.lock", pool / "refs" / "heads" / f"{branch}.lock"]


def drop(locks: list[Path], git_dir: Path) -> None:
    """Remove locks that are not young, unless a git that outlived its parent still works on `git_dir`."""
    old = [lock for lock in locks if _age(lock) > YOUNG_S]
    if old and not _in_use(git_dir):
        for lock in old:
            log.warning("git: removed the lock %s that a killed git left behind", lock)
            lock.unlink(missing_ok=True)


def _age(lock: Path) -> float:
    try:
        return time.time() - lock.lstat().st_mtime
    except (FileNotFoundError, NotADirectoryError):
        return 0.0


def _in_use(git_dir: Path) -> bool:
    wanted = f"--git-dir={git_dir}"
    return any(wanted in (process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))
