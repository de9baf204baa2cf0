"""One life of Waggle in a process of its own, to be killed: `python -m tests.crash.child HOME URL SCENARIO [KILL…]`.

The suite forks it from a process that has imported everything already; by hand it starts the slow way.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import event

from bot.slack.side import SlackSide
from bot.slack.values import ChannelBinding, SlackValues
from integrations.playground.place import Place
from scheduler.steps import Steps
from tests.crash.killing import Kill, Killer, StepsLog
from tests.crash.scenarios import LISTENER, SCENARIOS, terminals_of
from tests.integration.listener import listening_agent
from tests.integration.loop import compose, open_home

TICK_S = 0.25
_PR_SET_PDEATHSIG = 1


def place_of(home: Path, url: str) -> Place:
    """The playground's place: its secrets are the same in every life of either side."""
    secrets = (
        f"{what}-of-the-playground"
        for what in ("page", "xoxb-bot", "xapp-app", "ghp-token", "model-key", "sntry-token")
    )
    return Place(home / "playground", url, *secrets)


def live(home: Path, url: str, scenario: str, life: int, kills: Sequence[str]) -> None:
    """Run until SIGTERM, or until the kill that is planned for this life.

    Parameters:
        home: directory of the case; Waggle's own home is below it.
        kills: as `Kill.parse` reads them, in their order; none to live on.
    """
    end_with_parent()
    speak_into(home / "waggle.log")
    asyncio.run(_live(home, url, scenario, life, [Kill.parse(kill) for kill in kills]))


async def _live(home: Path, url: str, scenario: str, life: int, kills: Sequence[Kill]) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    registry = open_home(home / "home")
    killer = Killer(kills, StepsLog(home / "steps.jsonl"), life, home / "playground.pid")
    event.listen(registry.engine, "commit", killer.committing)
    place, played = place_of(home, url), SCENARIOS[scenario]
    loop = compose(
        home / "home",
        place,
        registry,
        played.policy,
        tick_s=TICK_S,
        steps=Steps(killer),
        scans=played.scans,
        agents={"claude-code": listening_agent(home / LISTENER)} if played.listens else None,
        terminals=terminals_of(home / "home") if played.shows else None,
    )
    slack = SlackSide(registry, lambda: _slack_values(place), lambda: played.policy, loop.context, loop.outside.clock)
    await loop.start()
    if played.talks:
        await slack.start()
    await ended.wait()
    await slack.stop()
    await loop.stop()
    registry.close()


def _slack_values(place: Place) -> SlackValues:
    return SlackValues(
        place.slack_bot_token,
        place.slack_app_token,
        place.slack_api_url,
        (ChannelBinding("C0PRODUCT", "work"),),
        admin_user_id="U0ANA",
        card_interval_s=0.3,
        card_state_interval_s=0.05,
        timeout_s=5.0,
    )


def end_with_parent() -> None:
    """A suite that was killed itself leaves no Waggle behind."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def speak_into(file: Path) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)


if __name__ == "__main__":
    live(Path(sys.argv[1]), sys.argv[2], sys.argv[3], 0, sys.argv[4:])
