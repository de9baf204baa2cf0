"""Where people watch agents at work, as Waggle and its command line both find it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.follow import viewer
from bot.home import Home
from bot.settings import Settings
from integrations.terminals import TmuxTerminals


def terminals(settings: Settings, home: Home, secrets: Sequence[str]) -> TmuxTerminals:
    """The terminals of a home.

    Parameters:
        secrets: what no terminal may show.
    """
    return TmuxTerminals(home.terminals, home.runs, viewer, settings.host.environment, secrets)
