"""On which line of a TOML document each key stands.

`tomllib` reads values without their places, and a mistake without a line is hard to find. This reads places
without values: it expects a document that `tomllib` has accepted.
"""

from __future__ import annotations

from collections.abc import Mapping

Path = tuple[str | int, ...]


def line_of(lines: Mapping[Path, int], path: Path) -> int:
    """The line of `path`, or of the nearest thing around it; 1 when nothing of it is written down."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return 1


def index_lines(text: str) -> dict[Path, int]:
    """Line numbers, from 1, of every table, key and array element of a valid document."""
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.lines: dict[Path, int] = {}
        self.elements: dict[Path, int] = {}  #: arrays of tables, and the index of their last element

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        while self._skip_blank():
            if self.text.startswith("[[", self.at):
                table = self._header("[[", "]]")
            elif self.text[self.at] == "[":
                table = self._header("[", "]")
            else:
                self._pair(table)
        return self.lines

    def _header(self, opening: str, closing: str) -> Path:
        self._advance(len(opening))
        keys = self._keys()
        self._advance(len(closing))
        path = self._resolve(keys[:-1])
        path = (*path, keys[-1])
        if opening == "[[":
            self.elements[path] = self.elements.get(path, -1) + 1
            self.lines.setdefault(path, self.line)
            path = (*path, self.elements[path])
        self.lines.setdefault(path, self.line)
        return path

    def _resolve(self, keys: list[str]) -> Path:
        path: Path = ()
        for key in keys:
            path = (*path, key)
            self.lines.setdefault(path, self.line)
            if path in self.elements:
                path = (*path, self.elements[path])
        return path

    def _pair(self, table: Path) -> None:
        line = self.line
        path = table
        for key in self._keys():
            path = (*path, key)
            self.lines.setdefault(path, line)
        self._skip_blank()
        self._advance(1)  # the equals sign
        self._skip_blank()
        self._value(path)

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._skip_blank()
            if self.text[self.at] in "\"'":
                keys.append(self._string())
            else:
                begun = self.at
                while self.at < len(self.text) and (self.text[self.at].isalnum() or self.text[self.at] in "_-"):
                    self._advance(1)
                keys.append(self.text[begun : self.at])
            self._skip_blank()
            if not self.text.startswith(".", self.at):
                return keys
            self._advance(1)

    def _value(self, path: Path) -> None:
        first = self.text[self.at]
        if first in "\"'":
            self._string()
        elif first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        else:
            while self.at < len(self.text) and self.text[self.at] not in ",]}#\n":
                self._advance(1)

    def _array(self, path: Path) -> None:
        self._advance(1)
        index = 0
        while self._skip_blank() and self.text[self.at] != "]":
            if self.text[self.at] == ",":
                self._advance(1)
                continue
            self.lines[(*path, index)] = self.line
            self._value((*path, index))
            index += 1
        self._advance(1)

    def _inline_table(self, path: Path) -> None:
        self._advance(1)
        while self._skip_blank() and self.text[self.at] != "}":
            if self.text[self.at] == ",":
                self._advance(1)
            else:
                self._pair(path)
        self._advance(1)

    def _string(self) -> str:
        quote = self.text[self.at]
        fence = quote * 3 if self.text.startswith(quote * 3, self.at) else quote
        self._advance(len(fence))
        begun = self.at
        while self.at < len(self.text) and not self.text.startswith(fence, self.at):
            self._advance(2 if quote == '"' and self.text[self.at] == "\\" else 1)
        inside = self.text[begun : self.at]
        self._advance(len(fence))
        while len(fence) == 3 and self.text.startswith(quote, self.at):  # `""""""` may end in quotes of its own
            self._advance(1)
        return inside

    def _skip_blank(self) -> bool:
        """Pass white space and comments. False at the end of the document."""
        while self.at < len(self.text):
            if self.text[self.at] == "#":
                while self.at < len(self.text) and self.text[self.at] != "\n":
                    self._advance(1)
            elif self.text[self.at].isspace():
                self._advance(1)
            else:
                return True
        return False

    def _advance(self, count: int) -> None:
        self.line += self.text.count("\n", self.at, self.at + count)
        self.at += count
