"""The emergency stop from a terminal: it holds whether or not a Waggle runs."""

from __future__ import annotations

from bot.cli.acts import say_reply
from bot.cli.common import Bench, JsonOption, bench
from integrations.engines import RunState
from integrations.engines.local import LocalEngine
from scheduler import commands


def estop(as_json: JsonOption = False) -> None:
    """Let every agent stand still at once; `thaw` goes on from where they stood."""
    with bench() as place:
        reply = place.registry.write_now(
            lambda session: commands.estop(session, place.now(), place.policy, place.actor)
        )
        # At once, also where no Waggle runs: agents outlive it.
        _bring(place, frozen=True)
        say_reply(place, reply, as_json)


def thaw(as_json: JsonOption = False) -> None:
    """Let everything go on after `estop`."""
    with bench() as place:
        reply = place.registry.write_now(lambda session: commands.thaw(session, place.now(), place.policy, place.actor))
        _bring(place, frozen=False)
        say_reply(place, reply, as_json)


def _bring(place: Bench, *, frozen: bool) -> None:
    engine = LocalEngine(place.home.runs)
    for view in engine.list():
        if view.state is RunState.RUNNING and view.frozen is not frozen:
            (engine.freeze if frozen else engine.thaw)(view.name)
