"""Search over passages: SQLite's FTS5 with Porter stems, scores of neighbours and whole sources mixed in.

On other databases than SQLite the same ranking runs over all passages in Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text, tuple_
from sqlmodel import Session, col, select

from bot.context.ranking import Place, bm25, combine
from bot.context.words import content_words
from scheduler.registry import Passage, Source

MOST_WORDS = 60  #: of a query; the first ones
MOST_RESULTS = 200

_PASSAGES = text(
    "SELECT p.source_id, p.n, -bm25(passage_fts) FROM passage_fts JOIN passage p ON p.id = passage_fts.rowid "
    "WHERE passage_fts MATCH :match AND (:source IS NULL OR p.source_id = :source)"
)
_SOURCES = text("SELECT rowid, -bm25(source_fts) FROM source_fts WHERE source_fts MATCH :match")


@dataclass(frozen=True)
class SearchResult:
    """A passage that was found.

    Attributes:
        score: higher is better; comparable within one search only.
        trust: `external` marks the words of people outside.
    """

    source_id: int
    passage_id: int
    text: str
    score: float
    start_s: float | None
    end_s: float | None
    date: str
    speaker: str
    customer: str
    url: str
    title: str = ""
    trust: str = "internal"


def search(session: Session, query: str, limit: int, source_id: int | None = None) -> tuple[SearchResult, ...]:
    """The best passages for `query`, best first. Empty when it holds no word that means something.

    Parameters:
        source_id: search in this source only.
    """
    words = content_words(query)[:MOST_WORDS]
    limit = max(1, min(limit, MOST_RESULTS))
    if not words:
        return ()
    by_engine = scores_fts5 if session.get_bind().dialect.name == "sqlite" else scores_plain
    passages, sources = by_engine(session, words, source_id)
    return _fetch(session, combine(passages, sources), limit)


Scores = tuple[Mapping[Place, float], Mapping[int, float]]


def scores_fts5(session: Session, words: Sequence[str], source_id: int | None) -> Scores:
    match = " OR ".join(f'"{word}"' for word in words)
    found = session.connection().execute(_PASSAGES, {"match": match, "source": source_id})
    passages = {(row[0], row[1]): float(row[2]) for row in found}
    wholes = session.connection().execute(_SOURCES, {"match": match})
    return passages, {row[0]: float(row[1]) for row in wholes}


def scores_plain(session: Session, words: Sequence[str], source_id: int | None) -> Scores:
    """The same ranking without an index, for PostgreSQL: fine for some ten thousand passages."""
    rows = session.exec(select(Passage.id, Passage.source_id, Passage.n, Passage.text)).all()
    places = {row[0]: (row[1], row[2]) for row in rows if row[0] is not None}
    scores = bm25(((row[0], row[3]) for row in rows if row[0] is not None), words)
    wholes = session.exec(select(Source.id, Source.text).where(col(Source.forgotten).is_(False))).all()
    sources = bm25(((row[0], row[1]) for row in wholes if row[0] is not None), words)
    wanted = {places[key]: score for key, score in scores.items() if source_id in (None, places[key][0])}
    return wanted, sources


def _fetch(session: Session, ranked: Sequence[tuple[Place, float]], limit: int) -> tuple[SearchResult, ...]:
    found: list[SearchResult] = []
    step = limit + 20  # some places do not exist, see `combine`
    for at in range(0, len(ranked), step):
        part = ranked[at : at + step]
        places = tuple_(col(Passage.source_id), col(Passage.n))
        rows = session.exec(
            select(Passage, Source)
            .join(Source, col(Source.id) == col(Passage.source_id))
            .where(places.in_([place for place, _ in part]), col(Source.forgotten).is_(False))
        ).all()
        there = {(passage.source_id, passage.n): (passage, source) for passage, source in rows}
        found += [_result(*there[place], score) for place, score in part if place in there]
        if len(found) >= limit:
            break
    return tuple(found[:limit])


def _result(passage: Passage, source: Source, score: float) -> SearchResult:
    assert passage.id is not None
    return SearchResult(
        source_id=passage.source_id,
        passage_id=passage.id,
        text=passage.text,
        score=round(score, 4),
        start_s=passage.start_s,
        end_s=passage.end_s,
        date=passage.date or source.date,
        speaker=passage.speaker,
        customer=passage.customer or source.customer,
        url=passage.url or source.url,
        title=source.title,
        trust=source.trust,
    )
