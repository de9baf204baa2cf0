"""Utterances to passages: the pieces that are searched and cited. Pure.

About 100 words a passage, cut between utterances: measured on real calls, this length with the scores of neighbours
mixed in finds more than longer or shorter ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.context.heading import customer_in_name
from bot.context.transcripts import Utterance

WORDS = 100  #: a passage is closed when it has so many
LONGEST = 150  #: an utterance that would make it longer starts the next one; longer ones are cut between sentences

_SENTENCE = re.compile(r"(?<=[.!?…])\s+")


@dataclass(frozen=True)
class PassageDraft:
    """A passage before it is stored.

    Attributes:
        text: one line for each speaker's turn, `Name: words`, or paragraphs.
        speaker: set when only one person speaks in it.
    """

    text: str
    speaker: str = ""
    customer: str = ""
    start_s: float | None = None
    end_s: float | None = None


def cut(utterances: Iterable[Utterance]) -> list[PassageDraft]:
    """Passages of a document, in order. Every word of the utterances is in exactly one of them."""
    drafts: list[PassageDraft] = []
    held: list[Utterance] = []
    count = 0
    for piece in _short_enough(utterances):
        size = len(piece.text.split())
        if held and count + size > LONGEST:
            drafts.append(_draft(held))
            held, count = [], 0
        held.append(piece)
        count += size
        if count >= WORDS and not _is_heading(piece):
            drafts.append(_draft(held))
            held, count = [], 0
    if held:
        drafts.append(_draft(held))
    return drafts


def paragraphs(text: str) -> list[Utterance]:
    """The paragraphs of prose. A list item is a paragraph of its own, so a decision is not cut in the middle."""
    found: list[Utterance] = []
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*+]|\d+[.)])\s)|\n(?=#)|(?<=\n)(?=\|)", text):
        words = " ".join(block.split())
        if words:
            found.append(Utterance(words))
    return found


def _is_heading(piece: Utterance) -> bool:
    return piece.text.startswith("#") and not piece.speaker


def _short_enough(utterances: Iterable[Utterance]) -> Iterable[Utterance]:
    for one in utterances:
        words = one.text.split()
        if len(words) <= LONGEST:
            yield one
            continue
        parts = _parts(one.text)
        total, said = len(words), 0
        for part in parts:
            size = len(part.split())
            yield Utterance(part, one.speaker, _at(one, said / total), _at(one, (said + size) / total))
            said += size


def _at(one: Utterance, share: float) -> float | None:
    """The moment at which a share of a long utterance was said, if it was said evenly."""
    if one.start_s is None or one.end_s is None:
        return None
    return one.start_s + (one.end_s - one.start_s) * share


def _parts(text: str) -> list[str]:
    parts: list[str] = []
    held: list[str] = []
    for sentence in _SENTENCE.split(text):
        words = sentence.split()
        while len(words) > LONGEST:  # no full stop for very long: speech recognition without punctuation
            held, words = [*held, *words[:WORDS]], words[WORDS:]
            parts.append(" ".join(held))
            held = []
        if held and len(held) + len(words) > WORDS:
            parts.append(" ".join(held))
            held = []
        held += words
    return [*parts, " ".join(held)] if held else parts


def _draft(held: Sequence[Utterance]) -> PassageDraft:
    lines: list[str] = []
    turn: str | None = None
    for one in held:
        if one.speaker and one.speaker == turn:
            lines[-1] += f" {one.text}"
        else:
            lines.append(f"{one.speaker}: {one.text}" if one.speaker else one.text)
        turn = one.speaker
    speakers = {one.speaker for one in held}
    customers = {found for one in held if (found := customer_in_name(one.speaker))}
    starts = [one.start_s for one in held if one.start_s is not None]
    ends = [one.end_s for one in held if one.end_s is not None]
    return PassageDraft(
        "\n".join(lines),
        speakers.pop() if len(speakers) == 1 else "",
        customers.pop() if len(customers) == 1 else "",
        min(starts, default=None),
        max(ends, default=None),
    )
