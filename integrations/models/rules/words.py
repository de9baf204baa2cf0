"""Which words mean something, and sentences as they stand in a text. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"”’)]?\s+|\n+")
_SPEECH = re.compile(r"^[^\"“]{0,80}:\s*[\"“]")


def word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


def stem(word: str) -> str:
    """A word without plural and common endings: `exports`, `exporting` and `export` are one."""
    word = word.lower().replace("’", "'").removesuffix("'s")
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("able", "ing", "ed"):
        if len(word) > len(ending) + 3 and word.endswith(ending):
            word = word[: -len(ending)]
            return word[:-1] if word[-1] == word[-2] and word[-1] not in "sl" else word
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


#: Words that say nothing about the subject of a request.
STOP = word_set(
    """a about above after again all also am an and any are as at be because been before being but by can cannot could
    did do does doing done down during each either else even ever every for from get gets give go goes going got had
    has have having he her here hers him his how i if in into is it its itself just let lets like may me might more
    most much must my need needs needed never no nor not now of off on once one ones only or other our ours out over
    own please put really same she should so some something somebody such than thank thanks that the their theirs
    them then there these they thing things this those through to too under until up upon us use used uses using very
    want wants wanted was way we were what when where which while who whom whose why will with would yes you your
    yours waggle hey hi hello asap today tomorrow currently"""
)
#: Words that stand for somebody or for quality, and so cannot be the subject alone.
WEAK = frozenset(
    map(
        stem,
        word_set("customer user people client file everybody everyone team person accountant new better nice good bad"),
    )
)
#: Verbs and judgements that need an object to mean anything.
GENERIC = frozenset(
    map(
        stem,
        word_set(
            """add fix make change improve update build create implement support handle work help check look try start
            continue repair solve resolve broken bug issue problem error wrong stuff fast faster slow quick"""
        ),
    )
)


def meaningful(text: str) -> list[str]:
    """Stems of the words that mean something, in order, each once."""
    words = (found[0].lower() for found in _WORD.finditer(text))
    return list(dict.fromkeys(stem(word) for word in words if word not in STOP and (len(word) > 1 or word.isdigit())))


def subjects(text: str) -> list[str]:
    """Meaningful words that name what a request is about."""
    return [word for word in meaningful(text) if word not in GENERIC and word not in WEAK]


def weight(shared: Iterable[str], rarity: Mapping[str, float] | None = None) -> float:
    """How much shared words say: generic ones little, and the more the rarer they are among the texts compared."""
    known = rarity or {}
    return sum((0.25 if word in WEAK or word in GENERIC else 1.0) * known.get(word, 1.0) for word in shared)


def rarity(texts: Iterable[str]) -> dict[str, float]:
    """For each word a factor from 1 (in every text) upwards (in few of many)."""
    sets = [set(meaningful(text)) for text in texts]
    counts = Counter(word for words in sets for word in words)
    return {word: 1.0 + math.log(len(sets) / count) for word, count in counts.items()}


def sentences(text: str) -> list[str]:
    """Sentences exactly as they stand in the text; an introduction such as `Priya, by mail: "` is left out."""
    found = []
    start = 0
    for end in [*_SENTENCE_END.finditer(text), None]:
        piece = text[start : end.start() if end else len(text)]
        start = end.end() if end else len(text)
        speech = _SPEECH.match(piece)
        piece = piece[speech.end() :] if speech else piece
        piece = piece.strip().strip('"“”').lstrip("-*# ").strip()
        if piece:
            found.append(piece)
    return found


def shorten(text: str, limit: int) -> str:
    """Cut at a word's end; what is left is still the beginning of the text."""
    if len(text) <= limit:
        return text
    cut = text[:limit].rsplit(" ", 1)[0]
    return cut.rstrip(" ,;:-") or text[:limit]
