"""Trigger ids: each lets the app open one form, within three seconds of what a person did."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from integrations.playground.slack.refusal import Refused

LIFE_S = 3.0
_FORGOTTEN_S = 600.0


class Triggers:
    """Parameters: `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._issued: dict[str, tuple[str, float]] = {}
        self._used: set[str] = set()

    def issue(self, user: str) -> str:
        now = self._clock()
        self._issued = {key: held for key, held in self._issued.items() if held[1] > now - _FORGOTTEN_S}
        self._used &= self._issued.keys()
        trigger = f"{secrets.randbelow(10**12)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self._issued[trigger] = (user, now)
        return trigger

    def take(self, trigger: str) -> str:
        """The person whose act this is; the trigger is used by it.

        Raises:
            Refused: invalid_trigger_id, expired_trigger_id, exchanged_trigger_id.
        """
        held = self._issued.get(trigger)
        if held is None:
            raise Refused("invalid_trigger_id")
        user, at = held
        if trigger in self._used:
            raise Refused("exchanged_trigger_id")
        if self._clock() - at > LIFE_S:
            raise Refused("expired_trigger_id")
        self._used.add(trigger)
        return user
