"""Reading unified diffs: the files of a pull request, which lines take a comment, where a line went. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_STATUS = {"new file": "added", "deleted file": "removed", "rename from": "renamed"}


@dataclass(frozen=True)
class Line:
    """One line of a hunk. `kind` is " ", "+" or "-"; `old` and `new` are 0 where the line is not on that side."""

    kind: str
    old: int
    new: int
    text: str


@dataclass(frozen=True)
class Hunk:
    header: str
    old_start: int
    old_count: int
    new_start: int
    new_count: int
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class FileChange:
    path: str
    previous_path: str
    status: str  #: added | modified | removed | renamed
    blob: str
    binary: bool
    hunks: tuple[Hunk, ...] = field(repr=False)
    patch: str = field(repr=False)  #: from the first "@@" on, as the REST answer has it

    @property
    def additions(self) -> int:
        return sum(line.kind == "+" for hunk in self.hunks for line in hunk.lines)

    @property
    def deletions(self) -> int:
        return sum(line.kind == "-" for hunk in self.hunks for line in hunk.lines)

    def hunk_at(self, side: str, line: int) -> Hunk | None:
        """The hunk in which a line of one side (LEFT or RIGHT) can be commented on; None when it is not in the diff."""
        for hunk in self.hunks:
            if line > 0 and any((entry.old if side == "LEFT" else entry.new) == line for entry in hunk.lines):
                return hunk
        return None


def read_changes(text: str) -> Iterator[FileChange]:
    """The files of what `git diff` printed, in its order."""
    for block in re.split(r"^(?=diff --git )", text, flags=re.MULTILINE):
        if block.startswith("diff --git "):
            yield _read_file(block)


def _read_file(block: str) -> FileChange:
    head, at, patch = block.partition("\n@@ ")
    lines = head.split("\n")
    status, blob, old, new, binary = "modified", "", "", "", False
    for line in lines[1:]:
        for start, meaning in _STATUS.items():
            if line.startswith(start):
                status = meaning
        if line.startswith("index "):
            blob = line[6:].split("..")[1].split(" ")[0]
        elif line.startswith(("--- ", "rename from ")):
            old = _unquote(line.removeprefix("--- ").removeprefix("rename from "))
        elif line.startswith(("+++ ", "rename to ")):
            new = _unquote(line.removeprefix("+++ ").removeprefix("rename to "))
        elif line.startswith(("Binary files ", "GIT binary patch")):
            binary = True
    old, new = old.removeprefix("a/"), new.removeprefix("b/")
    if not new and not old:  # an empty or binary file has no ---/+++ lines: both names in the first line are the same
        new = _name_from_header(lines[0])
    path = old if new in ("", "/dev/null") else new
    patch = "@@ " + patch.rstrip("\n") if at else ""
    previous = old if status == "renamed" else ""
    return FileChange(path, previous, status, blob, binary, tuple(_read_hunks(patch)), patch)


def _name_from_header(line: str) -> str:
    names = line.removeprefix("diff --git ")
    if names.startswith('"'):
        return _unquote(names[: names.index('" ') + 1]).removeprefix("a/")
    half = (len(names) - 1) // 2
    return names[half + 1 :].removeprefix("b/")


def _unquote(name: str) -> str:
    """git quotes names with unusual characters as C strings, and ends names with blanks by a tab."""
    name = name.rstrip("\t")
    if not name.startswith('"'):
        return name
    return name[1:-1].encode().decode("unicode_escape").encode("latin-1").decode("utf-8", "replace")


def _read_hunks(patch: str) -> Iterator[Hunk]:
    for block in re.split(r"^(?=@@ )", patch, flags=re.MULTILINE):
        found = _HUNK.match(block)
        if found is None:
            continue
        old, new = int(found[1]), int(found[3])
        header, *body = block.rstrip("\n").split("\n")
        lines = []
        at_old, at_new = old, new
        for raw in body:
            kind = raw[:1] or " "
            if kind == "\\":  # "\ No newline at end of file"
                continue
            lines.append(Line(kind, at_old if kind != "+" else 0, at_new if kind != "-" else 0, raw[1:]))
            at_old += kind != "+"
            at_new += kind != "-"
        yield Hunk(header, old, int(found[2] or 1), new, int(found[4] or 1), tuple(lines))


def where_now(line: int, change: FileChange | None) -> int:
    """Where a line of the older file is in the newer one; 0 when it was changed or removed.

    Parameters:
        line: line number in the older file, from 1.
        change: what happened to the file; None when nothing did.
    """
    if change is None:
        return line
    if change.status == "removed" or change.binary:
        return 0
    shift = 0
    for hunk in change.hunks:
        for entry in hunk.lines:
            if entry.old == line:
                return entry.new
        if hunk.old_start + hunk.old_count <= line:
            shift = (hunk.new_start + hunk.new_count) - (hunk.old_start + hunk.old_count)
    return line + shift
