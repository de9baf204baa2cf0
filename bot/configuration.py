"""Which `waggle.toml` is in force: the one that was named, the one that lies here, or the playground's."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from bot.config import ConfigFile
from bot.home import Home
from bot.playground_config import Pace, playground_toml
from bot.services import Services
from bot.settings import Settings


@dataclass(frozen=True)
class Running:
    """What a running Waggle wrote about itself."""

    pid: int
    config: Path
    page_url: str


def read_running(home: Home) -> Running | None:
    """What the Waggle that runs on this home says; None when none does."""
    try:
        record = json.loads(home.running.read_text(encoding="utf-8"))
        return Running(int(record["pid"]), Path(record["config"]), str(record["page_url"]))
    except (OSError, ValueError, KeyError):
        return None


def write_running(home: Home, running: Running) -> None:
    """Say where this Waggle is, for its owner's eyes only: the page's address holds a token."""
    unfinished = home.running.with_suffix(".unfinished")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"pid": running.pid, "config": str(running.config), "page_url": running.page_url}, file)
    unfinished.replace(home.running)


def own_config(settings: Settings) -> Path | None:
    """The person's own file: the one that WAGGLE_CONFIG names, or `waggle.toml` in this directory; None without."""
    path = settings.waggle.config
    named = "config" in settings.waggle.model_fields_set
    return path.expanduser().absolute() if named or path.is_file() else None


def open_config(settings: Settings, home: Home, services: Services, pace: Pace | None = None) -> ConfigFile:
    """The configuration of a Waggle that starts. Without a file of its own, the playground's is written anew.

    Raises:
        ProblemsError: the file cannot be used.
    """
    path = own_config(settings)
    if path is None:
        path = home.playground / "waggle.toml"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(playground_toml(services, pace or Pace()), encoding="utf-8")
    return ConfigFile(path, max_agents=settings.waggle.max_agents)


def config_beside(settings: Settings, home: Home, services: Services) -> ConfigFile:
    """The configuration for the command line: that of the Waggle that runs, wherever it was started."""
    running = read_running(home)
    if running is not None and running.config.is_file():
        return ConfigFile(running.config, max_agents=settings.waggle.max_agents)
    return open_config(settings, home, services)
