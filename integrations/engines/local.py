"""The engine of one machine: each run in a directory of its own, owned by a detached runner.

Nothing is remembered in memory, so a restarted Waggle knows as much as the one before, and several may ask at once.
"""

from __future__ import annotations

import errno
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

from integrations import spawned
from integrations.engines import Chunk, CommandResult, EngineError, RunSpec, RunState, RunView, bounds, docker_cli
from integrations.engines.processes import is_zombie, kill_all, start_ticks, wearing
from integrations.engines.records import write_json
from integrations.engines.run_files import RunFiles

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,80}")
_RUNNER = Path(__file__).with_name("runner.py")
_SEEN_S = 10.0  #: how long a runner may take to show itself, or to go
_SEND_S = 5.0
_LOOK_S = 0.005
_TAIL = 16_000
_DEFAULT_RUN_S = 3600.0


class LocalEngine:
    """Runs things on this machine.

    Parameters:
        runs_dir: directory of the run directories; made when it is not there.
        clock: seconds since the epoch.

    Raises:
        EngineError: this system is not Linux.
    """

    def __init__(self, runs_dir: Path, clock: Callable[[], float] = time.time) -> None:
        if sys.platform != "linux":
            raise EngineError(
                f"the local engine needs Linux, this is {sys.platform}",
                user_message="Agents run on Linux only. Start Waggle in a Linux virtual machine or container.",
            )
        runs_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._runs = runs_dir.resolve()
        self._clock = clock
        self._runners: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, spec: RunSpec) -> RunView:
        """Start a run, or adopt the live one of that name. May be repeated after a crash at any point of it.

        Raises:
            EngineError: the name is unusable or its run is over, or no process could be made.
        """
        files = self._files(spec.name)
        if not spec.argv:
            raise EngineError(f"the run {spec.name} has no command")
        if files.view().exit is not None:
            raise EngineError(f"the run {spec.name} is over; a name runs once")
        self._delete_removed()
        files.path.mkdir(mode=0o700, exist_ok=True)
        until = time.monotonic() + _SEEN_S
        while True:
            with files.locked() as lock:
                if lock is not None:
                    self._launch(files, spec, lock)
                    break
            view = files.view()
            if view.state in {RunState.RUNNING, RunState.ENDED}:
                return view
            if time.monotonic() > until:
                raise EngineError(f"the run {spec.name} is held by somebody who does not start it", retryable=True)
            time.sleep(_LOOK_S)
        return self._until_seen(files)

    def _launch(self, files: RunFiles, spec: RunSpec, lock: int) -> None:
        """Start the runner, which inherits the lock: at no moment could somebody else take it for free."""
        if files.view().exit is not None or files.runner() is not None:
            raise EngineError(f"the run {spec.name} is over; a name runs once")
        try:
            files.write_spec(spec)
            with files.append("runner.log") as log:
                spawned.note()
                self._runners[spec.name] = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(_RUNNER), str(files.path), str(lock)],
                    env={**spec.env, **files.markers},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    start_new_session=True,
                    pass_fds=(lock,),
                    cwd=files.path,
                )
        except OSError as problem:
            raise EngineError(
                f"the run {spec.name} could not be started: {problem}",
                retryable=problem.errno in {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC},
            ) from problem

    def _until_seen(self, files: RunFiles) -> RunView:
        until = time.monotonic() + _SEEN_S
        while True:
            view = files.view()
            if view.state is not RunState.STARTING:
                return view
            runner = self._runners.get(files.name)
            if time.monotonic() > until or (runner is not None and runner.poll() not in {None, 0}):
                raise EngineError(f"the runner of {files.name} did not come up: {files.tail('runner.log', 500)}")
            time.sleep(_LOOK_S)

    def find(self, name: str) -> RunView:
        """What is known of the run `name` now."""
        self._reap()
        return self._files(name).view()

    def list(self) -> list[RunView]:
        """Every run that has a directory, by name."""
        self._reap()
        return [self._files(one.name).view() for one in sorted(self._runs.iterdir()) if _NAME.fullmatch(one.name)]

    def stop(self, name: str, grace_s: float) -> RunView:
        """End a run and come back when its whole process tree is gone.

        A lost run is cleared: what lives of it is killed, and it is recorded as ended with why="lost". One that was
        never started is recorded as stopped, so that it never will be.

        Parameters:
            grace_s: seconds in which its processes may end by themselves; then they are killed.
        """
        files = self._files(name)
        view = files.view()
        if view.state in {RunState.ABSENT, RunState.ENDED}:
            return view
        why = "lost" if view.state is RunState.LOST else "stopped"
        began = time.monotonic()
        asked = hard = False
        while True:
            with files.locked() as lock:
                if lock is not None:
                    self._clear(files, why)
                    break
            if not files.path.is_dir():
                return files.view()
            if not asked:
                asked = self._ask(files, grace_s)
            if not hard and time.monotonic() - began > grace_s + _SEEN_S:
                hard = self._signal_runner(files, signal.SIGKILL)  # its agent dies with it
            if time.monotonic() - began > grace_s + 2 * _SEEN_S:
                raise EngineError(f"the run {name} could not be stopped", retryable=True)
            time.sleep(_LOOK_S)
        self._reap()
        return files.view()

    def freeze(self, name: str) -> None:
        """Stop every process of a run where it stands, until `thaw`; its deadline stands still too.

        It stays so through a restart of Waggle. A run that is over stays over.
        """
        files = self._files(name)
        if files.path.is_dir() and files.view().exit is None:
            files.append("frozen").close()
            self._signal_runner(files, signal.SIGUSR1)

    def thaw(self, name: str) -> None:
        """Let a frozen run go on from where it stood."""
        files = self._files(name)
        (files.path / "frozen").unlink(missing_ok=True)
        self._signal_runner(files, signal.SIGUSR1)

    def _ask(self, files: RunFiles, grace_s: float) -> bool:
        write_json(files.file("grace.json"), {"grace_s": grace_s}, durable=False)
        return self._signal_runner(files, signal.SIGTERM)

    def _signal_runner(self, files: RunFiles, number: signal.Signals) -> bool:
        """Signal the runner, and nobody who came by its pid later; False while it is not known."""
        known = files.runner()
        if known is None:
            return False
        pid, ticks = known
        with suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            try:
                if start_ticks(pid) == ticks:
                    signal.pidfd_send_signal(handle, number)
            finally:
                os.close(handle)
        return True

    def _clear(self, files: RunFiles, why: str) -> None:
        """Nobody runs it any more: kill what is left of it, and record an end if it has none."""
        marks = [f"{name}={value}" for name, value in files.markers.items()]
        group = bounds.find(str(files.path))

        def left() -> list[int]:
            return sorted({*wearing(marks), *(pid for pid in group.pids() if not is_zombie(pid))})

        group.hold()
        strays = len(kill_all(left))
        group.remove()
        if container := files.container():
            docker_cli.tell(container, ("rm", "--force"), os.environb)
        if files.view().exit is None:
            ended = {"rc": None, "why": why, "ended": self._clock(), "peak_rss": 0, "strays": strays, "cpu_s": 0.0}
            write_json(files.file("exit.json"), ended)

    def read_events(self, name: str, offset: int) -> Chunk:
        """Whole lines of the event log from `offset` bytes on, at most 4 MiB at a time."""
        return self._files(name).read_events(offset)

    def stderr_tail(self, name: str, limit: int = 4000) -> str:
        """The last `limit` bytes that the run wrote to standard error."""
        return self._files(name).tail("stderr.log", limit)

    def send(self, name: str, line: bytes) -> None:
        """Say a line to a run that takes live input. That it was taken in shows only in the run's own events.

        Raises:
            EngineError: it takes no input, or takes none any more, or reads too slowly.
        """
        files = self._files(name)
        refused = f"the run {name} takes no input"
        until = time.monotonic() + _SEND_S
        rest = line if line.endswith(b"\n") else line + b"\n"
        try:
            fifo = os.open(files.path / "in.fifo", os.O_WRONLY | os.O_NONBLOCK)
        except (FileNotFoundError, OSError) as problem:
            raise EngineError(f"{refused}: {problem.strerror}", retryable=problem.errno == errno.ENXIO) from problem
        try:
            while rest:
                try:
                    rest = rest[os.write(fifo, rest) :]
                except BlockingIOError as problem:
                    if time.monotonic() > until:
                        raise EngineError(f"{refused}: it reads too slowly", retryable=True) from problem
                    time.sleep(_LOOK_S)
        except BrokenPipeError as problem:
            raise EngineError(refused) from problem
        finally:
            os.close(fifo)

    def remove(self, name: str) -> None:
        """Delete the directory of a run that is over or was never started.

        Raises:
            EngineError: it is still running.
        """
        files = self._files(name)
        if not files.path.is_dir():
            return
        running = files.view().state is RunState.RUNNING
        with files.locked(0.0 if running else _SEEN_S) as lock:
            if lock is None:
                raise EngineError(f"the run {name} is still running; stop it first")
            if files.view().exit is None:
                self._clear(files, "lost")
            # Renamed first: half a directory would look like another state of the run.
            files.path.rename(self._runs / f".removed-{name}-{os.getpid()}-{time.monotonic_ns()}")
        self._delete_removed()

    def _delete_removed(self) -> None:
        """What is being removed, also what a death in the middle of it or a late writer left of it."""
        for doomed in self._runs.glob(".removed-*"):
            shutil.rmtree(doomed, ignore_errors=True)  # somebody else may delete it at the same time

    def run(self, spec: RunSpec) -> CommandResult:
        """Run a command to its end, or wait for the one of that name; `output` holds both streams, as they came."""
        began = time.monotonic()
        view = self.start(replace(spec, merge_stderr=True))
        until = began + (spec.deadline_s or _DEFAULT_RUN_S) + spec.grace_s + _SEEN_S
        pause = _LOOK_S
        while view.exit is None and view.state is not RunState.LOST and time.monotonic() < until:
            time.sleep(pause)
            pause = min(pause * 1.5, 0.1)
            view = self.find(spec.name)
        if view.exit is None:
            view = self.stop(spec.name, spec.grace_s)
        files = self._files(spec.name)
        output = (files.tail("events.jsonl", _TAIL) + files.tail("stderr.log", _TAIL))[-_TAIL:]
        assert view.exit is not None
        return CommandResult(view.exit.rc, view.exit.why, output, time.monotonic() - began)

    def _files(self, name: str) -> RunFiles:
        if not _NAME.fullmatch(name):
            raise EngineError(f"{name!r} is not a usable name for a run")
        return RunFiles(name, self._runs / name)

    def _reap(self) -> None:
        """Collect runners that ended, so that none stays a zombie of this process."""
        for name, runner in tuple(self._runners.items()):
            if runner.poll() is not None:
                self._runners.pop(name, None)
