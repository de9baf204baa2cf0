"""Who may be asked what. Made by the composition root from the settings; no file here reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from integrations.models import Model
from integrations.models.rules import RulesModel

#: What a reviewer looks at first when the settings do not say; families take them in turn.
FOCUSES = (
    "logic, edge cases and whether the change does what the task asks",
    "security, data loss and what the change touches beyond its task",
    "architecture, contracts between parts and missing tests",
)


@dataclass(frozen=True)
class Voice:
    """A model that may be asked.

    Attributes:
        real: False for a stand-in, such as the playground's server: its reviews count on playground repositories only.
        price: the name that its tokens are priced by; empty for the name under which it answers.
    """

    model: Model
    real: bool
    price: str = ""

    @property
    def family(self) -> str:
        return self.model.family


@dataclass(frozen=True)
class Reviewer:
    """A seat on the review council."""

    name: str
    voice: Voice
    focus: str


def _rules() -> Voice:
    return Voice(RulesModel(), real=False)


@dataclass(frozen=True)
class Panel:
    """All who may be asked.

    Attributes:
        judges: who scopes requests and reads failures, in the order in which they are tried.
        reviewers: the review council.
        rules: who answers when no judge does.
    """

    judges: tuple[Voice, ...] = ()
    reviewers: tuple[Reviewer, ...] = ()
    rules: Voice = field(default_factory=_rules)

    def other_family(self, family: str, *, real: bool = True) -> Voice | None:
        """A model of another family, for a second opinion; None when there is none.

        Parameters:
            real: the finding is a real model's, so that no stand-in may judge it.
        """
        others = [one for one in (*(seat.voice for seat in self.reviewers), *self.judges) if one.family != family]
        return next((one for one in sorted(others, key=lambda one: not one.real) if one.real or not real), None)


def panel_of(voices: Sequence[Voice], reviewers: Sequence[Reviewer] = ()) -> Panel:
    """A panel of these models; without named reviewers, one of each family with a focus of its own."""
    seats = list(reviewers)
    if not seats:
        by_family = {voice.family: voice for voice in reversed(voices)}
        families = list(dict.fromkeys(voice.family for voice in voices))
        seats = [
            Reviewer(family, by_family[family], FOCUSES[place % len(FOCUSES)]) for place, family in enumerate(families)
        ]
    return Panel(tuple(voices), tuple(seats))
