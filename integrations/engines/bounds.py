"""Control groups: memory and processes of a run bounded by the kernel, and its whole tree known by one name.

A group lies below the one that Waggle itself is in, so that limits on Waggle bound its agents too. Where none can be
made, the runner's watchdog is all there is. Standard library only; the runner imports it by path.
"""
# ruff: noqa: PTH102, PTH106, PTH110, PTH112, PTH119, PTH120, PTH123 - importing pathlib would double the runner's start-up time

from __future__ import annotations

import os
import time
from binascii import crc32

TYPE_CHECKING = False  # known to type checkers; the runner does without these imports
if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = "/sys/fs/cgroup"
_KINDS_V1 = ("memory", "pids")
#: a process that goes over the count is seen and stopped by the watchdog; the kernel only holds back what is quicker.
#: Threads count here, and node alone has a dozen.
_TASKS_FOR_EACH = 16
_GONE_S = 2.0


class Bounds:
    """The control groups of one run.

    Attributes:
        kind: `cgroup v1`, `cgroup v2`, or `watchdog` when there are none.
        memory: whether the kernel bounds the memory.
    """

    def __init__(self, kind: str, groups: dict[str, str]) -> None:
        self.kind = kind
        self.groups = groups  #: by controller, in v2 one for both
        self.memory = "memory" in groups

    def enter(self) -> None:
        """Put this process, and all that it starts, inside. One that cannot be entered is done without."""
        for group in set(self.groups.values()):
            _write(f"{group}/cgroup.procs", str(os.getpid()))

    def pids(self) -> list[int]:
        """Everybody inside, whatever their environment says and whoever their parents are."""
        found: set[int] = set()
        for group in self.groups.values():
            found.update(int(line) for line in _read(f"{group}/cgroup.procs").split())
        return sorted(found)

    def hold(self) -> None:
        """Let nobody inside start another process: who is to be killed cannot grow meanwhile."""
        if "pids" in self.groups:
            _write(f"{self.groups['pids']}/pids.max", "0")

    def used(self) -> int | None:
        """Bytes of memory that belong to the processes inside, without the files that the kernel keeps at hand."""
        if not self.memory:
            return None
        wanted = {"total_rss", "total_shmem"} if self.kind == "cgroup v1" else {"anon", "shmem"}
        rows = (line.split() for line in _read(f"{self.groups['memory']}/memory.stat").splitlines())
        values = [int(row[1]) for row in rows if len(row) == 2 and row[0] in wanted]
        return sum(values) if values else None

    def peak(self) -> int:
        """The most bytes that were ever in use at once, with what the kernel kept at hand; 0 when nobody counted."""
        if not self.memory:
            return 0
        name = "memory.max_usage_in_bytes" if self.kind == "cgroup v1" else "memory.peak"
        said = _read(f"{self.groups['memory']}/{name}").strip()
        return int(said) if said.isdigit() else 0

    def killed_for_memory(self) -> bool:
        """Whether the kernel killed somebody inside for want of memory."""
        if not self.memory:
            return False
        name = "memory.oom_control" if self.kind == "cgroup v1" else "memory.events"
        rows = (line.split() for line in _read(f"{self.groups['memory']}/{name}").splitlines())
        return any(int(row[1]) > 0 for row in rows if len(row) == 2 and row[0] == "oom_kill")

    def remove(self) -> None:
        """Take the groups away; everybody inside must be gone."""
        until = time.monotonic() + _GONE_S
        for group in set(self.groups.values()):
            while True:
                try:
                    os.rmdir(group)
                except FileNotFoundError:
                    break
                except OSError:
                    if time.monotonic() > until:
                        break
                    time.sleep(0.005)  # one that ended a moment ago still counts
                else:
                    break


def name_for(run_dir: str) -> str:
    """A run's name is unique only within one Waggle home; the directory is everywhere."""
    return f"waggle-{os.path.basename(run_dir)}-{crc32(run_dir.encode()):08x}"


def make(
    run_dir: str, memory: float | None, processes: float, root: str = ROOT, own: str = "/proc/self/cgroup"
) -> Bounds:
    """The groups of a run, made or found.

    Parameters:
        memory: bytes; more than this and the kernel kills inside. None: not bounded.
        root, own: where control groups are, and where this process is in them.
    """
    name = name_for(run_dir)
    for kind, groups in _places(name, root, own):
        made: dict[str, str] = {}
        for controller, group in groups.items():
            if controller == "memory" and memory is None:
                continue
            if kind == "cgroup v2":
                _write(f"{os.path.dirname(group)}/cgroup.subtree_control", f"+{controller}")
            try:
                os.mkdir(group)
            except FileExistsError:
                pass
            except OSError:
                continue
            limit = int(memory or 0) if controller == "memory" else int(processes) * _TASKS_FOR_EACH
            if _limit(kind, controller, group, limit):
                made[controller] = group
            elif group not in made.values():
                os.rmdir(group)
        if made:
            return Bounds(kind, made)
    return Bounds("watchdog", {})


def find(run_dir: str, root: str = ROOT, own: str = "/proc/self/cgroup") -> Bounds:
    """The groups that a run left behind, also from an earlier life of Waggle in another place of the tree."""
    name = name_for(run_dir)
    for kind, groups in _places(name, root, own):
        there = {controller: group for controller, group in groups.items() if os.path.isdir(group)}
        if there:
            return Bounds(kind, there)
    return Bounds("watchdog", {})


def _places(name: str, root: str, own: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Where the groups of a run can be: kind, and a directory for each controller."""
    rows = [line.split(":", 2) for line in _read(own).splitlines() if line.count(":") >= 2]
    mine = {controller: path for _, controllers, path in rows for controller in controllers.split(",")}
    if "" in mine and os.path.exists(f"{root}/cgroup.controllers"):
        here = f"{root}{mine['']}".rstrip("/")
        # No group that holds processes itself may share out memory, so the next one up is tried as well.
        for parent in (here, os.path.dirname(here)):
            if len(parent) >= len(root):
                yield "cgroup v2", dict.fromkeys(("memory", "pids"), f"{parent}/{name}")
    v1 = {kind: f"{_mounted(root, kind, mine[kind])}/{name}" for kind in _KINDS_V1 if kind in mine}
    if v1:
        yield "cgroup v1", v1


def _mounted(root: str, kind: str, path: str) -> str:
    """Where a group is to be seen: in a container, the tree often begins at its own."""
    whole = f"{root}/{kind}{path}".rstrip("/")
    return whole if os.path.isdir(whole) else f"{root}/{kind}"


def _limit(kind: str, controller: str, group: str, limit: int) -> bool:
    """Set a limit; False when the kernel does not bound this here."""
    if controller == "pids":
        return _write(f"{group}/pids.max", str(limit))
    if kind == "cgroup v2":
        if not _write(f"{group}/memory.max", str(limit)):
            return False
        _write(f"{group}/memory.swap.max", "0")
        return True
    if not _write(f"{group}/memory.limit_in_bytes", str(limit)):
        return False
    _write(f"{group}/memory.memsw.limit_in_bytes", str(limit))  # not there where swap is not counted
    return True


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _write(path: str, value: str) -> bool:
    """Write into a control file, which must be there: in an ordinary directory nothing is bounded."""
    try:
        descriptor = os.open(path, os.O_WRONLY)
    except OSError:
        return False
    try:
        os.write(descriptor, value.encode())
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
