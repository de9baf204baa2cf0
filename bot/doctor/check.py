"""What a check is given, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bot.config import ConfigFile
from bot.config_schema import Document
from bot.home import Home
from bot.services import Services
from bot.settings import Settings
from integrations.playground.lock import Running


@dataclass(frozen=True)
class Check:
    """One line of the report; `fix` says what to do, and is empty when nothing has to be done."""

    check: str
    ok: bool
    detail: str
    fix: str = ""


@dataclass(frozen=True)
class Surroundings:
    """What there is to look at.

    Attributes:
        config: None when it cannot be read; that has a line of its own.
        playground: its process, when it runs.
    """

    settings: Settings
    home: Home
    services: Services
    config: ConfigFile | None
    playground: Running | None

    @property
    def document(self) -> Document:
        """The configuration, empty when it cannot be read."""
        return self.config.document if self.config else Document()


#: One subject. It may block, runs in a thread beside the others, and changes nothing outside the home.
Examiner = Callable[[Surroundings], Iterable[Check]]


def judged(check: str, ok: bool, detail: str, fix: str) -> Check:
    """A line whose cure is only for when it is not well."""
    return Check(check, ok, detail, "" if ok else fix)
