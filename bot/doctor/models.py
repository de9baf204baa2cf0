"""Models: which families can be asked."""

from __future__ import annotations

from collections.abc import Iterator

from bot.doctor.check import Check, Surroundings


def models(seen: Surroundings) -> Iterator[Check]:
    for name, given, variable in (
        ("anthropic", seen.services.anthropic, "ANTHROPIC_API_KEY"),
        ("openai", seen.services.openai, "OPENAI_API_KEY"),
    ):
        detail = "key is set" if given else "no key: rules answer, and reviews count on playground repositories only"
        yield Check(f"model {name}", True, detail, "" if given else f"Set {variable} to have it scope and review.")
