"""One line of an agent's JSON stream, read without trust: whatever stands in it, reading it raises nothing."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Node:
    """A JSON object, or what stands where one was expected."""

    value: object

    def at(self, *keys: str) -> Node:
        """What lies at a path of keys; an empty node when nothing does."""
        value = self.value
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return Node(value)

    def text(self, *keys: str) -> str:
        """A text that can be stored; empty when there is none."""
        value = self.at(*keys).value
        return storable(value) if isinstance(value, str) else ""

    def number(self, *keys: str) -> float:
        value = self.at(*keys).value
        if isinstance(value, bool) or not isinstance(value, int | float):
            return 0.0
        try:
            number = float(value)
        except OverflowError:
            return 0.0
        return number if math.isfinite(number) else 0.0

    def count(self, *keys: str) -> int:
        """A whole number, not below zero."""
        return max(int(self.number(*keys)), 0)

    def dollars(self, *keys: str) -> float | None:
        """An amount; None when there is none."""
        value = self.at(*keys).value
        return self.number(*keys) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def status(self, *keys: str) -> int | None:
        """An HTTP status; None when there is none."""
        number = self.count(*keys)
        return number if 100 <= number <= 599 else None

    def items(self, *keys: str) -> list[Node]:
        """The objects of a list; what else stands in it is left out."""
        value = self.at(*keys).value
        return [Node(one) for one in value if isinstance(one, dict)] if isinstance(value, list) else []

    def fields(self, *keys: str) -> dict[str, Any]:
        value = self.at(*keys).value
        return value if isinstance(value, dict) else {}


def read_node(line: str) -> Node | None:
    """The object of a line; None when it is none."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return Node(value) if isinstance(value, dict) else None


def storable(text: str) -> str:
    """A text without what no database takes: zero bytes, and halves of characters."""
    return text.encode(errors="replace").decode().replace("\0", "")


def last_line(text: str, limit: int = 300) -> str:
    """The last line that says something, at most `limit` characters of it."""
    return next((line.strip()[:limit] for line in reversed(text.splitlines()) if line.strip()), "")


def one_line(text: str, limit: int = 200) -> str:
    """A text with its white space flattened, at most `limit` characters of it."""
    return " ".join(text[: limit * 4].split())[:limit]
