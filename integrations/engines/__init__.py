"""Where commands and attempts run. The engine is asked one question: what do you run under this name?

local.py        one machine: a detached runner for each run
runner.py       that runner, standard library only
processes.py    who lives, by process start time and marker
environment.py  what a run may see of the environment
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
    STARTING = "starting"  #: its directory exists, its process was not seen yet
    RUNNING = "running"  #: its runner holds the lock
    ENDED = "ended"  #: an exit record exists
    LOST = "lost"  #: it ran, nobody holds the lock, and there is no exit record


@dataclass(frozen=True)
class RunSpec:
    """What to run.

    Attributes:
        name: unique and never used again; carried as WAGGLE_RUN by every process of the run.
        env: the whole environment; nothing is inherited.
        stdin: given to the process, then end of file.
        live_input: keep standard input open for `send`.
        deadline_s: seconds until it is stopped with why="timeout".
        grace_s: seconds between asking a process to end and killing it.
        max_output_bytes: stopped with why="output" when it writes more.
    """

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    live_input: bool = False
    deadline_s: float | None = None
    grace_s: float = 10.0
    max_output_bytes: int = 200 * 2**20


@dataclass(frozen=True)
class RunExit:
    """How a run ended. `strays` counts processes that outlived the agent and were killed."""

    rc: int | None
    why: Literal["exited", "stopped", "timeout", "output"]
    ended_at: float
    peak_rss_bytes: int = 0
    strays: int = 0


@dataclass(frozen=True)
class RunView:
    """What is known of a run now. Times are seconds since the epoch."""

    name: str
    state: RunState
    pid: int | None = None
    started_at: float | None = None
    exit: RunExit | None = None
    event_bytes: int = 0
    last_output_at: float | None = None
    cpu_s: float | None = None


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

    def start(self, spec: RunSpec) -> RunView: ...

    def find(self, name: str) -> RunView: ...

    def list(self) -> list[RunView]: ...

    def stop(self, name: str, grace_s: float) -> RunView: ...

    def read_events(self, name: str, offset: int) -> Chunk: ...

    def stderr_tail(self, name: str, limit: int = 4000) -> str: ...

    def send(self, name: str, line: bytes) -> None: ...

    def remove(self, name: str) -> None: ...

    def run(self, spec: RunSpec) -> CommandResult: ...
