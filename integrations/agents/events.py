"""What an agent's event stream says, as values; the same for every agent."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Tokens:
    """Tokens that were used; the three do not overlap.

    Attributes:
        input: prompt tokens that were not read from the provider's cache.
        cached: prompt tokens that were.
        output: answer tokens, those of thinking included.
    """

    input: int = 0
    cached: int = 0
    output: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(self.input + other.input, self.cached + other.cached, self.output + other.output)


@dataclass(frozen=True)
class Started:
    """A session began, or went on. It is named by `session_id`, which the agent may have chosen itself."""

    session_id: str
    model: str = ""
    version: str = ""


@dataclass(frozen=True)
class Heard:
    """Something that was said to it while it ran has reached it: the only proof of delivery."""

    text: str


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
    """A tool came back; `detail` is the last line of what it said, when it failed."""

    ok: bool
    detail: str = ""


@dataclass(frozen=True)
class Retry:
    """The agent's own retry of a request: a sign of life, not of progress."""

    status: int | None
    attempt: int
    delay_s: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class Limited:
    """The provider turns requests away until `resets_at`, in seconds since 1970."""

    resets_at: float


@dataclass(frozen=True)
class Compacted:
    """The session ran out of context and was summarised."""

    before: int = 0
    after: int = 0


@dataclass(frozen=True)
class Failed:
    """An error that the stream reports before its end.

    Attributes:
        error: the agent's own word for it.
        status: HTTP status of the model's API, when that is what failed.
    """

    error: str
    status: int | None = None
    message: str = ""


@dataclass(frozen=True)
class Spent:
    """What one request to the model used, while the run goes on.

    Attributes:
        request: names the request; a later event of the same name replaces an earlier one.
        tokens: `output` may be too small until `Usage` tells the truth.
    """

    request: str
    tokens: Tokens
    cost_usd: float | None = None


@dataclass(frozen=True)
class Usage:
    """What was used since the last such event, or, with `whole_session`, since the session began.

    A resumed session counts its earlier runs in, with some agents: sums over attempts would count them twice.
    """

    tokens: Tokens
    cost_usd: float | None = None
    whole_session: bool = False


@dataclass(frozen=True)
class Ended:
    """The terminal event.

    Attributes:
        subtype, reason, stop_reason: the agent's own words for how it ended.
        error: it ended with an error, whatever `subtype` claims.
        status: HTTP status of the model's API, when that was the reason.
        text: its last words, or those of the error.
        turns: requests to the model.
        denials: tools that it wanted to use and was not allowed to.
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
    """A line of a kind that this version does not know. Never an error."""

    kind: str = ""


@dataclass(frozen=True)
class Unreadable(Unknown):
    """A line that is no event at all: torn, or not of the agent's making. Counted."""


AgentEvent = (
    Started
    | Heard
    | Text
    | ToolCall
    | ToolResult
    | Retry
    | Limited
    | Compacted
    | Failed
    | Spent
    | Usage
    | Ended
    | Unknown
    | Unreadable
)
