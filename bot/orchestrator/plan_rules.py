"""What of a model's scope is believed. Pure: quotes are held against passages, files against the repository.

A model may propose; only what can be checked goes into the task.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import Literal

from bot.context.search import SearchResult
from integrations.models.judgements import CitedPassage
from scheduler.judging import Citation

MOST_CITATIONS = 5
MOST_FILES = 12
SHORTEST_QUOTE = 2  #: words; one word is found in any passage
LONGEST_QUOTE = 600  #: characters

_PATH = re.compile(r"[\w.@+()\[\] -]+(?:/[\w.@+()\[\] -]+)*")
_TEST = re.compile(r"(^|/)(tests?|specs?|__tests__)/|(^|/)test_[^/]+$|_test\.\w+$|\.(?:test|spec)\.\w+$")
_DOCS = (".md", ".rst", ".txt", ".adoc")


@dataclass(frozen=True)
class Checked:
    """Citations that hold, and why others were dropped."""

    citations: tuple[Citation, ...]
    dropped: tuple[str, ...] = ()


def check_citations(cited: Sequence[CitedPassage], passages: Mapping[str, SearchResult]) -> Checked:
    """Keep the citations whose quote stands in their passage, white space aside.

    Parameters:
        passages: what the model was shown, by the id that it was shown under.
    """
    kept: dict[tuple[int, str], Citation] = {}
    dropped: list[str] = []
    for one in cited:
        passage = passages.get(one.passage_id)
        if passage is None:
            dropped.append(f"a citation of passage {one.passage_id}, which was not shown")
            continue
        quote = find_quote(one.quote, passage.text)
        if not quote:
            dropped.append(f"a quote that is not in passage {one.passage_id}: “{one.quote[:80]}”")
            continue
        kept.setdefault(
            (passage.passage_id, quote),
            Citation(
                source_id=passage.source_id,
                passage_id=passage.passage_id,
                quote=quote,
                date=passage.date,
                speaker=speaker_of(quote, passage),
                customer=passage.customer,
                title=passage.title,
                url=passage.url,
            ),
        )
    return Checked(tuple(kept.values())[:MOST_CITATIONS], tuple(dropped))


def find_quote(quote: str, text: str) -> str:
    """The quote as it stands in the text, on one line; empty when it does not stand there or says nothing."""
    wanted = _without_speaker(" ".join(quote.split()).strip('"“”'), text)
    if len(wanted.split()) < SHORTEST_QUOTE or len(wanted) > LONGEST_QUOTE:
        return ""
    return wanted if wanted in " ".join(text.split()) else ""


def _without_speaker(quote: str, text: str) -> str:
    """A model that copies a line of a conversation copies the name in front of it too."""
    head, colon, said = quote.partition(": ")
    spoken = colon and len(head) <= 60 and any(row.startswith(f"{head}: ") for row in text.split("\n"))
    return said.strip('"“” ') if spoken else quote


def speaker_of(quote: str, passage: SearchResult) -> str:
    """Who said it: the speaker of the passage, or of the line of a conversation that holds the quote."""
    if passage.speaker:
        return passage.speaker
    for line in passage.text.split("\n"):
        head, colon, said = line.partition(": ")
        if colon and len(head) <= 60 and quote in " ".join(said.split()):
            return head.strip()
    return ""


def check_files(proposed: Sequence[str], existing: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(files to keep, files dropped). A file must exist, or be a plausible new one: relative, in a known directory."""
    known = set(existing)
    directories = {str(parent) for path in known for parent in PurePosixPath(path).parents}
    kept: list[str] = []
    dropped: list[str] = []
    for raw in proposed:
        path = raw.strip().removeprefix("./")
        parts = path.split("/")
        plain = bool(_PATH.fullmatch(path)) and not {"", ".", "..", ".git"} & set(parts) and len(path) <= 200
        near = str(PurePosixPath(path).parent) in directories or str(PurePosixPath(path).parent.parent) in directories
        if plain and (path in known or (near and "." in parts[-1])):
            kept.append(path)
        else:
            dropped.append(raw.strip()[:120])
    return tuple(dict.fromkeys(kept))[:MOST_FILES], tuple(dropped)


def choose_lane(
    kind: str,
    size: str,
    files: Sequence[str],
    existing: Collection[str],
    small_paths: Sequence[str] = (),
    full_paths: Sequence[str] = (),
) -> tuple[Literal["small", "full"], str]:
    """The lane and its reason. Small only for what one look can judge; a model cannot ask for it.

    Parameters:
        small_paths, full_paths: what the repository itself says about its files.
    """
    if kind == "security":
        return "full", "security is never small"
    careful = next((path for path in files if any(fnmatch(path, one) for one in full_paths)), "")
    if careful:
        return "full", f"the repository wants a full review of {careful}"
    if size != "small":
        return "full", f"it is {size}"
    if files and all(any(fnmatch(path, one) for one in small_paths) for path in files):
        return "small", "the repository calls these files small"
    known = set(existing)
    if kind == "docs" and files and all(path.lower().endswith(_DOCS) for path in files):
        return "small", "documentation only"
    work = [path for path in files if not _TEST.search(path)]
    if kind in {"bug", "docs", "tests", "refactor"} and len(work) == 1 and work[0] in known:
        return "small", f"one file: {work[0]}"
    if kind == "tests" and files and not work:
        return "small", "tests only"
    return "full", "more than one file, or new behaviour" if files else "the files are not known yet"
