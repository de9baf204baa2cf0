"""The playground: whether it is needed, and whether it runs."""

from __future__ import annotations

from collections.abc import Iterator

from bot.doctor.check import Check, Surroundings


def playground(seen: Surroundings) -> Iterator[Check]:
    if not seen.services.playground:
        yield Check("playground", True, "not needed: Slack and GitHub are real")
    elif seen.playground is None:
        yield Check("playground", True, "not running; `waggle run` starts it")
    else:
        yield Check("playground", True, f"running, {seen.playground.place.url}")
