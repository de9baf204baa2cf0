"""Mistakes in what somebody wrote for Waggle, each with its place and its cure, and all of them at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic_core import PydanticCustomError


@dataclass(frozen=True)
class Problem:
    """One mistake.

    Attributes:
        where: `waggle.toml:12`, or the name of an environment variable.
        what: what is wrong, one clause, without a full stop.
        cure: what to do about it, one sentence.
    """

    where: str
    what: str
    cure: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. {self.cure}"


class ProblemsError(Exception):
    """Something that Waggle was given cannot be used.

    Attributes:
        subject: what was read, for the first line.
        problems: every mistake found in it.
    """

    def __init__(self, subject: str, problems: Sequence[Problem]) -> None:
        self.subject = subject
        self.problems = tuple(problems)
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"{subject} cannot be used; {count}:\n{lines}")


class StartError(Exception):
    """Waggle cannot start with what it was given; the message says why and what to do."""


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, or an empty string."""
    candidates = sorted(known)
    folded = {one.lower(): one for one in candidates}
    found = difflib.get_close_matches(word.lower(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else ""


def one_of(known: Iterable[str]) -> str:
    """`a, b or c`, for a cure."""
    words = [f"`{one}`" for one in known]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}" if words else "nothing"


def wrong(what: str, cure: str, name: str = "") -> PydanticCustomError:
    """A mistake with its cure, as a validator of pydantic raises it.

    Parameters:
        name: of the variable, when it is not the field that is validated.
    """
    return PydanticCustomError("waggle", "{what}", {"what": what, "cure": cure, "name": name})
