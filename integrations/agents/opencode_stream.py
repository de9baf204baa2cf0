"""opencode's event stream (`opencode run --format json`), as of version 1.18.33. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from integrations.agents.events import (
    AgentEvent,
    Ended,
    Failed,
    Spent,
    Started,
    Text,
    Tokens,
    ToolCall,
    ToolResult,
    Unknown,
    Unreadable,
)
from integrations.agents.json_line import Node, last_line, one_line, read_node
from integrations.agents.outcome import Outcome, OutcomeKind, assemble, ended_by_runner
from integrations.engines import RunExit

_TELLING = ("command", "filePath", "path", "pattern", "query", "url", "description", "prompt")

_BY_NAME = {
    "ContextOverflowError": OutcomeKind.CONTEXT,
    "ProviderAuthError": OutcomeKind.AUTH,
    "MessageOutputLengthError": OutcomeKind.OUTPUT_CAP,
}
_BY_STATUS = {
    401: OutcomeKind.AUTH,
    402: OutcomeKind.BILLING,
    403: OutcomeKind.AUTH,
    404: OutcomeKind.NO_MODEL,
    413: OutcomeKind.CONTEXT,
    429: OutcomeKind.RATE_LIMIT,
}
_BY_REASON = {"length": OutcomeKind.OUTPUT_CAP, "content-filter": OutcomeKind.REFUSED}
_UNREACHABLE = ("ECONN", "ENOTFOUND", "EAI_AGAIN", "timed out", "connect")


def parse_line(line: str) -> list[AgentEvent]:
    """The events of one line. Never raises: what is not understood is `Unknown`."""
    node = read_node(line)
    if node is None:
        return [Unreadable(one_line(line, 40))]
    part = node.at("part")
    match node.text("type"):
        case "step_start":
            return [Started(node.text("sessionID"))]
        case "text":
            return [Text(part.text("text"))]
        case "tool_use":
            return _tool(part)
        case "step_finish":
            return _finish(part)
        case "error":
            return [Started(node.text("sessionID")), *_error(node.at("error"))]
        case other:
            return [Unknown(other)]


def _tool(part: Node) -> list[AgentEvent]:
    """A tool is reported once, when it has come back."""
    arguments = part.at("state", "input")
    summary = next((one_line(arguments.text(key)) for key in _TELLING if arguments.text(key)), "")
    failed = part.text("state", "status") == "error"
    result = ToolResult(not failed, last_line(part.text("state", "error")) if failed else "")
    return [ToolCall(part.text("tool"), summary), result]


def _finish(part: Node) -> list[AgentEvent]:
    tokens = part.at("tokens")
    used = Tokens(
        tokens.count("input") + tokens.count("cache", "write"),
        tokens.count("cache", "read"),
        tokens.count("output") + tokens.count("reasoning"),
    )
    spent = Spent(part.text("messageID"), used, part.dollars("cost"))
    reason = part.text("reason")
    if reason == "stop":
        return [spent, Ended(reason, error=False)]
    return [spent, Failed(reason)] if reason in _BY_REASON else [spent]


def _error(error: Node) -> list[AgentEvent]:
    status = error.status("data", "statusCode")
    return [Failed(error.text("name"), status, error.text("data", "message") or error.text("name"))]


def read_outcome(events: Sequence[AgentEvent], exit: RunExit | None, stderr_tail: str) -> Outcome:
    """How a run of `opencode run` ended: the last step decides. Pure."""
    kind = ended_by_runner(events, exit, stderr_tail)
    last = next((one for one in reversed(events) if isinstance(one, Ended | Failed)), None)
    message = one_line(last.message, 300) if isinstance(last, Failed) else ""
    if kind is None:
        kind = OutcomeKind.CRASHED if last is None else _kind(last)
    return assemble(kind, events, exit, stderr_tail, "" if kind is OutcomeKind.DONE else message)


def _kind(last: Ended | Failed) -> OutcomeKind:
    if isinstance(last, Ended):
        return OutcomeKind.DONE
    if "insufficient_quota" in last.message or "quota exceeded" in last.message.lower():
        return OutcomeKind.BILLING
    known = _BY_NAME.get(last.error) or _BY_REASON.get(last.error) or _BY_STATUS.get(last.status or 0)
    if known is not None:
        return known
    if (last.status or 0) >= 500 or any(word in last.message for word in _UNREACHABLE):
        return OutcomeKind.OVERLOADED
    return OutcomeKind.CRASHED
