"""The words of a text that carry meaning."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W_]+")

#: English words too common to tell one passage from another, and the verbs with which people phrase requests to a bot.
_COMMON = frozenset(
    """
    a about above after again all also am an and any are aren as at be because been before being below between both
    but by can cannot could couldn did didn do does doesn doing don down during each few for from further had hadn has
    hasn have haven having he her here hers him his how i if in into is isn it its itself just let ll me more most my
    no nor not now of off on once only or other our ours out over own please re s same she should shouldn so some such
    t than that the their theirs them then there these they this those through to too under until up us ve very was
    wasn we were weren what when where which while who whom why will with won would wouldn you your yours
    """.split()  # noqa: SIM905  # a list of words reads best as words
)


def content_words(text: str) -> list[str]:
    """Lower-case words of `text` in order, each once, without those that every text holds."""
    found = dict.fromkeys(word.lower() for word in _WORD.findall(text))
    return [word for word in found if word not in _COMMON]


def all_words(text: str) -> list[str]:
    """Every lower-case word of `text` in order, for counting."""
    return [word.lower() for word in _WORD.findall(text)]
