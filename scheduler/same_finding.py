"""When two findings are about the same thing, whatever their words. Pure.

| compared | the same when |
|---|---|
| file | equal |
| category | equal |
| place | the quoted lines are equal, or the lines are at most ten apart |
| words | the quoted lines are equal, or title and reason share two in five of the shorter one's word stems |

Lines move as a change is mended, and reviewers reword: neither alone makes a finding new.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

Finding = Mapping[str, Any]  #: as `Review.findings` keeps it

REGION = 10  #: lines
ALIKE = 0.4
_STEM = 5
_WORD = re.compile(r"[^\W\d_]{4,}")
_COMMON = frozenset(
    ["this", "that", "with", "from", "when", "which", "there", "here", "will", "would", "could", "should"]
)


def key_of(finding: Finding) -> str:
    """A short name for a finding, the same for the same words about the same line."""
    parts = [str(finding.get(name, "")) for name in ("path", "category", "title", "why", "quote")]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def same(one: Finding, other: Finding) -> bool:
    """Whether both are about the same thing."""
    if one.get("path") != other.get("path") or one.get("category") != other.get("category"):
        return False
    if _quote(one) and _quote(one) == _quote(other):
        return True
    near = abs(int(one.get("line", 0)) - int(other.get("line", 0))) <= REGION
    return near and _alike(_words(one), _words(other))


def _quote(finding: Finding) -> str:
    return " ".join(str(finding.get("quote", "")).split())


def _words(finding: Finding) -> frozenset[str]:
    text = f"{finding.get('title', '')} {finding.get('why', '')}".lower()
    return frozenset(word[:_STEM] for word in _WORD.findall(text) if word not in _COMMON)


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    fewer = min(len(one), len(other))
    return bool(fewer) and len(one & other) >= ALIKE * fewer
