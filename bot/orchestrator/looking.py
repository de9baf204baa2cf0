"""Finding the files that a request is about: words in lines and paths, rare words weighing more."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from bot.context.ranking import stem
from bot.context.words import content_words
from bot.orchestrator.reading import RepositoryReader
from integrations.git import Hit
from integrations.models.judgements import RepositoryFact

MOST_WORDS = 12
MOST_FILES = 10
MOST_EXCERPTS = 12
_LONGEST_EXCERPT = 160

#: Words of requests that say nothing about where the code is.
_ASKING = frozenset(
    """
    add allow ask bug change feature fix get give issue let like make need needs new please problem request show support
    task thing use want wants way work works
    """.split()  # noqa: SIM905  # a list of words reads best as words
)
#: Who wishes it is not what it is about: "customers want an export".
_WISHER = re.compile(
    r"\b(?:customers?|users?|clients?|people)\s+(?:wants?|needs?|asks?|would like|are asking)\b", re.IGNORECASE
)
_NOT_SOURCE = re.compile(
    r"(^|/)(node_modules|vendor|dist|build|third_party)/|\.(?:lock|min\.js|min\.css|map|svg|png|jpe?g|gif|ico|pdf|woff2?)$"
    r"|(^|/)(package-lock\.json|pnpm-lock\.yaml|requirements\.lock)$"
)
_TEST = re.compile(r"(^|/)(tests?|specs?|__tests__)/|(^|/)test_[^/]+$")


def look_for(reader: RepositoryReader, slug: str, text: str) -> RepositoryFact:
    """What the repository holds about `text`, best first. Blocking; raises integrations.git.GitError."""
    files = reader.list_files(slug)
    words = search_words(text)
    hits = {word: [hit for hit in reader.grep(slug, [word]) if not _NOT_SOURCE.search(hit.path)] for word in words}
    ranked = rank_files(files, hits)
    return RepositoryFact(
        slug=slug,
        base_branch=reader.base_branch(slug),
        files=tuple(ranked[:MOST_FILES]),
        excerpts=tuple(_excerpts(ranked, hits)),
    )


def search_words(text: str) -> list[str]:
    """Stems of the words worth searching for; when only words of asking are left, those."""
    words = content_words(_WISHER.sub(" ", text))
    telling = [word for word in words if word not in _ASKING and len(word) > 2] or words
    return list(dict.fromkeys(stem(word) for word in telling))[:MOST_WORDS]


def rank_files(files: Sequence[str], hits: Mapping[str, Sequence[Hit]]) -> list[str]:
    """Files that hold the words, or are named by them, best first. Pure."""
    scores: dict[str, float] = defaultdict(float)
    total = max(len(files), 1)
    for word, found in hits.items():
        counts = Counter(hit.path for hit in found)
        named = {path for path in files if word in path.lower() and not _NOT_SOURCE.search(path)}
        rarity = math.log(1 + total / max(len(counts.keys() | named), 1))
        for path, count in counts.items():
            scores[path] += rarity * (1 + min(count, 5) / 10)
        for path in named:
            scores[path] += 2 * rarity
    # A test is found by the same words as what it tests, and follows it.
    return sorted(scores, key=lambda path: (-scores[path] * (0.6 if _TEST.search(path) else 1.0), path))


def _excerpts(ranked: Sequence[str], hits: Mapping[str, Sequence[Hit]]) -> list[str]:
    place = {path: i for i, path in enumerate(ranked[:MOST_FILES])}
    lines = {(hit.path, hit.line): hit.text for found in hits.values() for hit in found if hit.path in place}
    shown: list[str] = []
    taken: Counter[str] = Counter()
    for (path, number), text in sorted(lines.items(), key=lambda one: (place[one[0][0]], one[0][1])):
        if taken[path] < 2 and len(shown) < MOST_EXCERPTS:
            taken[path] += 1
            shown.append(f"{path}:{number}: {text.strip()[:_LONGEST_EXCERPT]}")
    return shown
