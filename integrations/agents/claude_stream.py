"""Claude Code's event stream (`--output-format stream-json`), as of versions 2.1.197 and 2.1.330. Pure.

Its exit code says little (0 after SIGINT) and neither does `subtype` (`success` with `is_error: true` after API
errors), so an outcome is read from the terminal event; without one the run crashed, whatever the code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from integrations.agents.events import (
    AgentEvent,
    Compacted,
    Ended,
    Failed,
    Heard,
    Limited,
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
from integrations.agents.json_line import Node, last_line, one_line, read_node
from integrations.agents.outcome import Outcome, OutcomeKind, assemble, ended_by_runner
from integrations.engines import RunExit

_TELLING = ("command", "file_path", "path", "pattern", "query", "url", "description", "prompt")

_BY_SUBTYPE = {"error_max_turns": OutcomeKind.MAX_TURNS, "error_max_budget_usd": OutcomeKind.BUDGET}
_BY_STATUS = {
    401: OutcomeKind.AUTH,
    402: OutcomeKind.BILLING,
    403: OutcomeKind.AUTH,
    404: OutcomeKind.NO_MODEL,
    413: OutcomeKind.CONTEXT,
    429: OutcomeKind.RATE_LIMIT,
}
_BY_WORD = {
    "authentication_failed": OutcomeKind.AUTH,
    "rate_limit": OutcomeKind.RATE_LIMIT,
    "overloaded": OutcomeKind.OVERLOADED,
    "server_error": OutcomeKind.OVERLOADED,
    "model_not_found": OutcomeKind.NO_MODEL,
    "max_output_tokens": OutcomeKind.OUTPUT_CAP,
}
_SETUP = ("Not logged in", "No conversation found")
_UNREACHABLE = ("ECONN", "ENOTFOUND", "EAI_AGAIN", "timed out", "Connection")
_RESET_IN_WORDS = re.compile(r"limit reached\|(?P<seconds>\d{9,11})\b")
_COMPACTIONS = 2  #: so often summarised, and failed in the end: the task is too wide for one session


def user_line(text: str) -> bytes:
    """A person's words, as `--input-format stream-json` takes them."""
    message = {"type": "user", "message": {"role": "user", "content": text}}
    return json.dumps(message, ensure_ascii=False).encode() + b"\n"


def parse_line(line: str) -> list[AgentEvent]:
    """The events of one line. Never raises: what is not understood is `Unknown`."""
    node = read_node(line)
    if node is None:
        return [Unreadable(one_line(line, 40))]
    match node.text("type"):
        case "system":
            return [_system(node)]
        case "assistant":
            return _assistant(node)
        case "user":
            return _user(node)
        case "result":
            return _result(node)
        case "rate_limit_event" if node.text("rate_limit_info", "status") == "rejected":
            return _limited(node.number("rate_limit_info", "resetsAt"))
        case other:
            return [Unknown(other)]


def _limited(resets_at: float) -> list[AgentEvent]:
    return [Limited(resets_at)] if resets_at > 0 else [Unknown("rate_limit_event")]


def _system(node: Node) -> AgentEvent:
    match node.text("subtype"):
        case "init":
            return Started(node.text("session_id"), node.text("model"), node.text("claude_code_version"))
        case "api_retry":
            delay = node.number("retry_delay_ms") / 1000
            return Retry(node.status("error_status"), node.count("attempt"), delay, node.text("error"))
        case "compact_boundary":
            return Compacted(
                node.count("compact_metadata", "pre_tokens"), node.count("compact_metadata", "post_tokens")
            )
        case other:
            return Unknown(f"system/{other}")


def _assistant(node: Node) -> list[AgentEvent]:
    events: list[AgentEvent] = []
    if node.text("error"):
        events.append(Failed(node.text("error"), node.status("api_error_status")))
    for part in node.items("message", "content"):
        match part.text("type"):
            case "text":
                events.append(Text(part.text("text")))
            case "tool_use":
                events.append(ToolCall(part.text("name"), _summary(part.at("input"))))
            case _:
                pass
    if node.text("message", "id") and node.fields("message", "usage"):
        events.append(Spent(node.text("message", "id"), _tokens(node.at("message", "usage"))))
    return events or [Unknown("assistant")]


def _summary(arguments: Node) -> str:
    return next((one_line(arguments.text(key)) for key in _TELLING if arguments.text(key)), "")


