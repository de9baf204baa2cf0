"""`[[review_bot]]` of `waggle.toml`: bots that the registry does not know, or that are to be read in another way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.config_schema import ReviewBotEntry
from integrations.github import ReviewBot, known_bots


def review_bots(entries: Sequence[ReviewBotEntry]) -> tuple[ReviewBot, ...]:
    """The registry with the changes of the document: an entry of a known name changes the keys that it gives."""
    bots = {bot.name.lower(): bot for bot in known_bots()}
    for one in entries:
        known = bots.get(one.name.lower(), ReviewBot(one.name, ()))
        given = {key: value for key, value in one.model_dump(exclude_unset=True).items() if key != "name"}
        bots[one.name.lower()] = replace(known, **given)
    return tuple(bots.values())
