"""A unified diff as values. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+(?P<line>\d+)(?:,\d+)? @@")
_GIT = re.compile(r'diff --git "?a/(?P<old>.*?)"? "?b/(?P<new>.*?)"?$')


@dataclass(frozen=True)
class Row:
    """A line of the diff. `line` counts in the new version; a removed row has the number that follows it."""

    kind: Literal["+", "-", " "]
    line: int
    text: str


@dataclass
class FileDiff:
    path: str
    deleted: bool = False
    rows: list[Row] = field(default_factory=list)

    def added(self) -> Iterator[Row]:
        return (row for row in self.rows if row.kind == "+")

    def removed(self) -> Iterator[Row]:
        return (row for row in self.rows if row.kind == "-")

    def first_added(self) -> Row | None:
        """The first added row that says something."""
        return next((row for row in self.added() if row.text.strip()), None)

    def at_head(self, line: int) -> Row | None:
        """The row at head to which a finding about text removed at `line` can point: beside it, and not blank."""
        present = [row for row in self.rows if row.kind != "-" and row.text.strip()]
        beside = next((row for row in present if row.line in (line, line - 1)), None)
        after = next((row for row in present if row.line > line), None)
        return beside or after or (present[-1] if present else None)


def parse(diff: str) -> list[FileDiff]:
    """Files of a unified diff, in order. Rows outside hunks (modes, binary notes) are left out."""
    files: list[FileDiff] = []
    line, inside = 0, False
    for text in diff.split("\n"):
        if header := _GIT.match(text):
            files.append(FileDiff(header["new"]))
            inside = False
        elif not inside and text.startswith("deleted file mode") and files:
            files[-1].deleted = True
        elif not inside and text.startswith("+++ "):
            path = text[4:].strip().strip('"')
            if path != "/dev/null" and (not files or files[-1].rows):
                files.append(FileDiff(path.removeprefix("b/")))
        elif hunk := _HUNK.match(text):
            line, inside = int(hunk["line"]), True
        elif inside and files and text[:1] == "+":
            files[-1].rows.append(Row("+", line, text[1:]))
            line += 1
        elif inside and files and text[:1] == "-":
            files[-1].rows.append(Row("-", line, text[1:]))
        elif inside and files and text[:1] == " ":
            files[-1].rows.append(Row(" ", line, text[1:]))
            line += 1
    return files
