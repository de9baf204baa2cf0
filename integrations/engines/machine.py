"""What the machine has left for agents: memory, disk, processors.

Inside a container that is what its own limits leave, however large the machine around it is.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePosixPath

import psutil  # type: ignore[import-untyped]  # it ships no stubs

_ROOT, _OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def free_memory(root: Path = _ROOT, own: Path = _OWN) -> int:
    """Bytes that new processes can take without anybody's harm.

    Parameters:
        root, own: where control groups are, and where this process is in them.
    """
    left = _left_in_groups(root, own)
    available = int(psutil.virtual_memory().available)
    return available if left is None else min(available, left)


def free_disk(path: Path) -> int:
    """Bytes that may still be written below `path`."""
    return shutil.disk_usage(path).free


def load_per_core() -> float:
    """Processes that ran or wanted to run, over the last minute, for each processor that this process may use."""
    return os.getloadavg()[0] / max(len(os.sched_getaffinity(0)), 1)


def _left_in_groups(root: Path, own: Path) -> int | None:
    """What the tightest limit on a group that this process is in leaves; None where there is no limit."""
    left: list[int] = []
    for line in _text(own).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, names = root, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            base, names = root / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        # In a container the tree often begins at its own group, so that the path is not to be found below it.
        inside = PurePosixPath(path.lstrip("/"))
        for group in (base / inside, *((base / inside).parents)[: len(inside.parts)]):
            limit, used = _text(group / names[0]).strip(), _text(group / names[1]).strip()
            if limit.isdigit() and used.isdigit():
                rows = (row.split() for row in _text(group / "memory.stat").splitlines())
                idle = sum(int(row[1]) for row in rows if row[:1] == [names[2]])
                left.append(max(int(limit) - int(used) + idle, 0))
    return min(left, default=None)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
