"""The event stream of a run, in the format of `claude -p --output-format stream-json --verbose`.

Field names and their values in failure follow recorded runs of Claude Code 2.1.330. Token counts are a
quarter of the characters that really went in and out; the cost is zero, because nothing was bought.
"""

from __future__ import annotations

import json
import math
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Literal

MODEL = "scripted"
VERSION = "scripted-1"
TOOLS = ["Bash", "Edit", "Read", "Write"]


class Stream:
    """Writes events to `out`, one JSON object a line, each flushed at once.

    Parameters:
        out: where the events go.
        session_id: chosen by whoever started the run, or kept from the session that is resumed.
        cwd: the worktree.
        prompt: what was asked, for the token count.
    """

    def __init__(self, out: IO[str], session_id: str, cwd: Path, prompt: str) -> None:
        self.session_id = session_id
        self._out = out
        self._cwd = cwd
        self._began = time.monotonic()
        self._started = False
        self._turns = 0
        self._heard = len(prompt)
        self._said = 0
        self._input = 0

    def started(self) -> None:
        """Once; later calls say nothing."""
        if self._started:
            return
        self._started = True
        self._emit(
            {
                "type": "system",
                "subtype": "init",
                "cwd": str(self._cwd),
                "session_id": self.session_id,
                "tools": TOOLS,
                "mcp_servers": [],
                "model": MODEL,
                "permissionMode": "bypassPermissions",
                "slash_commands": [],
                "apiKeySource": "none",
                "claude_code_version": VERSION,
                "output_style": "default",
                "agents": [],
                "skills": [],
                "plugins": [],
                "uuid": str(uuid.uuid4()),
            }
        )

    def text(self, text: str) -> None:
        self._turn({"type": "text", "text": text}, len(text))

    def tool_use(self, name: str, arguments: dict[str, Any]) -> str:
        """Returns the id that the result must carry."""
        call = f"toolu_{uuid.uuid4().hex[:20]}"
        block = {"type": "tool_use", "id": call, "name": name, "input": arguments}
        self._turn(block, len(json.dumps(arguments)))
        return call

    def tool_result(self, call: str, content: str, detail: dict[str, Any], *, is_error: bool | None = None) -> None:
        self._heard += len(content)
        result: dict[str, Any] = {"tool_use_id": call, "type": "tool_result", "content": content}
        if is_error is not None:
            result["is_error"] = is_error
        self._emit(
            {
                "type": "user",
                "message": {"role": "user", "content": [result]},
                "parent_tool_use_id": None,
                "session_id": self.session_id,
                "uuid": str(uuid.uuid4()),
                "timestamp": _now(),
                "tool_use_result": detail,
            }
        )

    def api_retry(self, attempt: int, status: int, error: str) -> None:
        self._emit(
            {
                "type": "system",
                "subtype": "api_retry",
                "attempt": attempt,
                "max_retries": 2,
                "retry_delay_ms": 200,
                "error_status": status,
                "error": error,
                "session_id": self.session_id,
                "uuid": str(uuid.uuid4()),
            }
        )

    def limited(self, resets_at: float) -> None:
        """The provider's limit is reached.

        Parameters:
            resets_at: when it ends, in seconds since 1970.
        """
        self._emit(
            {
                "type": "rate_limit_event",
                "rate_limit_info": {
                    "status": "rejected",
                    "resetsAt": math.ceil(resets_at),
                    "rateLimitType": "five_hour",
                    "isUsingOverage": False,
                },
                "session_id": self.session_id,
                "uuid": str(uuid.uuid4()),
            }
        )

    def succeeded(self, text: str) -> None:
        self._result(
            subtype="success", is_error=False, terminal_reason="completed", stop_reason="end_turn", result=text
        )

    def out_of_turns(self, limit: int) -> None:
        self._result(
            subtype="error_max_turns",
            is_error=True,
            terminal_reason="max_turns",
            stop_reason="tool_use",
            errors=[f"Reached maximum number of turns ({limit})"],
        )

    def refused_by_api(
        self,
        message: str,
        *,
        status: int,
        error: str,
        error_type: str,
        terminal_reason: Literal["api_error", "prompt_too_long"] = "api_error",
    ) -> None:
        """The last two events of a run that the model's API turned away."""
        self._emit(
            {
                "type": "assistant",
                "message": {
                    "id": str(uuid.uuid4()),
                    "type": "message",
                    "role": "assistant",
                    "model": "<synthetic>",
                    "content": [{"type": "text", "text": message}],
                    "stop_reason": "stop_sequence",
                    "stop_sequence": "",
                    "usage": _usage(0, 0),
                },
                "parent_tool_use_id": None,
                "session_id": self.session_id,
                "uuid": str(uuid.uuid4()),
                "timestamp": _now(),
                "error": error,
                "request_id": f"req_{uuid.uuid4().hex[:16]}",
                "is_api_error_message": True,
                "api_error_status": status,
                "api_error_type": error_type,
            }
        )
        self._turns += 1
        self._result(
            subtype="success",
            is_error=True,
            terminal_reason=terminal_reason,
            stop_reason="stop_sequence",
            result=message,
            api_error_status=status,
            api_error_type=error_type,
        )

    def no_such_session(self, session_id: str) -> None:
        self._result(
            subtype="error_during_execution",
            is_error=True,
            errors=[f"No conversation found with session ID: {session_id}"],
        )

    @property
    def turns(self) -> int:
        return self._turns

    def _turn(self, block: dict[str, Any], size: int) -> None:
        self._turns += 1
        self._said += size
        self._input += self._heard // 4
        self._emit(
            {
                "type": "assistant",
                "message": {
                    "id": f"msg_{uuid.uuid4().hex[:20]}",
                    "type": "message",
                    "role": "assistant",
                    "model": MODEL,
                    "content": [block],
                    "stop_reason": None,
                    "stop_sequence": None,
                    "usage": _usage(self._heard // 4, 1),
                },
                "parent_tool_use_id": None,
                "session_id": self.session_id,
                "uuid": str(uuid.uuid4()),
                "timestamp": _now(),
            }
        )

    def _result(self, **fields: Any) -> None:
        took = int((time.monotonic() - self._began) * 1000)
        output = self._said // 4
        models = {
            MODEL: {
                "inputTokens": self._input,
                "outputTokens": output,
                "cacheReadInputTokens": 0,
                "cacheCreationInputTokens": 0,
                "webSearchRequests": 0,
                "costUSD": 0.0,
            }
        }
        self._emit(
            {
                "type": "result",
                "duration_ms": took,
                "duration_api_ms": 0,
                "num_turns": self._turns,
                "session_id": self.session_id,
                "total_cost_usd": 0.0,
                "usage": _usage(self._input, output),
                "modelUsage": models,
                "model_usage_since_last_result": models,
                "permission_denials": [],
                "api_error_status": None,
                "uuid": str(uuid.uuid4()),
                **fields,
            }
        )

    def _emit(self, event: dict[str, Any]) -> None:
        self._out.write(json.dumps(event, ensure_ascii=False) + "\n")
        self._out.flush()


def _usage(tokens_in: int, tokens_out: int) -> dict[str, Any]:
    return {
        "input_tokens": tokens_in,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": tokens_out,
        "service_tier": "standard",
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
