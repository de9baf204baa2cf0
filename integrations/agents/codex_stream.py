"""Codex's event stream (`codex exec --json`), as of version 0.169.0. Pure.

Its exit code is 0 also when every command of the agent failed; what failed of itself is in `turn.failed`, in words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from integrations.agents.events import (
    AgentEvent,
    Ended,
    Failed,
    Retry,
    Started,
    Text,
    Tokens,
    ToolCall,
    ToolResult,
    Unknown,
    Unreadable,
    Usage,
)
from integrations.agents.json_line import Node, last_line, one_line, read_node
from integrations.agents.outcome import Outcome, OutcomeKind, assemble, ended_by_runner
from integrations.engines import RunExit

_RETRY = re.compile(r"Reconnecting\.\.\. (?:(?P<attempt>\d+)/\d+ )?\(?(?P<error>.*?)\)?$", re.DOTALL)
_STATUS = re.compile(r"(?:unexpected status|last status:) (?P<status>\d{3})")

#: words of the last message, the first that matches
_BY_WORDS = tuple(
    (re.compile(words, re.IGNORECASE), kind)
    for words, kind in (
        (r"missing environment variable", OutcomeKind.BAD_SETUP),
        (r"unexpected status (401|403)|not logged in|refresh token", OutcomeKind.AUTH),
        (r"quota exceeded|insufficient_quota|unexpected status 402", OutcomeKind.BILLING),
        (r"(unexpected|last) status:? 429|usage limit", OutcomeKind.RATE_LIMIT),
        (r"unexpected status 404", OutcomeKind.NO_MODEL),
        (r"ran out of room|unexpected status 413", OutcomeKind.CONTEXT),
        (r"max_output_tokens", OutcomeKind.OUTPUT_CAP),
        (
            r"(unexpected|last) status:? 5\d\d|high demand|stream disconnected|waiting for network|connection failed"
            r"|timed? ?out",
            OutcomeKind.OVERLOADED,
        ),
        (r"usage polic|\brefus|content_filter", OutcomeKind.REFUSED),
    )
)


def parse_line(line: str) -> list[AgentEvent]:
    """The events of one line. Never raises: what is not understood is `Unknown`."""
    node = read_node(line)
    if node is None:
        return [Unreadable(one_line(line, 40))]
    match node.text("type"):
        case "thread.started":
            return [Started(node.text("thread_id"))]
        case "item.started" | "item.updated" | "item.completed" as kind:
            return _item(node.at("item"), done=kind == "item.completed", begun=kind == "item.started")
        case "error":
            return [_error(node.text("message"))]
        case "turn.completed":
            return [_usage(node.at("usage")), Ended("turn.completed", error=False)]
        case "turn.failed":
            message = node.text("error", "message")
            return [Ended("turn.failed", error=True, status=_status(message), text=message)]
        case other:
            return [Unknown(other)]


def _item(item: Node, *, done: bool, begun: bool) -> list[AgentEvent]:
    kind = item.text("type")
    match kind:
        case "agent_message":
            return [Text(item.text("text"))] if done else [Unknown(kind)]
        case "command_execution" | "file_change" | "mcp_tool_call" | "web_search":
            if begun:
                return [ToolCall(kind, _summary(item))]
            if not done:
                return [Unknown(kind)]
            failed = item.text("status") == "failed"
            return [ToolResult(not failed, last_line(item.text("aggregated_output")) if failed else "")]
        case "error":
            return [Failed("item", message=item.text("message") or item.text("text"))]
        case other:
            return [Unknown(f"item/{other}")]


def _summary(item: Node) -> str:
    if item.text("type") == "file_change":
        return one_line(", ".join(change.text("path") for change in item.items("changes")))
    return one_line(item.text("command") or item.text("query") or item.text("tool"))


def _error(message: str) -> AgentEvent:
    retry = _RETRY.match(message)
    if retry is None:
        return Failed("error", _status(message), message)
    return Retry(_status(message), int(retry["attempt"] or 0), error=one_line(retry["error"]))


def _status(message: str) -> int | None:
    found = _STATUS.search(message)
    return int(found["status"]) if found else None


def _usage(usage: Node) -> Usage:
    """The tokens of the whole thread, with those that were read from the cache among its input."""
    cached = usage.count("cached_input_tokens")
    tokens = Tokens(max(usage.count("input_tokens") - cached, 0), cached, usage.count("output_tokens"))
    return Usage(tokens, whole_session=True)


def read_outcome(events: Sequence[AgentEvent], exit: RunExit | None, stderr_tail: str) -> Outcome:
    """How a run of `codex exec` ended. Pure."""
    kind = ended_by_runner(events, exit, stderr_tail)
    ended = next((one for one in reversed(events) if isinstance(one, Ended)), None)
    message = ""
    if kind is None:
        told = ended.text if ended else _last_error(events)
        message = one_line(told, 300)
        if ended is None:
            kind = _by_words(told) if told and exit is not None and (exit.rc or 0) > 0 else OutcomeKind.CRASHED
        else:
            kind = _by_words(told) if ended.error else OutcomeKind.DONE
    if kind is OutcomeKind.DONE:
        message = _all_failed(events)
    return assemble(kind, events, exit, stderr_tail, message)


def _by_words(message: str) -> OutcomeKind:
    return next((kind for words, kind in _BY_WORDS if words.search(message)), OutcomeKind.CRASHED)


def _last_error(events: Sequence[AgentEvent]) -> str:
    return next((one.message for one in reversed(events) if isinstance(one, Failed)), "")


def _all_failed(events: Sequence[AgentEvent]) -> str:
    """What a "good" end without one successful command looks like: a sandbox that does not work, most of the time."""
    results = [one for one in events if isinstance(one, ToolResult)]
    if not results or any(one.ok for one in results):
        return ""
    detail = next((one.detail for one in results if one.detail), "")
    return f"Every one of its {len(results)} tool calls failed: {detail}" if detail else ""
