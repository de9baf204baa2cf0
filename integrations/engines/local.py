"""The engine of one machine: each run in a directory of its own, owned by a detached runner.

RUN_DIR holds spec.json, prompt, lock, state.json, events.jsonl, stderr.log, grace and exit.json. What these files and
the lock say is the truth; nothing is remembered in memory, so a restarted Waggle knows as much as the one before.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from integrations.engines import (
    Chunk,
    CommandResult,
    EngineError,
    RunExit,
    RunSpec,
    RunState,
    RunView,
)
from integrations.engines.processes import cpu_of_tree, kill_marked, start_ticks
from integrations.engines.runner import write_json

MARKER = "WAGGLE_RUN"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,80}")
_RUNNER = Path(__file__).with_name("runner.py")
_SEEN_S = 10.0
_CHUNK = 4 * 2**20
_TAIL = 16_000


class LocalEngine:
    """Runs things on this machine.

    Parameters:
        runs_dir: directory of the run directories.
        clock: seconds since the epoch.
    """

    def __init__(self, runs_dir: Path, clock: Callable[[], float] = time.time) -> None:
        if sys.platform != "linux":
            raise EngineError(
                "the local engine needs Linux",
                user_message="Agents run on Linux only: start Waggle in a Linux machine or container.",
            )
        runs_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._runs = runs_dir
        self._clock = clock
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, spec: RunSpec) -> RunView:
        """Start a run, or adopt the live one of that name.

        Raises:
            EngineError: the name is unusable or was used by a run that is over, or no process could be made.
        """
        run = self._dir(spec.name)
        view = self.find(spec.name)
        if view.state is RunState.RUNNING:
            return view
        if view.state in {RunState.ENDED, RunState.LOST}:
            raise EngineError(f"the run {spec.name} is over; a name runs once")
        run.mkdir(mode=0o700, exist_ok=True)
        (run / "prompt").write_bytes(spec.stdin)
        (run / "prompt").chmod(0o600)
        write_json(
            str(run / "spec.json"),
            {
                "argv": list(spec.argv),
                "cwd": str(spec.cwd),
                "deadline_s": spec.deadline_s,
                "grace_s": spec.grace_s,
                "max_output_bytes": spec.max_output_bytes,
            },
        )
        (run / "spec.json").chmod(0o600)
        self._reap()
        with (run / "runner.log").open("ab") as log:
            try:
                self._children[spec.name] = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(_RUNNER), str(run)],
                    env={**spec.env, MARKER: spec.name},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    start_new_session=True,
                    close_fds=True,
                    cwd=run,
                )
            except OSError as problem:
                raise EngineError(f"no process could be started: {problem}", retryable=True) from problem
        return self._until_seen(spec.name)

    def _until_seen(self, name: str) -> RunView:
        until = time.monotonic() + _SEEN_S
        while True:
            view = self.find(name)
            if view.state in {RunState.RUNNING, RunState.ENDED} or time.monotonic() > until:
                return view
            child = self._children.get(name)
            if view.state is RunState.LOST or (child is not None and child.poll() not in {None, 0, 75, 76}):
                log = (self._dir(name) / "runner.log").read_text(errors="replace")[-500:]
                raise EngineError(f"the runner of {name} died at once: {log}")
            time.sleep(0.005)

    def find(self, name: str) -> RunView:
        """What is known of the run `name` now."""
        run = self._dir(name)
        if not run.is_dir():
            return RunView(name, RunState.ABSENT)
        state = _read_json(run / "state.json")
        pid = int(state["pid"]) if state else None
        events = run / "events.jsonl"
        size, touched = _size_and_time(events)
        _, complained = _size_and_time(run / "stderr.log")
        seen = RunView(
            name,
            RunState.STARTING,
            pid=pid,
            started_at=float(state["started"]) if state else None,
            event_bytes=size,
            last_output_at=max((one for one in (touched, complained) if one is not None), default=None),
        )
        held = _is_held(run / "lock")
        ended = _read_json(run / "exit.json")
        if ended is not None:
            exit_ = RunExit(ended["rc"], ended["why"], ended["ended"], ended["peak_rss"], ended["strays"])
            return replace(seen, state=RunState.ENDED, exit=exit_)
        if pid is None:
            return seen
        if held:
            return replace(seen, state=RunState.RUNNING, cpu_s=cpu_of_tree(pid))
        if (run / "exit.json").exists():
            return self.find(name)  # it ended between the two looks
        return replace(seen, state=RunState.LOST)

    def list(self) -> list[RunView]:
        """Every run that has a directory."""
        return [self.find(one.name) for one in sorted(self._runs.iterdir()) if _NAME.fullmatch(one.name)]

    def stop(self, name: str, grace_s: float) -> RunView:
        """Stop a run and return when its whole process tree is gone. A second stop is a no-op."""
        run = self._dir(name)
        view = self.find(name)
        if view.state is RunState.ABSENT:
            return view
        until = time.monotonic() + grace_s + _SEEN_S
        if view.state is RunState.RUNNING and view.pid is not None:
            (run / "grace").write_text(str(grace_s))
            ticks = (_read_json(run / "state.json") or {}).get("ticks")
            if start_ticks(view.pid) == ticks:
                with suppress(ProcessLookupError):
                    os.kill(view.pid, signal.SIGTERM)
        while self.find(name).state is RunState.RUNNING and time.monotonic() < until:
            time.sleep(0.01)
        if self.find(name).state is RunState.RUNNING and view.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(view.pid, signal.SIGKILL)
        kill_marked(MARKER, name)
        self._reap()
        final = self.find(name)
        if final.state in {RunState.LOST, RunState.STARTING}:
            write_json(
                str(run / "exit.json"),
                {"rc": None, "why": "stopped", "ended": self._clock(), "peak_rss": 0, "strays": 0},
            )
            final = self.find(name)
        return final

    def read_events(self, name: str, offset: int) -> Chunk:
        """Whole lines of the event log from `offset` bytes on, at most 4 MiB at a time."""
        try:
            with (self._dir(name) / "events.jsonl").open("rb") as file:
                file.seek(offset)
                data = file.read(_CHUNK)
        except FileNotFoundError:
            return Chunk((), offset)
        end = data.rfind(b"\n") + 1
        if end == 0:
            # One line longer than a chunk can never be an event; it is stepped over.
            return Chunk((), offset + len(data) if len(data) == _CHUNK else offset)
        return Chunk(tuple(data[:end].decode(errors="replace").splitlines()), offset + end)

    def stderr_tail(self, name: str, limit: int = 4000) -> str:
        """The last characters that the run wrote to standard error."""
        return _tail(self._dir(name) / "stderr.log", limit)

    def send(self, name: str, line: bytes) -> None:
        """Live input; this engine's runs read their input from a file."""
        raise EngineError(f"the run {name} takes no input while it runs")

    def remove(self, name: str) -> None:
        """Delete the directory of a run that is over.

        Raises:
            EngineError: it is still running.
        """
        if self.find(name).state is RunState.RUNNING:
            raise EngineError(f"the run {name} is still running; stop it first")
        shutil.rmtree(self._dir(name), ignore_errors=True)

    def run(self, spec: RunSpec) -> CommandResult:
        """Run a command to its end."""
        began = time.monotonic()
        self.start(spec)
        until = began + (spec.deadline_s or 3600.0) + spec.grace_s + _SEEN_S
        view = self.find(spec.name)
        while view.state in {RunState.RUNNING, RunState.STARTING} and time.monotonic() < until:
            time.sleep(0.02)
            view = self.find(spec.name)
        if view.exit is None:
            view = self.stop(spec.name, spec.grace_s)
        run = self._dir(spec.name)
        output = _tail(run / "events.jsonl", _TAIL) + _tail(run / "stderr.log", _TAIL)
        self._reap()
        rc = view.exit.rc if view.exit else None
        return CommandResult(rc, view.exit.why if view.exit else "lost", output, time.monotonic() - began)

    def _dir(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise EngineError(f"{name!r} is not a usable name for a run")
        return self._runs / name

    def _reap(self) -> None:
        """Collect runners that ended, so that none stays a zombie of this process."""
        for name, child in list(self._children.items()):
            if child.poll() is not None:
                del self._children[name]


def _is_held(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        value: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return value


def _size_and_time(path: Path) -> tuple[int, float | None]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, None
    return found.st_size, found.st_mtime


def _tail(path: Path, limit: int) -> str:
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(file.tell() - limit, 0))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
