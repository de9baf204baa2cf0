"""Coding agents: how each is called, and how its event stream is read. Pure but for the preflight.

events.py       what any agent's stream says, as values
outcome.py      how a run ended, in the words of the failure taxonomy
question.py     the fenced block with which an agent asks a person
claude_code.py  Claude Code, stream-json
scripted.py     the playground's agent, which speaks the same stream
catalog.py      the agents that are configured
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from integrations.agents.events import (
    AgentEvent,
    Compacted,
    Ended,
    Retry,
    Started,
    Text,
    Tokens,
    ToolCall,
    ToolResult,
    Unknown,
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
    """What to start. The prompt is in `stdin`: an argument would show in the process list and has a size limit."""

    argv: tuple[str, ...]
    env: dict[str, str]
    stdin: bytes
    live_input: bool = False


@dataclass(frozen=True)
class Finding:
    """One line of a preflight: what was checked, what was seen, and how to mend it."""

    check: str
    ok: bool
    detail: str
    fix: str = ""


class AgentAdapter(Protocol):
    """One kind of agent.

    Attributes:
        family: the model family that writes, so that a review by the same one does not count alone.
    """

    name: str
    family: str
    live_input: bool

    def command(self, run: AgentRun) -> Command: ...

    def parse(self, line: str) -> list[AgentEvent]: ...

    def outcome(self, events: Sequence[AgentEvent], exit: RunExit | None, stderr_tail: str) -> Outcome: ...

    def preflight(self) -> list[Finding]: ...


__all__ = [
    "AgentAdapter",
    "AgentEvent",
    "AgentQuestion",
    "AgentRun",
    "Command",
    "Compacted",
    "Ended",
    "Finding",
    "Outcome",
    "OutcomeKind",
    "Retry",
    "Started",
    "Text",
    "Tokens",
    "ToolCall",
    "ToolResult",
    "Unknown",
    "Usage",
]
