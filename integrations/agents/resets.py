"""When a provider's limit ends, as its message says it in words. Pure.

Every provider words it in its own way, and none promises to keep it so: what is not understood is no time at all, and
the limit is then waited for in growing steps.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

_LONGEST = timedelta(days=8)
_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_UNIT = r"(?:days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)(?![a-z])"
_SPAN = rf"(?P<span>(?:\d+(?:\.\d+)?\s*{_UNIT}[\s,]*(?:and\s+)?)+)"
#: `try again in 1 hour 20 minutes` (Codex), `Please try again in 1.5s` (OpenAI)
_AGAIN_IN = re.compile(rf"(?:again|retry|resets?) (?:in|after) {_SPAN}", re.IGNORECASE)
_ONE = re.compile(r"(?P<count>\d+(?:\.\d+)?)\s*(?P<unit>[dhms])", re.IGNORECASE)
#: `Retry-After: 120`
_HEADER = re.compile(r"retry-after['\"]?\s*[:=]\s*['\"]?(?P<seconds>\d{1,7})\b", re.IGNORECASE)
#: `resets 3pm (Europe/Berlin)`, `resets Oct 9, 10:30am` (Claude); `try again at Nov 30th, 2026 3:05 PM` (Codex)
_CLOCK = re.compile(
    r"(?:resets|again)(?: at| on)? (?:(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? "
    r"(?P<day>\d{1,2})(?:st|nd|rd|th)?,?(?: (?P<year>\d{4}),?)?(?: at)? )?"
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))?\s?(?P<half>[ap])\.?m\b\.?"
    r"(?: \((?P<zone>[A-Za-z_]+(?:/[A-Za-z_+\-0-9]+)*)\))?",
    re.IGNORECASE,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def reset_in_words(text: str, now: float, local: tzinfo | None = None) -> float | None:
    """When a limit ends that a message speaks of, in seconds since 1970; None when it names no time ahead.

    Parameters:
        now: when the message was written, in seconds since 1970.
        local: the zone of a time that names none; this machine's by default, which is what the programs print.
    """
    began = datetime.fromtimestamp(now, UTC)
    ends = _after_span(text, began) or _at_clock(text, began.astimezone(local))
    return ends.timestamp() if ends is not None and began < ends <= began + _LONGEST else None


def _after_span(text: str, began: datetime) -> datetime | None:
    if (found := _AGAIN_IN.search(text)) is not None:
        seconds = sum(float(one["count"]) * _UNITS[one["unit"].lower()] for one in _ONE.finditer(found["span"]))
    elif (found := _HEADER.search(text)) is not None:
        seconds = float(found["seconds"])
    else:
        return None
    return began + timedelta(seconds=min(seconds, 1e7))


def _at_clock(text: str, began: datetime) -> datetime | None:
    found = _CLOCK.search(text)
    if found is None or not 1 <= int(found["hour"]) <= 12 or int(found["minute"] or 0) > 59:
        return None
    zone = _zone(found["zone"]) or began.tzinfo
    here = began.astimezone(zone)
    hour = int(found["hour"]) % 12 + (12 if found["half"].lower() == "p" else 0)
    at = here.replace(hour=hour, minute=int(found["minute"] or 0), second=0, microsecond=0)
    if not found["month"]:
        return at if at > here else at + timedelta(days=1)
    try:
        at = at.replace(month=_MONTHS.index(found["month"].lower()) + 1, day=int(found["day"]))
        if found["year"]:
            return at.replace(year=int(found["year"]))
        return at if at > here else at.replace(year=at.year + 1)
    except ValueError:
        return None


def _zone(name: str | None) -> tzinfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):
        return None
