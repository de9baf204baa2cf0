"""Where commands and attempts run. The engine is asked one question: what do you run under this name?

local.py        one machine: a detached runner for each run
run_files.py    what lies in a run's directory, and who holds its lock
runner.py       the detached runner, standard library only, as are the next five
live_input.py   input while it runs
processes.py    who lives, who descends from whom, who wears a run's marker
bounds.py       control groups: memory and processes bounded by the kernel
docker_cli.py   what Docker is told about a container that runs
records.py      small files that are there whole or not at all
environment.py  what a run may see of the environment
isolation.py    what a run may see of the machine: three levels, each in a file of its own
walls.py        bubblewrap
egress.py       a network that reaches named hosts only, for a run behind walls
container.py    docker
ports.py        whether a port is free
caches.py       where package managers keep what they downloaded
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol

from integrations.fault import IntegrationError


class EngineError(IntegrationError):
    """A run could not be started, or its name is not usable."""


class RunState(StrEnum):
    ABSENT = "absent"  #: never started under this name
    STARTING = "starting"  #: its directory exists, its process was not seen yet; starting it again is safe
    RUNNING = "running"  #: its runner holds the lock
    ENDED = "ended"  #: an exit record exists
    LOST = "lost"  #: it ran, nobody holds the lock, and there is no exit record


Why = Literal["exited", "stopped", "timeout", "output", "processes", "memory", "lost"]


@dataclass(frozen=True)
class RunSpec:
    """What to run.

    Attributes:
        name: unique and never used again; carried as WAGGLE_RUN by every process of the run.
        argv: no secret may stand here: it shows in the process list, and lies in a file.
        env: the whole environment; nothing is inherited. It is handed over in memory and never written down.
        stdin: given to the process, then end of file.
        live_input: keep standard input open for `send`.
        input_ends_on: with `live_input`, the `type` of the JSON line that ends a turn of the process. When it appears
            and nothing waits to be said, the input is closed, so that the process ends.
        merge_stderr: both streams in one log, in the order in which they were written.
        deadline_s: seconds until it is stopped with why="timeout".
        grace_s: seconds between asking a process to end and killing it.
        max_output_bytes: killed with why="output" when it writes more.
        max_processes: killed with why="processes" when there are more at once.
        max_rss_bytes: killed with why="memory" when all its processes together use more. Bounded by the kernel where
            control groups can be made; else by a watchdog that looks five times a second, and more often at one that
            grows fast, so that it may be overshot between two looks.
        container: name of the container that `argv` starts, which a stop must remove and a freeze pause.
    """

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    stdin: bytes = field(default=b"", repr=False)
    live_input: bool = False
    input_ends_on: str = ""
    merge_stderr: bool = False
    deadline_s: float | None = None
    grace_s: float = 10.0
    max_output_bytes: int = 200 * 2**20
    max_processes: int = 300
    max_rss_bytes: int | None = None
    container: str = ""


@dataclass(frozen=True)
class RunExit:
    """How a run ended.

    Attributes:
        rc: exit code, negative for a signal; None when nobody saw it end.
        why: by itself, stopped by somebody, or by one of its limits. `lost`: its runner vanished.
        peak_rss_bytes: the most memory that its tree was seen to use at once; 0 when nobody could see it, as in a
            container.
        strays: processes that outlived the agent and were killed.
        cpu_s: processor seconds of everything that was collected.
    """

    rc: int | None
    why: Why
    ended_at: float
    peak_rss_bytes: int = 0
    strays: int = 0
    cpu_s: float = 0.0


@dataclass(frozen=True)
class RunView:
    """What is known of a run now. Times are seconds since the epoch.

    Attributes:
        pid: of the runner, not of the agent.
        event_bytes: size of the event log.
        last_output_at: when it last wrote to either stream.
        cpu_s, rss_bytes, processes, io_bytes: what its whole tree had used and uses, as of `usage_at`. CPU of processes
            that nobody collected yet may be missing; I/O is what they read and wrote, pipes included.
        bounds: what holds it to its limits: `cgroup v1`, `cgroup v2` or `watchdog`.
        frozen: all its processes stand still.
    """

    name: str
    state: RunState
    pid: int | None = None
    started_at: float | None = None
    exit: RunExit | None = None
    event_bytes: int = 0
    last_output_at: float | None = None
    cpu_s: float | None = None
    rss_bytes: int | None = None
    processes: int | None = None
    io_bytes: int | None = None
    usage_at: float | None = None
    bounds: str = ""
    frozen: bool = False


@dataclass(frozen=True)
class Chunk:
    """Whole lines of an event log, and the offset to read on from."""

    lines: tuple[str, ...]
    offset: int


@dataclass(frozen=True)
class CommandResult:
    """A command that was run to its end; `output` is the tail of both streams."""

    rc: int | None
    why: str
    output: str
    seconds: float


class Engine(Protocol):
    """Runs things under names. Every call blocks; call it with `asyncio.to_thread`."""

    def start(self, spec: RunSpec) -> RunView:
        """Start a run, or adopt the live one of that name; one that is over is refused."""
        ...

    def find(self, name: str) -> RunView:
        """What is known of a run now."""
        ...

    def list(self) -> list[RunView]:
        """Every run that was not removed."""
        ...

    def stop(self, name: str, grace_s: float) -> RunView:
        """End a run and come back when its whole process tree is gone. Ending what has ended changes nothing."""
        ...

    def freeze(self, name: str) -> None:
        """Stop every process of a run where it stands, and its deadline with it."""
        ...

    def thaw(self, name: str) -> None:
        """Let a frozen run go on."""
        ...

    def read_events(self, name: str, offset: int) -> Chunk:
        """What it wrote from `offset` bytes on."""
        ...

    def stderr_tail(self, name: str, limit: int = 4000) -> str:
        """The last characters of its error output."""
        ...

    def send(self, name: str, line: bytes) -> None:
        """Say something to a run with live input."""
        ...

    def remove(self, name: str) -> None:
        """Forget a run that is over; its name is free again."""
        ...

    def run(self, spec: RunSpec) -> CommandResult:
        """Run a command to its end."""
        ...
