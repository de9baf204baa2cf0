"""A second look by rules: a claim holds when a check sees the same thing in the same code."""

from __future__ import annotations

import re

from integrations.models.judgements import ClaimFacts, Verification
from integrations.models.rules.checks import Change
from integrations.models.rules.diff import FileDiff, Row
from integrations.models.rules.review import EVERYTHING

_NUMBERED = re.compile(r"(\d+): (.*)")


def verify(facts: ClaimFacts) -> Verification:
    """Run every check over the code that was shown. What none of them sees is neither confirmed nor refuted."""
    shown = [(int(row[1]), row[2]) for text in facts.code.split("\n") if (row := _NUMBERED.fullmatch(text))]
    rows = [Row("+" if line == facts.line else " ", line, text) for line, text in shown]
    change = Change((FileDiff(facts.path, rows=rows),), "")
    for check in EVERYTHING.checks:
        for found in check(change):
            if found.title == facts.title:
                return Verification(result="confirmed", why=f"Line {found.line} reads: {found.quote.strip()[:200]}")
    return Verification(result="unsure", why="No rule sees this in the code that was shown.")
