"""Coding agents: how each is called, and how its event stream is read. Pure but for the preflight.

events.py           what any agent's stream says, as values
outcome.py          how a run ended, in the words of the failure taxonomy
resets.py           when a limit ends, in the words of providers
question.py         the fenced block with which an agent asks a person
claude_code.py      Claude Code is called so,
claude_stream.py    and its stream is read so; it is the playground's agent's, too
codex.py            Codex
codex_stream.py
opencode.py         opencode
opencode_stream.py
command.py          any agent with a command line, from the settings
result_line.py      beside such a command: what its result file says, as a line of the stream
scripted.py         the playground's agent
program.py          what surrounds their programs, and what `waggle doctor` asks of them
ledgers.py          the files in which programs count what a session used
json_line.py        one line of JSON, read without trust
catalog.py          the agents that are configured
describe.py         a recorded run, for people and programs
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from integrations.agents.events import (
    AgentEvent,
    Compacted,
    Ended,
    Failed,
    Heard,
    Retry,
    Spent,
    Started,
    Text,
    Tokens,
    ToolCall,
    ToolResult,
    Unknown,
    Unreadable,
    Usage,
)
from integrations.agents.outcome import Outcome, OutcomeKind
from integrations.agents.question import AgentQuestion
from integrations.engines import RunExit


@dataclass(frozen=True)
class AgentRun:
    """One attempt as an agent sees it.

    Attributes:
        run: the attempt's name.
        session_id: chosen by us beforehand; with `resume`, the session to go on with.
        home: directory for the agent's own configuration and sessions.
    """

    run: str
    prompt: str
    cwd: Path
    session_id: str
    resume: bool = False
    model: str | None = None
    max_turns: int | None = None
    budget_usd: float | None = None
    home: Path = Path()


@dataclass(frozen=True)
class Command:
    """What to start. The prompt is in `stdin`: an argument would show in the process list and has a size limit.

    Attributes:
        live_input, input_ends_on: as in `RunSpec`.
        writes, reads: what of the machine it needs to work behind walls, beside its home and its program.
    """

    argv: tuple[str, ...]
    env: dict[str, str] = field(repr=False)
    stdin: bytes = field(repr=False)
    live_input: bool = False
    input_ends_on: str = ""
    writes: tuple[Path, ...] = ()
    reads: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Finding:
    """One line of a preflight: what was checked, what was seen, and how to mend it."""

    check: str
    ok: bool
    detail: str
    fix: str = ""


class AgentAdapter(Protocol):
    """One kind of agent. All but `command`, `ledger`, `version` and `preflight` is pure."""

    @property
    def name(self) -> str: ...

    @property
    def family(self) -> str:
        """The model family that writes, so that a review by the same one does not count alone."""
        ...

    @property
    def live_input(self) -> bool:
        """Whether it takes guidance while it runs; it then has a `line`, as `LiveAdapter`."""
        ...

    def command(self, run: AgentRun) -> Command:
        """What to start; makes the directory that the agent is given."""
        ...

    def parse(self, line: str) -> list[AgentEvent]:
        """The events of one line of its stream; never raises."""
        ...

    def outcome(self, events: Sequence[AgentEvent], exit: RunExit | None, stderr_tail: str) -> Outcome:
        """How it ended. No `exit`: nobody saw it end."""
        ...

    def ledger(self, home: Path, session_id: str) -> Path | None:
        """The file in which its program counts what a session used; None while there is none.

        Parameters:
            home: as in `AgentRun`.
        """
        ...

    def read_ledger(self, line: str) -> list[AgentEvent]:
        """`Spent` or `Usage` of one line of that file; never raises."""
        ...

    def version(self) -> str:
        """Its program's version; empty when it does not say. Starts it once for each change of its file."""
        ...

    def preflight(self) -> list[Finding]:
        """Whether it can work here. Starts its program for a moment."""
        ...


class LiveAdapter(AgentAdapter, Protocol):
    """An agent that can be spoken to while it runs. Delivery counts when a `Heard` event shows it."""

    def line(self, text: str) -> bytes:
        """A person's words, for `Engine.send`."""
        ...


__all__ = [
    "AgentAdapter",
    "AgentEvent",
    "AgentQuestion",
    "AgentRun",
    "Command",
    "Compacted",
    "Ended",
    "Failed",
    "Finding",
    "Heard",
    "LiveAdapter",
    "Outcome",
    "OutcomeKind",
    "Retry",
    "Spent",
    "Started",
    "Text",
    "Tokens",
    "ToolCall",
    "ToolResult",
    "Unknown",
    "Unreadable",
    "Usage",
]
