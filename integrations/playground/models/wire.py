"""Anthropic Messages and OpenAI Responses, as each vendor writes them. Pure: requests in, JSON values out."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

CHARACTERS_PER_TOKEN = 4


class Stop(StrEnum):
    END = "end"
    TRUNCATED = "truncated"
    REFUSED = "refused"


class BadRequest(ValueError):
    """The request lacks something that the vendor demands."""


@dataclass(frozen=True)
class Asked:
    """One request, whatever its dialect."""

    model: str
    prompt: str
    limit: int  #: output tokens
    stream: bool
    tokens: int  #: of everything that was sent


@dataclass(frozen=True)
class Said:
    text: str
    stop: Stop = Stop.END

    @property
    def tokens(self) -> int:
        return count(self.text)


def count(text: str) -> int:
    return max(1, -(-len(text) // CHARACTERS_PER_TOKEN))


Event = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Dialect:
    """How one vendor's requests are read, and its answers, streams and errors are written."""

    family: str
    read: Callable[[str], Asked]
    answer: Callable[[Asked, Said, float], dict[str, Any]]
    events: Callable[[dict[str, Any]], Iterator[Event]]
    error: Callable[[int, str], dict[str, Any]]


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(_text(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""


def _body(raw: str, *needed: str) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError:
        raise BadRequest("the body is not JSON") from None
    if not isinstance(body, dict):
        raise BadRequest("the body is not an object")
    for name in needed:
        if not body.get(name):
            raise BadRequest(f"{name}: field required")
    return body


def _last_user(messages: Any) -> str:
    if not isinstance(messages, list):
        raise BadRequest("messages: a list is expected")
    users = [one for one in messages if isinstance(one, dict) and one.get("role") == "user"]
    return _text(users[-1].get("content")) if users else ""


# --- Anthropic ---------------------------------------------------------------------------------------------


def _read_messages(raw: str) -> Asked:
    body = _body(raw, "model", "max_tokens", "messages")
    prompt = _last_user(body["messages"])
    return Asked(str(body["model"]), prompt, int(body["max_tokens"]), bool(body.get("stream")), count(raw))


def _message(asked: Asked, said: Said, now: float) -> dict[str, Any]:
    reasons = {Stop.END: "end_turn", Stop.TRUNCATED: "max_tokens", Stop.REFUSED: "refusal"}
    return {
        "id": f"msg_{uuid.uuid4().hex[:20]}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": [{"type": "text", "text": said.text}],
        "stop_reason": reasons[said.stop],
        "stop_sequence": None,
        "usage": {
            "input_tokens": asked.tokens,
            "output_tokens": said.tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
        },
    }


def _message_events(message: dict[str, Any]) -> Iterator[Event]:
    opening = {
        **message,
        "content": [],
        "stop_reason": None,
        "usage": {**message["usage"], "output_tokens": 1},
    }
    yield "message_start", {"type": "message_start", "message": opening}
    for index, block in enumerate(message["content"]):
        empty = {"type": "text", "text": ""}
        delta = {"type": "text_delta", "text": block["text"]}
        yield "content_block_start", {"type": "content_block_start", "index": index, "content_block": empty}
        yield "content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta}
        yield "content_block_stop", {"type": "content_block_stop", "index": index}
    ending = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield "message_delta", {"type": "message_delta", "delta": ending, "usage": message["usage"]}
    yield "message_stop", {"type": "message_stop"}


_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def _anthropic_error(status: int, message: str) -> dict[str, Any]:
    error = {"type": _ANTHROPIC_TYPES.get(status, "api_error"), "message": message}
    return {"type": "error", "error": error, "request_id": f"req_{uuid.uuid4().hex[:16]}"}


# --- OpenAI ------------------------------------------------------------------------------------------------


def _read_responses(raw: str) -> Asked:
    body = _body(raw, "model", "input")
    prompt = body["input"] if isinstance(body["input"], str) else _last_user(body["input"])
    limit = int(body.get("max_output_tokens") or 10**9)
    return Asked(str(body["model"]), prompt, limit, bool(body.get("stream")), count(raw))


def _response(asked: Asked, said: Said, now: float) -> dict[str, Any]:
    cut = said.stop is Stop.TRUNCATED
    part: dict[str, Any] = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
    if said.stop is Stop.REFUSED:
        part = {"type": "refusal", "refusal": said.text}
    status = "incomplete" if cut else "completed"
    return {
        "id": f"resp_{uuid.uuid4().hex[:20]}",
        "object": "response",
        "created_at": int(now),
        "status": status,
        "model": asked.model,
        "output": [
            {
                "type": "message",
                "id": f"msg_{uuid.uuid4().hex[:20]}",
                "role": "assistant",
                "status": status,
                "content": [part],
            }
        ],
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": False,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": {
            "input_tokens": asked.tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": said.tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": asked.tokens + said.tokens,
        },
    }


def _response_events(response: dict[str, Any]) -> Iterator[Event]:
    shell = {**response, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    item = response["output"][0]
    part = item["content"][0]
    at = {"output_index": 0, "item_id": item["id"], "content_index": 0}
    parts: list[dict[str, Any]] = [
        {"type": "response.created", "response": shell},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**item, "status": "in_progress", "content": []},
        },
    ]
    if part["type"] == "output_text":
        parts += [
            {"type": "response.content_part.added", **at, "part": {**part, "text": ""}},
            {"type": "response.output_text.delta", **at, "delta": part["text"], "logprobs": []},
            {"type": "response.output_text.done", **at, "text": part["text"], "logprobs": []},
            {"type": "response.content_part.done", **at, "part": part},
        ]
    parts += [
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": f"response.{response['status']}", "response": response},
    ]
    for number, one in enumerate(parts):
        yield one["type"], {**one, "sequence_number": number}


_OPENAI_CODES = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    402: ("insufficient_quota", "insufficient_quota"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}


def _openai_error(status: int, message: str) -> dict[str, Any]:
    kind, code = _OPENAI_CODES.get(status, ("server_error", None))
    if message.startswith("prompt is too long"):
        code = "context_length_exceeded"
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


ANTHROPIC = Dialect("anthropic", _read_messages, _message, _message_events, _anthropic_error)
OPENAI = Dialect("openai", _read_responses, _response, _response_events, _openai_error)
