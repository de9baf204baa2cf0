"""The lines of a CI log that explain a failure. Pure: text in, lines out.

A log is cleaned first (time stamps, colours, groups, control characters), then each line gets points for what it looks
like, for what stands near it and for how close it is to the end of a step that failed (`excerpt_signs.py`); the best
lines are shown in their order. A log without any sign of a failure shows its last lines: an excerpt is never empty
because nothing matched.
"""

from __future__ import annotations

import hashlib
import math
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from integrations.github.excerpt_signs import (
    AFTER_A_FAILED_STEP,
    EACH_TIME_POINTS,
    ECHOES,
    IN_A_FAILED_STEP,
    INFRASTRUCTURE,
    JUDGES_CODE,
    NEAR_THE_END,
    OFTEN,
    OFTEN_POINTS,
    SIGNS,
    STEP_FAILED,
    STEP_STARTS,
    STRONG,
)
from integrations.github.values import Excerpt
from integrations.printable import printable, without_escapes
from integrations.redact import redact

#: Lines that are looked at, from the end.
MOST_LINES = 50_000
#: Characters of all lines together; when they are more, the longest lines are cut.
MOST_CHARACTERS = 60_000
#: Characters of a line that decide; a minified file on one line says no more in the rest.
_LOOKED_AT = 400
#: A good line lifts its neighbours, so that explanations stay whole: (distance, points less than its own).
_LIFT = ((1, 0.3), (2, 0.6))

_STAMP = re.compile(r"^\ufeff?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z ?")
_GROUP = re.compile(r"^##\[(?:group|section|command|debug)\]")
_MASKED = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-f]{7,64}\b|\d+")
_PLACE = re.compile(r"(?:[A-Za-z]:)?(?:[\w.@+-]*[/\\])+")
_INDEX = {sign.name: position for position, sign in enumerate(SIGNS)}
_NAMES_IT = ("error", "fail_caps", "exception", "assert")


def excerpt(log: str, lines: int = 100) -> Excerpt:
    """Choose the lines of a log that explain why it failed.

    Parameters:
        log: the whole log, as it came.
        lines: how many lines at most. Empty lines mark gaps and do not count; a line that comes twice is shown once.

    Returns the lines with secrets and control characters removed, whether the infrastructure is to blame, and a
    signature that is the same for the same failure in another run.
    """
    cleaned = clean(log)
    of_line = {line: _signs_of(line) for line in set(cleaned)}
    signs = [of_line[line] for line in cleaned]
    if sum(1 for line in cleaned if line.strip()) <= lines:
        chosen = list(range(len(cleaned)))
    elif not any(found[_INDEX[name]] for found in signs for name in STRONG):
        chosen = [position for position, line in enumerate(cleaned) if line.strip()][-lines:]
    else:
        chosen = _best(cleaned, _points(cleaned, signs), lines)
    shown = [position for position in chosen if not cleaned[position].startswith("##[endgroup]")]
    text = tuple(_shortened(_trimmed(_with_gaps(cleaned, shown))))
    return Excerpt(text, _is_infrastructure(text), _signature(cleaned, signs, shown))


def clean(log: str) -> list[str]:
    """The log's lines without time stamps, colours, overwritten progress and control characters."""
    return [_clean_line(line) for line in log.split("\n")[-MOST_LINES:]]


def _clean_line(line: str) -> str:
    line = without_escapes(_STAMP.sub("", line.rstrip("\r\n")))
    if "\r" in line:
        line = next((part for part in reversed(line.split("\r")) if part.strip()), "")
    return printable(line)


def _signs_of(line: str) -> tuple[bool, ...]:
    looked_at = line[:_LOOKED_AT]
    return tuple(sign.pattern.search(looked_at) is not None for sign in SIGNS)


