"""Looking at processes: who lives, by pid and start time; who wears a run's marker; what a tree has used."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from integrations.engines.runner import _stat, descendants, is_zombie, start_ticks

__all__ = ["cpu_of_tree", "descendants", "kill_marked", "marked", "start_ticks"]

_TICK = os.sysconf("SC_CLK_TCK")
_GONE_S = 10.0


def cpu_of_tree(root: int) -> float:
    """CPU seconds of a process and everything below it."""
    total = 0
    for pid in (root, *descendants(root)):
        fields = _stat(pid)
        if len(fields) > 12:
            total += int(fields[11]) + int(fields[12])
    return total / _TICK


def marked(marker: str, name: str) -> list[int]:
    """Processes whose environment carries `marker=name`. Those that may not be looked at are passed over."""
    wanted = f"{marker}={name}".encode()
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        with suppress(OSError):
            if wanted in Path(f"/proc/{entry}/environ").read_bytes().split(b"\0") and not is_zombie(int(entry)):
                found.append(int(entry))
    return found


def kill_marked(marker: str, name: str) -> int:
    """Kill every process that wears the marker, until none is left; how many there were."""
    seen: set[int] = set()
    until = time.monotonic() + _GONE_S
    while time.monotonic() < until:
        left = marked(marker, name)
        if not left:
            break
        seen.update(left)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
    return len(seen)
