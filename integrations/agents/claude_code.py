"""Claude Code, called headless: `claude -p --output-format stream-json`. Seen with versions 2.1.197 and 2.1.330.

Its exit code says little (0 after SIGINT, and `subtype: success` with `is_error: true` after API errors), so an
outcome is read from the terminal event; without one the run crashed, whatever the code.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from integrations.agents import AgentRun, Command, Finding
from integrations.agents.events import (
    AgentEvent,
    Compacted,
    Ended,
    Failed,
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
from integrations.agents.question import read_question
from integrations.engines import RunExit
from integrations.engines.environment import clean_environment

_QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
}
_VERSION_S = 20.0
_SUMMARY = ("command", "file_path", "path", "pattern", "query", "url", "description", "prompt")

_BY_STATUS = {
    401: OutcomeKind.AUTH,
    403: OutcomeKind.AUTH,
    404: OutcomeKind.NO_MODEL,
    429: OutcomeKind.RATE_LIMIT,
    500: OutcomeKind.OVERLOADED,
    503: OutcomeKind.OVERLOADED,
    529: OutcomeKind.OVERLOADED,
}
_BY_WORD = {
    "authentication_failed": OutcomeKind.AUTH,
    "billing_error": OutcomeKind.BILLING,
    "rate_limit": OutcomeKind.RATE_LIMIT,
    "overloaded": OutcomeKind.OVERLOADED,
    "server_error": OutcomeKind.OVERLOADED,
    "model_not_found": OutcomeKind.NO_MODEL,
    "max_output_tokens": OutcomeKind.OUTPUT_CAP,
}
_COMPACTIONS = 2  #: so often summarised means that the task is too wide for one session


class ClaudeCode:
    """The adapter.

    Parameters:
        binary: name or path of the CLI.
        api_key, base_url: given to the agent when set; otherwise it uses the user's own login.
        extra_args: further arguments from the settings.
    """

    name = "claude-code"
    family = "anthropic"
    live_input = False

    def __init__(
        self,
        binary: str = "claude",
        api_key: str | None = None,
        base_url: str | None = None,
        extra_args: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._binary = binary
        self._api_key = api_key
        self._base_url = base_url
        self._extra = tuple(extra_args)
        self._environment = environment

    def command(self, run: AgentRun) -> Command:
        argv = [
            self._binary,
            "-p",
            "--output-format",
            "stream-json",
            "--verbose",
            "--dangerously-skip-permissions",
            "--strict-mcp-config",
            "--mcp-config",
            '{"mcpServers":{}}',
            "--setting-sources",
            "project",
        ]
        argv += ["--resume", run.session_id] if run.resume else ["--session-id", run.session_id]
        if run.model:
            argv += ["--model", run.model]
        if run.max_turns:
            argv += ["--max-turns", str(run.max_turns)]
        if run.budget_usd:
            argv += ["--max-budget-usd", f"{run.budget_usd:.2f}"]
        return Command((*argv, *self._extra), self._env(run.home), run.prompt.encode())

    def _env(self, home: Path) -> dict[str, str]:
        extra = dict(_QUIET)
        if self._api_key:
            # Its own configuration directory only with its own key: the user's login lives in the usual one.
            home.mkdir(parents=True, exist_ok=True)
            extra |= {"ANTHROPIC_API_KEY": self._api_key, "CLAUDE_CONFIG_DIR": str(home)}
        if self._base_url:
            extra["ANTHROPIC_BASE_URL"] = self._base_url
        if os.geteuid() == 0:
            # It refuses to work without asking as root unless told that it is contained.
            extra["IS_SANDBOX"] = "1"
        return clean_environment(extra=extra, source=self._environment)

    def parse(self, line: str) -> list[AgentEvent]:
        return parse_line(line)

    def outcome(self, events: Sequence[AgentEvent], exit: RunExit | None, stderr_tail: str) -> Outcome:
        return read_outcome(events, exit, stderr_tail)

    def preflight(self) -> list[Finding]:
        found = shutil.which(self._binary)
        if found is None:
            fix = "Install it with `npm install -g @anthropic-ai/claude-code`, or name its path in `waggle.toml`."
            return [Finding(self.name, False, f"{self._binary} is not on PATH", fix)]
        try:
            said = subprocess.run(
                [found, "--version"],
                capture_output=True,
                text=True,
                timeout=_VERSION_S,
                env=self._env(Path()),
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            return [Finding(self.name, False, f"{found} does not answer: {problem}", "Reinstall it.")]
        login = "API key" if self._api_key else "the user's own login"
        return [Finding(self.name, said.returncode == 0, f"{said.stdout.strip() or said.stderr.strip()}, {login}")]


def parse_line(line: str) -> list[AgentEvent]:
    """The events of one line of stream-json. Never raises: what is not understood is `Unknown`."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return [Unknown("not JSON")]
    if not isinstance(value, dict):
        return [Unknown("not an object")]
    kind = str(value.get("type", ""))
    match kind:
        case "system":
            return [_system(value)]
        case "assistant":
            return _assistant(value)
        case "user":
            return _user(value)
        case "result":
            return _result(value)
        case _:
            return [Unknown(kind)]


def _system(value: dict[str, Any]) -> AgentEvent:
    match value.get("subtype"):
        case "init":
            return Started(
                str(value.get("session_id") or ""),
                str(value.get("model") or ""),
                str(value.get("claude_code_version") or ""),
            )
        case "api_retry":
            return Retry(
                _status(value.get("error_status")),
                _number(value.get("attempt")),
                _number(value.get("retry_delay_ms")) / 1000,
                str(value.get("error") or ""),
            )
        case "compact_boundary":
            meta = _object(value.get("compact_metadata"))
            return Compacted(_number(meta.get("pre_tokens")), _number(meta.get("post_tokens")))
        case other:
            return Unknown(f"system/{other}")


