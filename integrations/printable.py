"""Words of others without what acts on a terminal or hides from a reader."""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
#: Control characters, and those that change the direction of text or hide in it. Line feeds and tabs stay.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def without_escapes(text: str) -> str:
    """Text without terminal escape sequences: colours, cursor movements, window titles, links."""
    return _ESCAPE.sub("", text)


def printable(text: str) -> str:
    """Text without escape sequences, control characters and marks that reorder or hide it."""
    return _CONTROL.sub("", without_escapes(text))
