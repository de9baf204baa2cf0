"""What an agent's request says, whichever vendor's wire it came by. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request of an agent to its model.

    Attributes:
        heard: what people said to it, oldest first; without what the program itself puts around that.
        steps: tools that came back in this session.
        tools: the tools it offers: name, and whether its argument is free text.
        tokens: of everything that was sent, roughly.
        whole: everything that was said and came back, as it was sent.
    """

    model: str
    heard: tuple[str, ...]
    steps: int
    tools: dict[str, bool]
    tokens: int
    whole: str


def read_messages(body: dict[str, Any], size: int) -> Asked:
    """A request to Anthropic's Messages."""
    blocks = [block for one in body["messages"] if one["role"] == "user" for block in _blocks(one["content"])]
    heard = [block["text"] for block in blocks if block.get("type") == "text"]
    steps = sum(block.get("type") == "tool_result" for block in blocks)
    tools = {tool["name"]: False for tool in body.get("tools") or ()}
    return Asked(body["model"], _people(heard), steps, tools, size // 4, json.dumps(body["messages"]))


def read_responses(body: dict[str, Any], size: int) -> Asked:
    """A request to OpenAI's Responses."""
    given = body["input"] if isinstance(body["input"], list) else [{"role": "user", "content": body["input"]}]
    heard = [_text(one.get("content")) for one in given if one.get("role") == "user"]
    steps = sum(str(one.get("type")).endswith("_call_output") for one in given)
    tools = {tool["name"]: tool.get("type") == "custom" for tool in _flat(body.get("tools") or ()) if tool.get("name")}
    return Asked(body["model"], _people(heard), steps, tools, size // 4, json.dumps(given))


def _people(texts: list[str]) -> tuple[str, ...]:
    return tuple(text for text in texts if text.strip() and not text.lstrip().startswith("<"))


def _blocks(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _text(content: Any) -> str:
    return "\n".join(str(block.get("text", "")) for block in _blocks(content))


def _flat(tools: Any) -> list[dict[str, Any]]:
    """Tools may come in named groups."""
    return [one for tool in tools for one in (_flat(tool["tools"]) if tool.get("type") == "namespace" else [tool])]