def _assistant(value: dict[str, Any]) -> list[AgentEvent]:
    events: list[AgentEvent] = []
    if value.get("error"):
        events.append(Failed(str(value["error"]), _status(value.get("api_error_status"))))
    for part in _list(_object(value.get("message")).get("content")):
        match part.get("type"):
            case "text":
                events.append(Text(str(part.get("text") or "")))
            case "tool_use":
                events.append(ToolCall(str(part.get("name") or ""), _summary(_object(part.get("input")))))
            case _:
                pass
    return events or [Unknown("assistant")]


def _summary(arguments: dict[str, Any]) -> str:
    telling = next((str(arguments[key]) for key in _SUMMARY if arguments.get(key)), "")
    return " ".join(telling.split())[:200]


def _user(value: dict[str, Any]) -> list[AgentEvent]:
    parts = _list(_object(value.get("message")).get("content"))
    results: list[AgentEvent] = [
        ToolResult(not part.get("is_error")) for part in parts if part.get("type") == "tool_result"
    ]
    return results or [Unknown("user")]


def _result(value: dict[str, Any]) -> list[AgentEvent]:
    usage = _object(value.get("usage"))
    cost = value.get("total_cost_usd")
    tokens = Tokens(
        _number(usage.get("input_tokens")) + _number(usage.get("cache_creation_input_tokens")),
        _number(usage.get("cache_read_input_tokens")),
        _number(usage.get("output_tokens")),
    )
    errors = value.get("errors")
    text = value.get("result")
    if not isinstance(text, str):
        text = "; ".join(str(one) for one in errors) if isinstance(errors, list) else ""
    return [
        Usage(tokens, float(cost) if isinstance(cost, int | float) else None),
        Ended(
            subtype=str(value.get("subtype") or ""),
            error=bool(value.get("is_error")),
            reason=str(value.get("terminal_reason") or ""),
            status=_status(value.get("api_error_status")),
            text=text,
            stop_reason=str(value.get("stop_reason") or ""),
            turns=_number(value.get("num_turns")),
            denials=tuple(str(one.get("tool_name", "")) for one in _list(value.get("permission_denials"))),
        ),
    ]


def read_outcome(events: Sequence[AgentEvent], exit: RunExit | None, stderr_tail: str) -> Outcome:
    """How a run of stream-json ended. Pure."""
    ended = next((one for one in reversed(events) if isinstance(one, Ended)), None)
    usage = next((one for one in reversed(events) if isinstance(one, Usage)), None)
    started = next((one for one in reversed(events) if isinstance(one, Started)), None)
    said = next((one.text for one in reversed(events) if isinstance(one, Text) and one.text.strip()), "")
    kind = _kind(events, ended, exit, stderr_tail)
    final = ended.text if ended and ended.text else said
    last_error = next((line for line in reversed(stderr_tail.splitlines()) if line.strip()), "")
    message = "" if kind is OutcomeKind.DONE else (ended.text if ended else last_error).strip()
    return Outcome(
        kind=kind,
        message=message.splitlines()[0][:300] if message else "",
        session_id=started.session_id if started and started.session_id else None,
        turns=ended.turns if ended else 0,
        tokens=usage.tokens if usage else Tokens(),
        cost_usd=usage.cost_usd if usage else None,
        final_text=final,
        question=read_question(final) if kind is OutcomeKind.DONE else None,
    )


def _kind(events: Sequence[AgentEvent], ended: Ended | None, exit: RunExit | None, stderr_tail: str) -> OutcomeKind:
    if exit is not None and exit.why == "stopped":
        return OutcomeKind.STOPPED
    if exit is not None and exit.why in {"timeout", "output"}:
        return OutcomeKind.TIMEOUT if exit.why == "timeout" else OutcomeKind.CRASHED
    if ended is None:
        if exit is None:
            return OutcomeKind.LOST
        nothing_said = not any(not isinstance(one, Unknown) for one in events)
        refused = nothing_said and bool(stderr_tail.strip()) and (exit.rc or 0) > 0
        return OutcomeKind.BAD_SETUP if refused or exit.rc in {126, 127} else OutcomeKind.CRASHED
    if not ended.error:
        if ended.denials:
            return OutcomeKind.BAD_SETUP  # it was not allowed to use its tools and ended "well" without working
        compactions = sum(1 for one in events if isinstance(one, Compacted))
        return OutcomeKind.DONE if compactions < _COMPACTIONS or ended.subtype == "success" else OutcomeKind.CONTEXT
    return _error_kind(events, ended)


def _error_kind(events: Sequence[AgentEvent], ended: Ended) -> OutcomeKind:
    by_subtype = {"error_max_turns": OutcomeKind.MAX_TURNS, "error_max_budget_usd": OutcomeKind.BUDGET}
    if ended.subtype in by_subtype:
        return by_subtype[ended.subtype]
    if ended.reason == "prompt_too_long":
        return OutcomeKind.CONTEXT
    if "Not logged in" in ended.text or "No conversation found" in ended.text:
        return OutcomeKind.BAD_SETUP
    if ended.stop_reason == "refusal":
        return OutcomeKind.REFUSED
    failed = next((one for one in reversed(events) if isinstance(one, Failed)), None)
    if failed is not None and failed.error == "billing_error":
        return OutcomeKind.BILLING
    status = ended.status or (failed.status if failed else None)
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if failed is not None and failed.error in _BY_WORD:
        return _BY_WORD[failed.error]
    if any(word in ended.text for word in ("ECONNREFUSED", "timed out", "ENOTFOUND", "Connection")):
        return OutcomeKind.OVERLOADED
    return OutcomeKind.CRASHED


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and value == value else 0


def _status(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
