"""A small, safe part of Markdown for bodies and comments. Everything is escaped first; no raw HTML gets through."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from urllib.parse import urlsplit

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_FENCE = re.compile(r"^ {0,3}(```+|~~~+)\s*([\w+-]*)\s*$")
_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")
_ITEM = re.compile(r"^(\s*)(?:[-*+]|\d+[.)])\s+(.*)$")
_ORDERED = re.compile(r"^\s*\d+[.)]\s")
_TASK = re.compile(r"^\[([ xX])\]\s+(.*)$")
_RULE = re.compile(r"^ {0,3}([-*_])(?:\s*\1){2,}\s*$")
_TABLE_RULE = re.compile(r"^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")
_CODE = re.compile(r"(`+)(.+?)\1", re.DOTALL)
_IMAGE = re.compile(r"!\[([^\]]*)\]\(([^()\s]+)\)")
_LINK = re.compile(r"\[([^\]]+)\]\(([^()\s]+)\)")
_BARE = re.compile(r"(?<![\"'=>/\w])(https?://[^\s<>\"']+[\w/#=-])")
_STRONG = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")
_EMPHASIS = re.compile(r"(?<![\w*])[*_](?=\S)([^*_]+?)(?<=\S)[*_](?![\w*])")

ImageAddress = Callable[[str], str | None]


def render(text: str, image: ImageAddress = lambda target: None) -> str:
    """HTML of a Markdown text.

    Parameters:
        image: the address under which an image may be shown, or None: then a link stands in its place.
    """
    return _Blocks(_COMMENT.sub("", text).replace("\r\n", "\n").split("\n"), image).html()


class _Blocks:
    def __init__(self, lines: list[str], image: ImageAddress) -> None:
        self._lines = lines
        self._image = image
        self._at = 0
        self._out: list[str] = []

    def html(self) -> str:
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if not line.strip():
                self._at += 1
            elif fence := _FENCE.match(line):
                self._code(fence[1])
            elif heading := _HEADING.match(line):
                level = min(len(heading[1]) + 2, 6)  # the page has its own first two levels
                self._out.append(f"<h{level}>{self._inline(heading[2])}</h{level}>")
                self._at += 1
            elif _RULE.match(line):
                self._out.append("<hr>")
                self._at += 1
            elif line.lstrip().startswith(">"):
                self._quote()
            elif _ITEM.match(line):
                self._list()
            elif "|" in line and self._at + 1 < len(self._lines) and _TABLE_RULE.match(self._lines[self._at + 1]):
                self._table()
            else:
                self._paragraph()
        return "\n".join(self._out)

    def _code(self, fence: str) -> None:
        self._at += 1
        body = []
        while self._at < len(self._lines) and not self._lines[self._at].strip().startswith(fence):
            body.append(self._lines[self._at])
            self._at += 1
        self._at += 1
        self._out.append(f"<pre><code>{escape(chr(10).join(body))}</code></pre>")

    def _quote(self) -> None:
        inner = self._take(lambda line: line.lstrip().startswith(">"))
        stripped = [re.sub(r"^\s*> ?", "", line) for line in inner]
        self._out.append(f"<blockquote>{_Blocks(stripped, self._image).html()}</blockquote>")

    def _list(self) -> None:
        tag = "ol" if _ORDERED.match(self._lines[self._at]) else "ul"
        items: list[list[str]] = []
        margin = len(self._lines[self._at]) - len(self._lines[self._at].lstrip())
        for line in self._take(lambda line: bool(line.strip()) and bool(_ITEM.match(line) or line.startswith("  "))):
            found = _ITEM.match(line)
            if found and len(found[1]) < margin + 2:
                items.append([found[2]])
            else:
                items[-1].append(line[2:] if line.startswith("  ") else line)
        self._out.append(f"<{tag}>{''.join(self._list_item(item) for item in items)}</{tag}>")

    def _list_item(self, lines: list[str]) -> str:
        first, rest = lines[0], lines[1:]
        box = ""
        if task := _TASK.match(first):
            done = " checked" if task[1] != " " else ""
            box, first = f'<input type="checkbox" disabled{done} aria-label="done"> ', task[2]
        inner = f"\n{_Blocks(rest, self._image).html()}" if rest else ""
        return f"<li>{box}{self._inline(first)}{inner}</li>"

    def _table(self) -> None:
        rows = [_cells(line) for line in self._take(lambda line: "|" in line)]
        head = "".join(f"<th>{self._inline(cell)}</th>" for cell in rows[0])
        body = "".join(f"<tr>{''.join(f'<td>{self._inline(cell)}</td>' for cell in row)}</tr>" for row in rows[2:])
        self._out.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")

    def _paragraph(self) -> None:
        lines = [self._lines[self._at]]
        self._at += 1
        lines += self._take(
            lambda line: (
                bool(line.strip())
                and not (
                    _FENCE.match(line) or _HEADING.match(line) or _ITEM.match(line) or line.lstrip().startswith(">")
                )
            )
        )
        self._out.append(f"<p>{'<br>'.join(self._inline(line) for line in lines)}</p>")

    def _take(self, wanted: Callable[[str], bool]) -> list[str]:
        start = self._at
        while self._at < len(self._lines) and wanted(self._lines[self._at]):
            self._at += 1
        return self._lines[start : self._at]

    def _inline(self, text: str) -> str:
        kept: list[str] = []

        def keep(html: str) -> str:
            kept.append(html)
            return f"\x00{len(kept) - 1}\x00"

        text = _CODE.sub(lambda found: keep(f"<code>{escape(found[2].strip())}</code>"), text.replace("\x00", ""))
        text = _IMAGE.sub(lambda found: keep(self._picture(found[1], found[2])), text)
        text = _LINK.sub(lambda found: keep(_link(found[2], self._inline(found[1]))), text)
        text = _BARE.sub(lambda found: keep(_link(found[1], escape(found[1]))), text)
        html = escape(text)
        html = _STRONG.sub(r"<strong>\1</strong>", html)
        html = _EMPHASIS.sub(r"<em>\1</em>", html)
        while "\x00" in html:
            html = re.sub("\x00(\\d+)\x00", lambda found: kept[int(found[1])], html)
        return html

    def _picture(self, label: str, target: str) -> str:
        address = self._image(target)
        if address is None:
            return _link(target, escape(label or target))
        return f'<img src="{escape(address)}" alt="{escape(label)}" loading="lazy">'


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def _link(target: str, html: str) -> str:
    """A link to a web page or inside this site; anything else (`javascript:`, `data:`) stays text."""
    scheme = urlsplit(target).scheme if "://" in target or ":" in target.split("/")[0] else ""
    if scheme not in ("", "http", "https", "mailto"):
        return html
    return f'<a href="{escape(target)}" rel="noopener noreferrer nofollow">{html}</a>'
