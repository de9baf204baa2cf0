"""Looking at processes through /proc: who lives, who descends from whom, who wears a run's marker; and killing trees.

Standard library only, and no more of it than needed: the runner imports this by path.
"""

from __future__ import annotations

import os
import signal
import time

TYPE_CHECKING = False  # known to type checkers; the runner does without these imports
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

_PAGE = os.sysconf("SC_PAGE_SIZE")
_CLOCK_TICK = os.sysconf("SC_CLK_TCK")
_PPID, _UTIME, _CUTIME_END, _STARTED, _RSS = 1, 11, 15, 19, 21  #: places in /proc/PID/stat behind the name
_GONE_S = 10.0  #: how long killed processes may take to vanish; only a stuck disk or driver holds one longer
_AFRESH = 20  #: so often a look trusts what it knows of strangers, before it looks at every process again


class Usage:
    """What a tree of processes uses now: `rss` in bytes, `cpu_s` in seconds since each of them started."""

    __slots__ = ("cpu_s", "pids", "rss")

    def __init__(self, pids: list[int], rss: int, cpu_s: float) -> None:
        self.pids, self.rss, self.cpu_s = pids, rss, cpu_s


class Tree:
    """Everything below one process, looked at again and again.

    A process that once was not below `root` never comes to be (orphans fall to an ancestor), so strangers are
    remembered and not read again; every so often all are read, since process ids come round.
    """

    def __init__(self, root: int) -> None:
        self._root = root
        self._strangers: set[int] = set()
        self._looks = 0

    def look(self, inside: Collection[int] = ()) -> Usage:
        """What it uses now.

        Parameters:
            inside: who is below it, where a control group lists them, so that the others need not be read. Now and
                then all are read nevertheless: one can leave its group.
        """
        self._looks += 1
        afresh = self._looks % _AFRESH == 0
        if inside and not afresh:
            stats = {pid: fields for pid in (self._root, *inside) if (fields := stat_of(pid))}
            return self._sum(stats, [pid for pid in inside if pid in stats])
        if afresh:
            self._strangers.clear()
        living = set(_pids())
        self._strangers &= living
        stats = {pid: fields for pid in living - self._strangers if (fields := stat_of(pid))}
        below: dict[int, list[int]] = {}
        for pid, fields in stats.items():
            below.setdefault(int(fields[_PPID]), []).append(pid)
        tree = _closure([self._root], below, stop=-1)
        # One whose parent vanished while we looked is neither here nor there, and is read again next time.
        self._strangers.update(_closure([0, *self._strangers], below, stop=self._root))
        return self._sum(stats, tree)

    def _sum(self, stats: dict[int, list[str]], tree: list[int]) -> Usage:
        own = [stats[pid] for pid in tree]
        cpu = sum(int(one) for fields in own for one in fields[_UTIME:_CUTIME_END])
        if self._root in stats:
            cpu += sum(int(one) for one in stats[self._root][_UTIME + 2 : _CUTIME_END])
        return Usage(tree, sum(int(fields[_RSS]) for fields in own) * _PAGE, cpu / _CLOCK_TICK)


def descendants(root: int) -> list[int]:
    """Every living process below `root`, from one pass over /proc."""
    below: dict[int, list[int]] = {}
    for pid in _pids():
        fields = stat_of(pid)
        if fields:
            below.setdefault(int(fields[_PPID]), []).append(pid)
    return [pid for pid in _closure([root], below, stop=-1) if not is_zombie(pid)]


def _closure(roots: Iterable[int], below: dict[int, list[int]], stop: int) -> list[int]:
    """What hangs below `roots`, without `stop` and what hangs below that."""
    found: list[int] = []
    todo = list(roots)
    while todo:
        more = [pid for pid in below.get(todo.pop(), ()) if pid != stop]
        found += more
        todo += more
    return found


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def stat_of(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the command's name (which may hold spaces and brackets); none: it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().decode(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def share_of_memory(pids: Iterable[int]) -> int | None:
    """Bytes that processes hold, what several of them share counted once; None where the kernel does not tell."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith(b"Pss:")) * 1024
        except (FileNotFoundError, ProcessLookupError):
            continue  # it is gone
        except OSError:
            return None
    return total


def io_of(pid: int) -> int:
    """Bytes that a process, and what it collected, have read and written, pipes included; 0 when it does not say."""
    try:
        with open(f"/proc/{pid}/io", "rb") as file:
            fields = file.read().split()
        return int(fields[1]) + int(fields[3])
    except (OSError, ValueError, IndexError):
        return 0


def name_of(pid: int) -> str:
    """The name of a process's program, at most 15 characters of it; empty: it is gone."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def start_ticks(pid: int) -> int:
    """Start time of a process in clock ticks since boot; with the pid it names a process for good. 0: it is gone."""
    fields = stat_of(pid)
    return int(fields[_STARTED]) if fields else 0


def is_zombie(pid: int) -> bool:
    """Whether a process has ended, collected or not."""
    fields = stat_of(pid)
    return not fields or fields[0] in "ZX"


def wearing(marks: Collection[str]) -> list[int]:
    """Living processes, but this one, whose environment holds all of `marks` (`NAME=value`). No marks, no processes.

    Those that may not be looked at are passed over: /proc/1/environ can be closed even to root.
    """
    if not marks:
        return []
    wanted = {mark.encode() for mark in marks}
    found = []
    for pid in _pids():
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                worn = wanted <= set(file.read().split(b"\0"))
        except OSError:
            continue
        if worn and pid != os.getpid() and not is_zombie(pid):
            found.append(pid)
    return found


def signal_each(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to each, but for those that are gone already, or run as another user (a setuid program)."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def kill_all(find: Callable[[], list[int]]) -> set[int]:
    """Kill what `find` finds until it finds nothing more; which ones there were.

    They are frozen first, until no new ones turn up: one that forks faster than it is looked for is caught so.
    A process on its way out may already look like nobody's; it counts until it is gone.
    """
    seen: dict[int, int] = {}
    until = time.monotonic() + _GONE_S
    while time.monotonic() < until:
        left = find()
        if not left and all(is_zombie(pid) or start_ticks(pid) != ticks for pid, ticks in seen.items()):
            break
        new = [pid for pid in left if pid not in seen]
        seen.update((pid, start_ticks(pid)) for pid in new)
        if new:
            signal_each(new, signal.SIGSTOP)
            continue
        signal_each(left, signal.SIGKILL)
        time.sleep(0.002)
    return set(seen)
