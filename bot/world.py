"""Real repositories need the real GitHub, those of the playground the playground's. Pure."""

from __future__ import annotations

from bot.config_schema import Document
from bot.problems import Problem
from bot.services import Services


def foreign_repositories(document: Document, services: Services) -> Problem | None:
    """What to say of repositories that belong to the other GitHub than the one that is used; None without."""
    foreign = [one.slug for one in document.repository if one.playground is services.github]
    if not foreign:
        return None
    if services.github:
        what, cure = "of the playground, and GITHUB_TOKEN is set", "Remove `playground = true`, or the token."
    else:
        what = "not of the playground, and GITHUB_TOKEN is not set"
        cure = "Set it to a token that may write there; or add `playground = true` for the sample repository."
    verb = "are" if len(foreign) > 1 else "is"
    return Problem("repositories", f"{', '.join(foreign)} {verb} {what}", cure)
