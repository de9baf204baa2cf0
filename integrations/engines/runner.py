"""The detached runner: one small process that owns one run from its first to its last moment.

Started as `python -I -S runner.py RUN_DIR` in a session of its own, with the run's environment as its own (so that
no secret of it ever stands in a file or in an argument). Standard library only: it starts in milliseconds and
weighs little beside an agent. It holds an exclusive lock on RUN_DIR/lock for life, which is how others know that it
lives; it adopts whatever the agent leaves behind, kills it, and writes RUN_DIR/exit.json as its last act.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from types import FrameType

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_SAMPLE_S = 0.2
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Run:
    """One run. `spec` is RUN_DIR/spec.json: argv, cwd, deadline_s, grace_s, max_output_bytes."""

    def __init__(self, run_dir: str, spec: dict[str, object]) -> None:
        self._dir = run_dir
        self._spec = spec
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._why = "exited"
        self._peak = 0
        self._strays = 0
        self._term_at = 0.0

    def go(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._asked)
        child = self._start()
        if child is None:
            return
        state = {"pid": os.getpid(), "ticks": start_ticks(os.getpid()), "child": child.pid, "started": time.time()}
        write_json(self._path("state.json"), state)
        rc = self._watch(child)
        self._reap_strays()
        self._end(rc)

    def _path(self, name: str) -> str:
        return f"{self._dir}/{name}"

    def _asked(self, _number: int, _frame: FrameType | None) -> None:
        self._why = "stopped"

    def _start(self) -> subprocess.Popen[bytes] | None:
        argv = [str(part) for part in _list(self._spec["argv"])]
        with (
            open(self._path("prompt"), "rb") as stdin,
            open(self._path("events.jsonl"), "ab") as out,
            open(self._path("stderr.log"), "ab") as err,
        ):
            try:
                return subprocess.Popen(
                    argv,
                    cwd=str(self._spec["cwd"]),
                    stdin=stdin,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                    close_fds=True,
                    preexec_fn=self._die_with_runner,
                )
            except OSError as problem:
                err.write(f"{argv[0]}: {problem.strerror or problem}\n".encode())
        self._end(126 if os.path.exists(argv[0]) else 127)
        return None

    def _die_with_runner(self) -> None:
        self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    def _watch(self, child: subprocess.Popen[bytes]) -> int | None:
        deadline = time.monotonic() + _float(self._spec.get("deadline_s"), 10.0**9)
        grace = _float(self._spec.get("grace_s"), 10.0)
        most = int(_float(self._spec.get("max_output_bytes"), 2.0**40))
        while True:
            try:
                return child.wait(timeout=_SAMPLE_S)
            except subprocess.TimeoutExpired:
                pass
            now = time.monotonic()
            self._peak = max(self._peak, sum(rss_of(pid) for pid in descendants(os.getpid())))
            if self._why == "exited":
                if now > deadline:
                    self._why = "timeout"
                elif self._written() > most:
                    self._why = "output"
            if self._why != "exited":
                if not self._term_at:
                    self._term_at = now
                    self._grace_file(grace)
                    self._signal_tree(signal.SIGTERM)
                elif now - self._term_at > self._grace_file(grace) or self._why == "output":
                    self._signal_tree(signal.SIGKILL)

    def _grace_file(self, default: float) -> float:
        """How long to wait between TERM and KILL: who asked for the stop may have written it down."""
        try:
            with open(self._path("grace")) as file:
                return float(file.read())
        except (OSError, ValueError):
            return default

    def _written(self) -> int:
        return sum(os.path.getsize(self._path(name)) for name in ("events.jsonl", "stderr.log"))

    def _signal_tree(self, number: signal.Signals) -> None:
        for pid in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _reap_strays(self) -> None:
        """Kill what outlived the agent: its own sessions and daemons hang on this process as their reaper."""
        until = time.monotonic() + 10.0
        seen: set[int] = set()
        while time.monotonic() < until:
            left = [pid for pid in descendants(os.getpid()) if not is_zombie(pid)]
            seen.update(left)
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            if not left:
                break
            time.sleep(0.01)
        self._strays = len(seen)

    def _end(self, rc: int | None) -> None:
        record = {"rc": rc, "why": self._why, "ended": time.time(), "peak_rss": self._peak, "strays": self._strays}
        write_json(self._path("exit.json"), record)


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ValueError("argv must be a list")
    return value


def _float(value: object, default: float) -> float:
    return default if value is None else float(str(value))


def write_json(path: str, value: Mapping[str, object]) -> None:
    """Write a file that is either there whole or not at all, also after a power cut."""
    with open(f"{path}.new", "w") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.new", path)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the command name, which may hold spaces and brackets."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().decode(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def start_ticks(pid: int) -> int:
    """Start time of a process in clock ticks since boot; with the pid it names a process for good. 0: gone."""
    fields = _stat(pid)
    return int(fields[19]) if len(fields) > 19 else 0


def is_zombie(pid: int) -> bool:
    fields = _stat(pid)
    return not fields or fields[0] in "ZX"


def rss_of(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[21]) * _PAGE if len(fields) > 21 else 0


def descendants(root: int) -> list[int]:
    """Every process below `root`, from one pass over /proc."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = _stat(int(name))
            if len(fields) > 1:
                children.setdefault(int(fields[1]), []).append(int(name))
    found: list[int] = []
    todo = [root]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def main(run_dir: str) -> int:
    os.umask(0o077)
    lock = os.open(f"{run_dir}/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 75  # another runner owns this run
    if os.path.exists(f"{run_dir}/state.json") or os.path.exists(f"{run_dir}/exit.json"):
        return 76  # it was started before; a name runs once
    with open(f"{run_dir}/spec.json") as file:
        spec = json.load(file)
    Run(run_dir, spec).go()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