def _user(node: Node) -> list[AgentEvent]:
    events: list[AgentEvent] = []
    for part in node.items("message", "content"):
        if part.text("type") == "tool_result":
            failed = part.at("is_error").value is True
            events.append(ToolResult(not failed, last_line(part.text("content")) if failed else ""))
        elif part.text("type") == "text" and node.at("isReplay").value is True:
            events.append(Heard(part.text("text")))
    if node.at("isReplay").value is True and node.text("message", "content"):
        events.append(Heard(node.text("message", "content")))
    return events or [Unknown("user")]


def _tokens(usage: Node) -> Tokens:
    return Tokens(
        usage.count("input_tokens") + usage.count("cache_creation_input_tokens"),
        usage.count("cache_read_input_tokens"),
        usage.count("output_tokens"),
    )


def _result(node: Node) -> list[AgentEvent]:
    errors = node.at("errors").value
    text = node.text("result")
    if not text and isinstance(errors, list):
        text = "; ".join(str(one) for one in errors)
    told = _RESET_IN_WORDS.search(text)  # as older versions say it
    return [
        _usage(node),
        *(_limited(float(told["seconds"])) if told else ()),
        Ended(
            subtype=node.text("subtype"),
            error=bool(node.at("is_error").value),
            reason=node.text("terminal_reason"),
            status=node.status("api_error_status"),
            text=text,
            stop_reason=node.text("stop_reason"),
            turns=node.count("num_turns"),
            denials=tuple(one.text("tool_name") for one in node.items("permission_denials")),
        ),
    ]


def _usage(node: Node) -> Usage:
    """What this turn used.

    `total_cost_usd` counts earlier runs of a resumed session in (2.1.330), and `usage` leaves out the request at
    which a budget ran out; `model_usage_since_last_result` does neither. Older versions have only the former.
    """
    if not isinstance(node.at("model_usage_since_last_result").value, dict):
        return Usage(_tokens(node.at("usage")), node.dollars("total_cost_usd"))
    by_model = [Node(one) for one in node.fields("model_usage_since_last_result").values()]
    tokens = Tokens(
        sum(one.count("inputTokens") + one.count("cacheCreationInputTokens") for one in by_model),
        sum(one.count("cacheReadInputTokens") for one in by_model),
        sum(one.count("outputTokens") for one in by_model),
    )
    return Usage(tokens, sum((one.number("costUSD") for one in by_model), 0.0))


def read_outcome(events: Sequence[AgentEvent], exit: RunExit | None, stderr_tail: str) -> Outcome:
    """How a run of stream-json ended. Pure."""
    kind = ended_by_runner(events, exit, stderr_tail)
    ended = next((one for one in reversed(events) if isinstance(one, Ended)), None)
    message = ""
    if kind is None:
        kind = OutcomeKind.CRASHED if ended is None else _kind(events, ended)
    if kind is OutcomeKind.BAD_SETUP and ended is not None and ended.denials:
        message = f"It was not allowed to use {', '.join(sorted(set(ended.denials)))}."
    return assemble(kind, events, exit, stderr_tail, message)


def _kind(events: Sequence[AgentEvent], ended: Ended) -> OutcomeKind:
    if not ended.error:
        # With the wrong permission mode it ends "well", having worked on nothing; only this tells.
        return OutcomeKind.BAD_SETUP if ended.denials else OutcomeKind.DONE
    if ended.subtype in _BY_SUBTYPE:
        return _BY_SUBTYPE[ended.subtype]
    if ended.reason == "prompt_too_long":
        return OutcomeKind.CONTEXT
    if any(words in ended.text for words in _SETUP):
        return OutcomeKind.BAD_SETUP
    if ended.stop_reason == "refusal":
        return OutcomeKind.REFUSED
    failed = next((one for one in reversed(events) if isinstance(one, Failed)), None)
    if failed is not None and failed.error == "billing_error":
        return OutcomeKind.BILLING
    status = ended.status or (failed.status if failed else None)
    if status is not None and status in _BY_STATUS:
        return _BY_STATUS[status]
    if status is not None and status >= 500:
        return OutcomeKind.OVERLOADED
    if failed is not None and failed.error in _BY_WORD:
        return _BY_WORD[failed.error]
    if any(isinstance(one, Limited) for one in events):
        return OutcomeKind.RATE_LIMIT
    if any(words in ended.text for words in _UNREACHABLE):
        return OutcomeKind.OVERLOADED
    compactions = sum(1 for one in events if isinstance(one, Compacted))
    return OutcomeKind.CONTEXT if compactions >= _COMPACTIONS else OutcomeKind.CRASHED
