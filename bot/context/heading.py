"""Title, date and customer of a document, from what people write at its head. Pure.

Read in this order: front matter (`title: …` between `---` lines, or such lines at the top), the first heading, the
comment at the head of a transcript, the file's name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

_MONTHS = ("january february march april may june july august september october november december").split()  # noqa: SIM905  # a list of words reads best as words
_MONTH = "(?P<month>" + "|".join(f"{name}|{name[:3]}" for name in _MONTHS) + r")\.?"
_DATES = (
    re.compile(r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})"),
    re.compile(rf"(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\.?\s+(?:of\s+)?{_MONTH}\s*,?\s+(?P<y>\d{{4}})", re.IGNORECASE),
    re.compile(rf"{_MONTH}\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\s*,?\s+(?P<y>\d{{4}})", re.IGNORECASE),
)
_FIELD = re.compile(
    r"\W*(?P<key>title|subject|meeting|date|when|customer|client|company|account)\W*:\s*(?P<value>\S.*)", re.I
)
_HEADING = re.compile(r"#{1,3}\s*(?P<title>\S.*?)\s*#*")
_CALL_WITH = re.compile(
    r"\b(?i:call|meeting|interview|chat|talk|conversation|visit|sync)\s+(?:with|at)\s+(?P<who>[A-Z][^,;:(\n–—]*?)"
    r"(?=\s+(?:on|about|at|regarding)\b|\s*[,;:(–—]|\s+-\s|\s*$)"
)
_IN_NAME = re.compile(r".*\((?P<company>[^()]{2,60})\)\s*")
_PRESENT = re.compile(r"\W*(?:present|attendees|participants|with)\W*:\s*(?P<people>\S.*)", re.IGNORECASE)
_HEAD_LINES = 12


@dataclass(frozen=True)
class Heading:
    """What a document says about itself. `date` is ISO (`2026-03-03`) or empty."""

    title: str
    date: str = ""
    customer: str = ""


def read_heading(text: str, name: str, notes: Sequence[str] = ()) -> Heading:
    """The heading of a document.

    Parameters:
        text: the document's own text.
        name: the file's name, which is the title when nothing better is found.
        notes: comments that stood at the head of a transcript.
    """
    lines = [line for line in text.split("\n")[:_HEAD_LINES] if line.strip()]
    fields = _fields(lines)
    headings = [head["title"] for line in lines if (head := _HEADING.fullmatch(line.strip()))]
    top = [*headings[:1], *notes]
    stem = re.sub(r"\.\w{1,5}$", "", name)
    title = fields.get("title") or next((line for line in top if line), "") or _title_from(stem)
    when = next((day for one in [fields.get("date", ""), *top, stem, *lines] if (day := read_date(one))), "")
    customer = fields.get("customer") or next((c for line in top if (c := _customer_of_call(line))), "")
    return Heading(title[:200].strip(), when, (customer or _single_company(lines))[:100].strip())


def read_date(text: str) -> str:
    """The first date in `text` as ISO, or an empty string."""
    for pattern in _DATES:
        for found in pattern.finditer(text):
            named = found.groupdict()
            month = int(named["m"]) if named.get("m") else _month(named["month"])
            try:
                return date(int(named["y"]), month, int(named["d"])).isoformat()
            except ValueError:
                continue
    return ""


def customer_in_name(speaker: str) -> str:
    """`Northwind Logistics` of `Priya (Northwind Logistics)`, as call tools write guests."""
    found = _IN_NAME.fullmatch(speaker)
    return found["company"].strip() if found and not _is_role(found["company"]) else ""


def _is_role(words: str) -> bool:
    return words.strip().lower() in {"host", "co-host", "guest", "me", "external", "she/her", "he/him", "they/them"}


def _fields(lines: Sequence[str]) -> dict[str, str]:
    names = {"subject": "title", "meeting": "title", "when": "date", "client": "customer", "company": "customer"}
    names["account"] = "customer"
    found: dict[str, str] = {}
    for line in lines:
        match = _FIELD.fullmatch(line.strip())
        if match:
            key = match["key"].lower()
            found.setdefault(names.get(key, key), match["value"].strip().strip("\"'*_"))
    return found


def _month(name: str) -> int:
    return next(i for i, month in enumerate(_MONTHS, 1) if month.startswith(name.lower()[:3]))


def _customer_of_call(line: str) -> str:
    found = _CALL_WITH.search(line)
    return found["who"].strip() if found else ""


def _single_company(lines: Sequence[str]) -> str:
    """The one company that the list of people names in parentheses."""
    for line in lines:
        present = _PRESENT.fullmatch(line.strip())
        if present:
            companies = {found.strip() for found in re.findall(r"\(([^()]{2,60})\)", present["people"])}
            companies = {one for one in companies if not _is_role(one)}
            return companies.pop() if len(companies) == 1 else ""
    return ""


def _title_from(stem: str) -> str:
    plain = re.sub(r"^\d{4}-\d{2}-\d{2}[-_ ]*", "", stem)
    return re.sub(r"[-_]+", " ", plain or stem).strip() or "note"
