"""What a prompt asks for, and what evidence it brings. Pure: text in, values out."""

from __future__ import annotations

import re
from collections.abc import Sequence

from integrations.playground.scripted.recipes import Recipe

_FENCED = re.compile(r"```.*?```|<(?P<tag>[a-z][\w-]*)[^>]*>.*?</(?P=tag)>", re.DOTALL)
_HEADING = re.compile(r"^#+\s")
_TITLE = re.compile(r"^#\s|\bT-\d+\b|^\W*(task|title|goal|request)\b\W*:", re.IGNORECASE)
_ASKING_HEADING = re.compile(r"^#+\s+(?:the\s+)?(?:task|goal|request)\W*$", re.IGNORECASE)
_TEST_NAME = re.compile(r"(?<![\w/])test_\w+\b(?!\.py)")
_QUOTED = re.compile(r"“[^”]*”")
_ANSWER = re.compile(r"^\W*(?:the\s+)?answer\b[^:\n]*:\s*(?P<answer>\S.*)$", re.IGNORECASE | re.MULTILINE)


def requested(prompt: str, recipes: Sequence[Recipe]) -> list[Recipe]:
    """The jobs that the prompt asks for: those of its first title or goal line that asks for anything known.

    What customers said stands in the prompt too, and must not start a job of its own. The description of a
    feature may name what the corrections are about (a status, a tax), so on one line the feature wins.
    """
    for line in request_lines(prompt):
        found = [recipe for recipe in recipes if recipe.wants(line.lower())]
        features = [recipe for recipe in found if recipe.is_feature]
        if found:
            return features or found
    return []


def request_lines(prompt: str) -> list[str]:
    """The lines that say what to do: titles and goal sections, or the whole prompt when it has neither.

    Quotations are left out: they say why, not what.
    """
    own = _QUOTED.sub("", _FENCED.sub("", prompt))
    lines = [line for line in own.splitlines() if line.strip() and not line.lstrip().startswith(">")]
    chosen: list[str] = []
    inside = False
    for line in lines:
        if _HEADING.match(line):
            inside = bool(_ASKING_HEADING.match(line))
        if inside or _TITLE.search(line):
            chosen.append(line)
    return chosen or lines


def named_tests(prompt: str) -> set[str]:
    """Names of test functions and modules in the prompt's evidence. A path to a test file is no evidence."""
    return set(_TEST_NAME.findall(prompt))


def answered(prompt: str, options: Sequence[str]) -> str | None:
    """Which option a person chose: from an `Answer: …` line, else the option that stands last in the prompt."""
    said = list(_ANSWER.finditer(prompt))
    text = (said[-1]["answer"] if said else prompt).lower()
    last = max(options, key=lambda option: text.rfind(option.lower()), default=None)
    return last if last is not None and last.lower() in text else None
