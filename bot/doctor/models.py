"""Models: which families can be asked, and whether that is enough for the reviews that are asked for."""

from __future__ import annotations

from collections.abc import Iterator

from bot.config_schema import Document
from bot.doctor.check import Check, Surroundings


def models(seen: Surroundings) -> Iterator[Check]:
    for name, given, variable in (
        ("anthropic", seen.services.anthropic, "ANTHROPIC_API_KEY"),
        ("openai", seen.services.openai, "OPENAI_API_KEY"),
    ):
        detail = "key is set" if given else "no key: rules answer, and reviews count on playground repositories only"
        yield Check(f"model {name}", True, detail, "" if given else f"Set {variable} to have it scope and review.")
    line = families(seen.document, anthropic=seen.services.anthropic, openai=seen.services.openai)
    if line is not None:
        yield line


def families(document: Document, *, anthropic: bool, openai: bool) -> Check | None:
    """A line when one family alone reviews and two are asked for. Pure; without any key the lines of the keys say it.

    It is no fault: such a pull request can be ready, and says by whom it was looked at.
    """
    keys = {name for name, given in (("anthropic", anthropic), ("openai", openai)) if given}
    reviewing = keys & {one.family for one in document.reviewer} if document.reviewer else keys
    if len(reviewing) != 1 or document.reviews.families < 2:
        return None
    (only,) = reviewing
    other = "openai" if only == "anthropic" else "anthropic"
    cure = f"Set {other.upper()}_API_KEY" if other not in keys else f"Add a [[reviewer]] of family {other}"
    return Check(
        "review families",
        True,
        f"reviewed by one family: only {only} reviews, and what it misses nobody sees; every “PR ready” says so",
        f"{cure}, or let one family be enough with families = 1 under [reviews].",
    )
