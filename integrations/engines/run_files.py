"""What lies in a run's directory, and who holds its lock.

    spec.json     what to run, without its environment
    prompt        its standard input
    lock          held by the runner, and by whoever prepares or clears the run
    state.json    who the runner is; written before there is an agent
    usage.json    what the tree uses, as of when
    grace.json    how long a stop may take, from who asked for it
    frozen        while it is there, every process of the run stands still
    in.fifo       takes live input while it is there
    events.jsonl  standard output
    stderr.log    error output
    runner.log    what the runner itself complained of
    exit.json     how it ended

These files and the lock are the truth; nothing is remembered in memory.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from integrations.engines import Chunk, RunExit, RunSpec, RunState, RunView
from integrations.engines.records import read_json, write_json

MARKER, MARKER_DIR = "WAGGLE_RUN", "WAGGLE_RUN_DIR"

_CHUNK = 4 * 2**20


@dataclass(frozen=True)
class RunFiles:
    """The directory of one run, which need not exist."""

    name: str
    path: Path

    @property
    def markers(self) -> dict[str, str]:
        """What every process of the run wears. The name alone is unique only within one Waggle home."""
        return {MARKER: self.name, MARKER_DIR: str(self.path)}

    def file(self, name: str) -> str:
        return str(self.path / name)

    def write_spec(self, spec: RunSpec) -> None:
        """All but the environment, which holds secrets."""
        with self.append("prompt") as prompt:
            prompt.truncate(0)
            prompt.write(spec.stdin)
        if spec.live_input and not (self.path / "in.fifo").exists():
            os.mkfifo(self.path / "in.fifo", 0o600)
        record = {
            "argv": list(spec.argv),
            "cwd": str(spec.cwd),
            "live_input": spec.live_input,
            "input_ends_on": spec.input_ends_on,
            "merge_stderr": spec.merge_stderr,
            "deadline_s": spec.deadline_s,
            "grace_s": spec.grace_s,
            "max_output_bytes": spec.max_output_bytes,
            "max_processes": spec.max_processes,
            "max_rss_bytes": spec.max_rss_bytes,
            "container": spec.container,
        }
        write_json(self.file("spec.json"), record, durable=False)

    def append(self, name: str) -> BinaryIO:
        """A file of the run, for its owner only, opened at its end."""
        return os.fdopen(os.open(self.file(name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")

    def view(self) -> RunView:
        """What is known of the run now."""
        if not self.path.is_dir():
            return RunView(self.name, RunState.ABSENT)
        # In this order: the runner writes the exit record before it lets go of the lock.
        held = self.is_locked()
        state, ended = read_json(self.file("state.json")), read_json(self.file("exit.json"))
        out, err = _size_and_time(self.path / "events.jsonl"), _size_and_time(self.path / "stderr.log")
        seen = RunView(
            self.name,
            RunState.STARTING,
            pid=int(state["pid"]) if state else None,
            started_at=float(state["started"]) if state else None,
            event_bytes=out[0],
            last_output_at=max((at for _, at in (out, err) if at is not None), default=None),
            bounds=str(state.get("bounds", "")) if state else "",
            frozen=(self.path / "frozen").exists(),
        )
        if ended is not None:
            exit_ = RunExit(
                ended["rc"], ended["why"], ended["ended"], ended["peak_rss"], ended["strays"], ended["cpu_s"]
            )
            return replace(seen, state=RunState.ENDED, exit=exit_, cpu_s=exit_.cpu_s)
        if state is None:
            return seen
        if not held:
            return replace(seen, state=RunState.LOST)
        usage = read_json(self.file("usage.json")) or {}
        return replace(
            seen,
            state=RunState.RUNNING,
            cpu_s=usage.get("cpu_s"),
            rss_bytes=usage.get("rss"),
            processes=usage.get("processes"),
            io_bytes=usage.get("io_bytes"),
            usage_at=usage.get("at"),
        )

    def runner(self) -> tuple[int, int] | None:
        """The runner's pid and start time, which together name a process for good."""
        state = read_json(self.file("state.json"))
        return (int(state["pid"]), int(state["ticks"])) if state else None

    def container(self) -> str:
        """The name of the container that the run is in; empty for none."""
        return str((read_json(self.file("spec.json")) or {}).get("container") or "")

    def is_locked(self) -> bool:
        """Whether somebody holds the lock: the runner, nearly always."""
        with self._lock_file(create=False) as descriptor:
            return descriptor is not None and not _take(descriptor, fcntl.LOCK_SH)

    @contextmanager
    def locked(self, wait_s: float = 0.0) -> Iterator[int | None]:
        """The lock's descriptor, held; None when somebody else has it, also after `wait_s`, or the run is not there."""
        until = time.monotonic() + wait_s
        with self._lock_file(create=True) as descriptor:
            if descriptor is None:
                yield None
                return
            while not (taken := _take(descriptor, fcntl.LOCK_EX)) and time.monotonic() < until:
                time.sleep(0.005)
            yield descriptor if taken else None

    @contextmanager
    def _lock_file(self, create: bool) -> Iterator[int | None]:
        try:
            # Close-on-exec, as every descriptor of Python: a child that held it would pass for the runner.
            descriptor = os.open(self.file("lock"), os.O_RDWR | (os.O_CREAT if create else 0), 0o600)
        except FileNotFoundError:
            yield None
            return
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def read_events(self, offset: int) -> Chunk:
        """Whole lines from `offset` bytes on, at most 4 MiB at a time."""
        try:
            with (self.path / "events.jsonl").open("rb") as file:
                file.seek(offset)
                data = file.read(_CHUNK)
        except FileNotFoundError:
            return Chunk((), offset)
        end = data.rfind(b"\n") + 1
        if end == 0:
            # One line longer than a chunk can never be an event; it is stepped over.
            return Chunk((), offset + len(data) if len(data) == _CHUNK else offset)
        # At line feeds only: JSON may hold other characters that `splitlines` takes for ends.
        return Chunk(tuple(data[: end - 1].decode(errors="replace").split("\n")), offset + end)

    def tail(self, name: str, limit: int) -> str:
        """The last `limit` bytes of a log; empty when it is not there."""
        try:
            with (self.path / name).open("rb") as file:
                file.seek(max(file.seek(0, os.SEEK_END) - limit, 0))
                return file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""


def _take(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _size_and_time(path: Path) -> tuple[int, float | None]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, None
    return found.st_size, found.st_mtime
