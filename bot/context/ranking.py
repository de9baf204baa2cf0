"""How scores are put together, and BM25 for databases without a text index. Pure.

A passage gains from its neighbours and from the meeting that it stands in: people answer a question over several
turns, and name the subject once at the beginning. On real calls this finds more than any score of the passage alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from bot.context.words import all_words

NEIGHBOUR = 0.4  #: share of a passage's score that the passages before and after it gain
SOURCE = 1.5  #: weight of the score of the whole source

Place = tuple[int, int]  #: source id, number of the passage in it

_K1, _B = 1.2, 0.75  # the constants of SQLite's bm25()


def combine(passages: Mapping[Place, float], sources: Mapping[int, float]) -> list[tuple[Place, float]]:
    """Scores with those of neighbours and sources mixed in, best first.

    A place that only a neighbour lifts may not exist, when that neighbour is the last of its source: the caller
    drops it when it fetches the rows.
    """
    mixed = dict(passages)
    for (source, n), score in passages.items():
        for beside in (n - 1, n + 1):
            if beside >= 0:
                mixed[source, beside] = mixed.get((source, beside), 0.0) + NEIGHBOUR * score
    ranked = [(place, score + SOURCE * sources.get(place[0], 0.0)) for place, score in mixed.items()]
    return sorted(ranked, key=lambda one: (-one[1], one[0]))


def bm25(texts: Iterable[tuple[int, str]], words: Sequence[str]) -> dict[int, float]:
    """Score every text that holds one of the words. Words are cut to their stem."""
    wanted = {stem(word) for word in words}
    counts: dict[int, Counter[str]] = {}
    lengths: dict[int, int] = {}
    for key, text in texts:
        stems = [stem(word) for word in all_words(text)]
        lengths[key] = len(stems)
        counts[key] = Counter(one for one in stems if one in wanted)
    if not lengths:
        return {}
    average = sum(lengths.values()) / len(lengths) or 1.0
    holds = Counter(one for found in counts.values() for one in found)
    rarity = {one: max(math.log((len(lengths) - n + 0.5) / (n + 0.5)), 1e-6) for one, n in holds.items()}
    scores = {}
    for key, found in counts.items():
        if found:
            weight = _K1 * (1 - _B + _B * lengths[key] / average)
            scores[key] = sum(rarity[one] * n * (_K1 + 1) / (n + weight) for one, n in found.items())
    return scores


def stem(word: str) -> str:
    """The word without the commonest English endings, so that forms of a word share a beginning."""
    for ending in ("ingly", "edly", "ing", "ies", "ed", "es", "s", "ly"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)] + ("i" if ending == "ies" else "")
            break
    if len(word) > 4 and word.endswith("e"):
        return word[:-1]
    return word[:-1] + "i" if len(word) > 3 and word.endswith("y") else word