def _points(lines: Sequence[str], signs: Sequence[tuple[bool, ...]]) -> list[float]:
    """How well each line would explain a failure."""
    points = [sum(sign.points for sign, has in zip(SIGNS, found, strict=True) if has) for found in signs]
    for echo in ECHOES:
        wanted = [_INDEX[name] for name in echo.signs]
        none = _INDEX["none"] if echo.signs == STRONG else None
        heard = 0.0
        order = range(len(lines)) if echo.above else range(len(lines) - 1, -1, -1)
        for position in order:
            points[position] += echo.points * heard
            found = signs[position]
            sounds = any(found[index] for index in wanted) and not (none is not None and found[none])
            heard = max(heard * echo.fade, 1.0 if sounds else 0.0)
    for position, more in enumerate(_by_place(lines)):
        points[position] += more
    often = Counter(masked := [_MASKED.sub("#", line[:_LOOKED_AT].strip()) for line in lines])
    for position, line in enumerate(masked):
        times = often[line]
        points[position] += EACH_TIME_POINTS * math.log1p(times) + (OFTEN_POINTS if times >= OFTEN else 0.0)
    return points


def _by_place(lines: Sequence[str]) -> list[float]:
    """Points for where a line stands: before the end of a failed step, in one, or after the first."""
    ends = [position for position, line in enumerate(lines) if STEP_FAILED.search(line)]
    marks = sorted({*ends, *(position for position, line in enumerate(lines) if STEP_STARTS.search(line))})
    failed = set(ends)
    points = []
    for position in range(len(lines)):
        following = bisect_left(ends, position)
        to_end = ends[following] - position if following < len(ends) else None if ends else len(lines) - position
        near = sum(worth for reach, worth in NEAR_THE_END if to_end is not None and to_end <= reach)
        mark = bisect_left(marks, position)
        inside = marks[mark] in failed if mark < len(marks) else not marks
        after = bool(ends) and position > ends[0]
        points.append(near + (IN_A_FAILED_STEP if inside else 0.0) + (AFTER_A_FAILED_STEP if after else 0.0))
    return points


def _best(lines: Sequence[str], points: Sequence[float], most: int) -> list[int]:
    lifted = list(points)
    for distance, less in _LIFT:
        for position, worth in enumerate(points):
            for neighbour in (position - distance, position + distance):
                if 0 <= neighbour < len(points):
                    lifted[neighbour] = max(lifted[neighbour], worth - less)
    chosen: list[int] = []
    seen: set[str] = set()
    for position in sorted(range(len(lines)), key=lambda at: (-lifted[at], at)):
        text = lines[position].strip()
        if text and text not in seen:
            seen.add(text)
            chosen.append(position)
            if len(chosen) == most:
                break
    return sorted(chosen)


def _with_gaps(lines: Sequence[str], chosen: Sequence[int]) -> list[str]:
    """The chosen lines, with an empty one wherever something is left out that the reader has not seen."""
    seen = {lines[position].strip() for position in chosen}
    shown: list[str] = []
    before = -1
    for position in chosen:
        if any(lines[between].strip() not in seen for between in range(before + 1, position)) and shown and shown[-1]:
            shown.append("")
        shown.append(redact(_GROUP.sub("", lines[position].rstrip())))
        before = position
    return shown


def _trimmed(lines: list[str]) -> list[str]:
    while lines and not lines[-1].strip():
        lines.pop()
    while lines and not lines[0].strip():
        lines.pop(0)
    return lines


def _shortened(lines: list[str]) -> list[str]:
    """The lines, the longest ones cut until all together are at most MOST_CHARACTERS long."""
    longest = MOST_CHARACTERS
    while sum(min(len(line), longest) for line in lines) > MOST_CHARACTERS:
        longest = longest * 3 // 4
    return [line if len(line) <= longest else line[:longest] + " […]" for line in lines]


def _is_infrastructure(lines: Sequence[str]) -> bool:
    return any(INFRASTRUCTURE.search(line) for line in lines) and not any(JUDGES_CODE.search(line) for line in lines)


def _signature(lines: Sequence[str], signs: Sequence[tuple[bool, ...]], chosen: Sequence[int]) -> str:
    """Digest of the first line that names the failure, else of the last one, without numbers and directories."""
    named = (position for position in chosen if any(signs[position][_INDEX[name]] for name in _NAMES_IT))
    last = next((position for position in reversed(chosen) if lines[position].strip()), None)
    first = next(named, last)
    if first is None:
        return ""
    masked = _MASKED.sub("#", _PLACE.sub("", lines[first].strip()[:_LOOKED_AT]))
    return hashlib.sha1(masked.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()[:16]
