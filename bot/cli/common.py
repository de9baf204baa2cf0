"""What the commands share: settings, the registry beside a running Waggle, and how things are printed."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from bot.config import ConfigFile
from bot.configuration import config_beside
from bot.home import Home
from bot.services import services_of
from bot.settings import Settings
from scheduler.commands import Actor
from scheduler.leadership import AlreadyLedError, Leadership
from scheduler.names import read_task_label
from scheduler.policy import Policy
from scheduler.registry import Registry, RegistryError, copies
from scheduler.registry.migrate import OutdatedRegistryError, migrate, require_current

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
TaskArgument = Annotated[str, typer.Argument(metavar="T-12", help="The task.", show_default=False)]

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class CommandError(Exception):
    """A command cannot be carried out; the message says why and what to do. Exit code 1."""


def print_json(value: Any) -> None:
    """Print a value for machines."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
    sys.stdout.flush()


def fail(message: str) -> NoReturn:
    raise CommandError(message)


def utc_now() -> datetime:
    return datetime.now(UTC)


def task_id_of(label: str) -> int:
    """Read `T-12`."""
    found = read_task_label(label)
    if found is None:
        raise typer.BadParameter(f"`{label}` is no task. Tasks are written T-12; `waggle tasks` lists them.")
    return found


@dataclass
class Bench:
    """What a command works with: a registry beside whatever else uses it."""

    settings: Settings
    home: Home
    registry: Registry

    @property
    def actor(self) -> Actor:
        login = self.settings.host.login
        return Actor(f"cli:{login}", login)

    @cached_property
    def policy(self) -> Policy:
        """What the owner decided, as the Waggle that runs sees it."""
        return self.config().policy

    def now(self) -> datetime:
        return utc_now()

    def config(self) -> ConfigFile:
        return config_beside(self.settings, self.home, services_of(self.settings, shutil.which))

    def is_running(self) -> bool:
        """Whether a Waggle runs on this home now."""
        return is_running(self.home)


@contextmanager
def bench() -> Iterator[Bench]:
    """Open the registry of this home, made or migrated first when no Waggle runs on it.

    Raises:
        ProblemsError, HomeError, RegistryError
    """
    settings = Settings.load()
    home = Home(settings.waggle.home)
    home.prepare()
    bring_up_to_date(settings, home)
    registry = Registry(settings.database_url)
    try:
        yield Bench(settings, home, registry)
    finally:
        registry.close()


def bring_up_to_date(settings: Settings, home: Home) -> None:
    """Make or migrate the registry, unless it is current already.

    Raises:
        RegistryError: it cannot be used.
        CommandError: a Waggle of another version runs on it.
    """
    try:
        require_current(settings.database_url)
    except OutdatedRegistryError:
        leadership = Leadership(home.lock)
        try:
            leadership.take()
        except AlreadyLedError:
            fail("A Waggle of another version runs on this home. Stop it, and start this version with `waggle run`.")
        try:
            migrate(settings.database_url, home.copies, utc_now())
        finally:
            leadership.release()
    except RegistryError:
        # SQLite says only what it stumbled upon; whether the file is whole, and how to go on, is said here.
        copies.check(Path(settings.database_url.removeprefix("sqlite:///")), home.copies)
        raise


def is_running(home: Home) -> bool:
    """Whether a process holds the lock of this home: a file may be left over, a lock may not."""
    leadership = Leadership(home.lock)
    try:
        leadership.take()
    except AlreadyLedError:
        return True
    leadership.release()
    return False
