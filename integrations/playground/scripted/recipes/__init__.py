"""The jobs that the scripted agent knows, one file each.

A recipe says for which words it is meant, and does its edits through `Hands`. Every edit is idempotent: an
earlier attempt may have left any part of the work in the same worktree.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from integrations.playground.scripted.hands import Hands

IMPORTING = r"imports?\b|importing|imported|importer"


class MissingFact(Exception):
    """The job needs to know something that neither the prompt nor a look around gives; the message says what."""


@dataclass(frozen=True)
class Brief:
    """What a recipe may rely on beyond the repository."""

    heard: str  #: every prompt of this session, oldest first
    answer: str | None = None  #: what a person chose when the agent asked


@dataclass(frozen=True)
class Recipe:
    """One job.

    Attributes:
        name: short and stable, kept in session files.
        can: what it does, as `--list` and an honest refusal name it.
        wants: whether one lower-case line asks for it.
        look: files to read first.
        apply: the edits. Raises Stuck or MissingFact.
        commit: the message of the commit.
        main_file: where most of the work happens.
        is_feature: something new, as against a correction.
        question: what it asks in the behaviour `ask`.
        options: the answers it understands; the first is the default.
    """

    name: str
    can: str
    wants: Callable[[str], bool]
    look: tuple[str, ...]
    apply: Callable[[Hands, Brief], None]
    commit: str
    main_file: str
    is_feature: bool = False
    question: str = "Shall the README say something about this change?"
    options: tuple[str, ...] = field(default=("no", "yes"))


def has(line: str, *words: str) -> bool:
    """Whether words that begin so stand in the line, each of them; every `word` is a pattern, so `a|b` is either."""
    return all(re.search(rf"\b(?:{word})", line) for word in words)
