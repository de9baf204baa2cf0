"""Answers as each vendor streams them: text and tool calls, or an error. Pure."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Event = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class ToolUse:
    name: str
    arguments: dict[str, Any] | str  #: text for a tool that takes free text
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:16])


@dataclass(frozen=True)
class Answer:
    """What the model says. `ending` is end, tool, refusal or length."""

    text: str
    use: ToolUse | None = None
    ending: str = "end"
    tokens_in: int = 100
    tokens_out: int = 20


def messages_events(model: str, answer: Answer) -> Iterator[Event]:
    """Anthropic's stream."""
    usage = {
        "input_tokens": answer.tokens_in,
        "output_tokens": answer.tokens_out,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
    }
    message = {"id": f"msg_{uuid.uuid4().hex[:16]}", "type": "message", "role": "assistant", "model": model}
    opening = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    yield "message_start", {"message": {**opening, "usage": {**usage, "output_tokens": 1}}}
    blocks: list[tuple[dict[str, Any], dict[str, Any]]] = []
    if answer.text:
        blocks.append(({"type": "text", "text": ""}, {"type": "text_delta", "text": answer.text}))
    if answer.use is not None:
        use = {"type": "tool_use", "id": f"toolu_{answer.use.id}", "name": answer.use.name, "input": {}}
        blocks.append((use, {"type": "input_json_delta", "partial_json": json.dumps(answer.use.arguments)}))
    for index, (block, delta) in enumerate(blocks):
        yield "content_block_start", {"index": index, "content_block": block}
        yield "content_block_delta", {"index": index, "delta": delta}
        yield "content_block_stop", {"index": index}
    reasons = {"end": "end_turn", "tool": "tool_use", "refusal": "refusal", "length": "max_tokens"}
    yield "message_delta", {"delta": {"stop_reason": reasons[answer.ending], "stop_sequence": None}, "usage": usage}
    yield "message_stop", {}


def responses_events(model: str, answer: Answer) -> Iterator[Event]:
    """OpenAI's stream."""
    items: list[dict[str, Any]] = []
    if answer.text:
        part = {"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []}
        items.append(
            {"type": "message", "id": _id("msg"), "role": "assistant", "status": "completed", "content": [part]}
        )
    if answer.use is not None:
        free = isinstance(answer.use.arguments, str)
        given = {"input": answer.use.arguments} if free else {"arguments": json.dumps(answer.use.arguments)}
        kind = "custom_tool_call" if free else "function_call"
        call = {"type": kind, "id": _id("fc"), "call_id": f"call_{answer.use.id}", "name": answer.use.name}
        items.append({**call, **given, "status": "completed"})
    cut = answer.ending == "length"
    usage = {
        "input_tokens": answer.tokens_in,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": answer.tokens_out,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": answer.tokens_in + answer.tokens_out,
    }
    whole = {
        "id": _id("resp"),
        "object": "response",
        "created_at": int(time.time()),
        "model": model,
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "error": None,
        "output": items,
        "usage": usage,
    }
    yield "response.created", {"response": {**whole, "status": "in_progress", "output": [], "usage": None}}
    for index, item in enumerate(items):
        yield "response.output_item.added", {"output_index": index, "item": {**item, "status": "in_progress"}}
        if item["type"] == "message":
            at = {"output_index": index, "item_id": item["id"], "content_index": 0}
            yield "response.output_text.delta", {**at, "delta": answer.text, "logprobs": []}
        yield "response.output_item.done", {"output_index": index, "item": item}
    yield f"response.{whole['status']}", {"response": whole}


def error_body(family: str, kind: str, message: str) -> dict[str, Any]:
    """An error, as each vendor writes it."""
    if family == "anthropic":
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": _id("req")}
    return {"error": {"type": kind, "code": kind, "message": message, "param": None}}


def _id(kind: str) -> str:
    return f"{kind}_{uuid.uuid4().hex[:16]}"
