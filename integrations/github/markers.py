"""The invisible line by which Waggle finds its own comments again, so that it edits instead of repeating."""

from __future__ import annotations

import re

_MARKER = re.compile(r"<!-- waggle:task=(?P<task>[\w-]+) kind=(?P<kind>[\w-]+) v=\d+ -->")


def marker(task: str, kind: str) -> str:
    """The marker of one kind of comment of one task.

    Parameters:
        task: such as "T-12".
        kind: such as "review".
    """
    made = f"<!-- waggle:task={task} kind={kind} v=1 -->"
    if not _MARKER.fullmatch(made):
        raise ValueError(f"{task!r} or {kind!r} cannot stand in a marker")
    return made


def marker_in(body: str) -> str | None:
    """The marker that a body starts with, if any."""
    found = _MARKER.match(body.lstrip())
    return found[0] if found else None


def marked(mark: str, body: str) -> str:
    """The body with its marker in front."""
    return body if body.startswith(mark) else f"{mark}\n{body}"
