"""The lines of a CI log that explain a failure. Pure."""

from __future__ import annotations

from integrations.github.values import Excerpt


def excerpt(log: str, lines: int = 100) -> Excerpt:
    return Excerpt(tuple(log.split("\n")[-lines:]))
