"""Settings and waggle.toml."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bot.config import ConfigFile
from bot.configuration import open_config, own_config
from bot.doctor.check import Check, Surroundings
from bot.home import Home
from bot.problems import ProblemsError
from bot.services import Services
from bot.settings import Settings
from bot.world import foreign_repositories

_INIT = "For a repository of your own: `waggle init` in its clone."


def read_settings() -> tuple[Settings | None, list[Check]]:
    """The settings, and what is to be said of them; None when they cannot be used."""
    try:
        settings = Settings.load()
    except ProblemsError as problem:
        return None, [Check(f"settings {one.where}", False, one.what, one.cure) for one in problem.problems]
    notes = [Check("settings", False, note, "Correct the name, or remove it.") for note in settings.notes]
    return settings, [Check("settings", True, "readable"), *notes]


def read_config(settings: Settings, home: Home, services: Services) -> tuple[ConfigFile | None, list[Check]]:
    """The configuration, and what is to be said of it; None when it cannot be used."""
    try:
        config = open_config(settings, home, services)
    except ProblemsError as problem:
        return None, [Check(f"config {one.where}", False, one.what, one.cure) for one in problem.problems]
    own = own_config(settings)
    if own is None:
        return config, [Check("config", True, "none of your own; the playground's is used", _INIT)]
    return config, [Check("config", True, str(own))]


def repositories(seen: Surroundings) -> Iterator[Check]:
    """Whether there is something to work on, and whether it and GitHub are of the same world."""
    if seen.config is None:
        return
    if not seen.config.document.repository:
        fix = f"Add a [[repository]] to {seen.config.path}."
        yield Check("repositories", False, "no repository is configured", fix)
    for one in seen.config.document.repository:
        missing = [name for name in one.include if not (Path(one.include_from) / name).is_file()]
        if missing:
            fix = f"Put them there, or take them out of `include` at [[repository]] {one.slug}."
            yield Check("repositories", False, f"{', '.join(missing)} of {one.slug}: not in {one.include_from}", fix)
    foreign = foreign_repositories(seen.config.document, seen.services)
    if foreign is not None:
        yield Check("repositories", False, foreign.what, foreign.cure)
