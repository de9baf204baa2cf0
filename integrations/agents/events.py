"""What an agent's event stream says, as values; the same for every agent."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Tokens:
    """Tokens of a session: `input` is what was not cached."""

    input: int = 0
    cached: int = 0
    output: int = 0


@dataclass(frozen=True)
class Started:
    session_id: str
    model: str = ""
    version: str = ""


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class ToolCall:
    """A tool is used; `summary` is its most telling argument."""

    name: str
    summary: str = ""


@dataclass(frozen=True)
class ToolResult:
    ok: bool


@dataclass(frozen=True)
class Retry:
    """The agent's own retry of a request: a sign of life, not of progress."""

    status: int | None
    attempt: int
    delay_s: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class Compacted:
    """The session ran out of context and was summarised."""

    before: int = 0
    after: int = 0


@dataclass(frozen=True)
class Failed:
    """An error that the stream reports before its end; `error` is the agent's own word for it."""

    error: str
    status: int | None = None


@dataclass(frozen=True)
class Usage:
    tokens: Tokens
    cost_usd: float | None = None


@dataclass(frozen=True)
class Ended:
    """The terminal event.

    Attributes:
        subtype, reason: the agent's own words for how it ended.
        error: it ended with an error, whatever `subtype` claims.
    """

    subtype: str
    error: bool
    reason: str = ""
    status: int | None = None
    text: str = ""
    stop_reason: str = ""
    turns: int = 0
    denials: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Unknown:
    """A line that is no event, or one of a kind that this version does not know. Never an error."""

    kind: str = ""


AgentEvent = Started | Text | ToolCall | ToolResult | Retry | Compacted | Failed | Usage | Ended | Unknown
