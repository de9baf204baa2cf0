"""What is on its way to the app: stored until it is acknowledged, or until Slack would have given up.

Slack's rules: an event that is not acknowledged in 3 s is delivered again at once, after about a minute and
after about five; a slash command or a click has one chance. One kindness is added, so that restarting Waggle
is pleasant: while nobody is connected an event waits, and is delivered on connection, as long as Slack's own
last delivery would not have been over.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import uuid4

from integrations.playground.slack.store import Json, Store, pack, unpack

ACK_S = 3.0
REDELIVERY_S = (0.0, 60.0, 300.0)
_KEPT = 5000


class Kind(StrEnum):
    EVENT = "events_api"
    SLASH = "slash_commands"
    INTERACTIVE = "interactive"


class State(StrEnum):
    WAITING = "waiting"  #: to be sent when it is due and somebody is connected
    SENT = "sent"  #: sent, not acknowledged yet
    ACKED = "acked"
    LOST = "lost"  #: Slack would not deliver it again


@dataclass(frozen=True)
class Envelope:
    """One delivery. `attempt` counts the redeliveries; times are seconds since the epoch."""

    id: str
    number: int
    kind: Kind
    payload: Json
    state: State
    attempt: int
    created: float
    due: float
    sent: float | None = None
    acked: float | None = None

    def frame(self) -> Json:
        """What travels over the socket."""
        frame: Json = {
            "type": self.kind.value,
            "envelope_id": self.id,
            "payload": self.payload,
            "accepts_response_payload": self.kind is not Kind.EVENT,
        }
        if self.kind is Kind.EVENT:
            frame |= {"retry_attempt": self.attempt, "retry_reason": "timeout" if self.attempt else ""}
        return frame


@dataclass
class Patience:
    """How long Slack waits, in seconds; tests shorten it."""

    ack_s: float = ACK_S
    redelivery_s: tuple[float, ...] = REDELIVERY_S

    def after_silence(self, envelope: Envelope, now: float) -> Envelope:
        """What becomes of an envelope that was not acknowledged. Pure."""
        if envelope.kind is not Kind.EVENT or envelope.attempt >= len(self.redelivery_s):
            return replace(envelope, state=State.LOST)
        pause = self.redelivery_s[envelope.attempt]
        return replace(envelope, state=State.WAITING, attempt=envelope.attempt + 1, due=now + pause)

    def expires(self, envelope: Envelope) -> float:
        """Until when it may still be sent."""
        if envelope.kind is not Kind.EVENT:
            return envelope.created + self.ack_s
        return envelope.created + sum(self.redelivery_s) + self.ack_s * (len(self.redelivery_s) + 1)


class Deliveries:
    """The queue, in the order in which things happened."""

    def __init__(self, store: Store, clock: Callable[[], float], patience: Patience) -> None:
        self._store = store
        self._clock = clock
        self.patience = patience
        row = store.row("SELECT max(number) AS n FROM envelopes")
        self._number = int(row["n"] or 0) if row else 0
        # A socket does not survive its server: what was under way is not acknowledged and goes again.
        for envelope in self._in_state(State.SENT):
            self._put(patience.after_silence(envelope, clock()))

    def add(self, kind: Kind, payload: Json) -> Envelope:
        """Put something on its way, inside the transaction of what caused it."""
        now = self._clock()
        self._number += 1
        envelope = Envelope(str(uuid4()), self._number, kind, payload, State.WAITING, 0, now, now)
        self._put(envelope)
        if self._number % 500 == 0:
            self._store.run("DELETE FROM envelopes WHERE state IN ('acked','lost') AND number<?", self._number - _KEPT)
        return envelope

    def due(self) -> list[Envelope]:
        """What may be sent now, oldest first; what is too old by now is given up."""
        now = self._clock()
        found = []
        for envelope in self._in_state(State.WAITING):
            if now > self.patience.expires(envelope):
                self._put(replace(envelope, state=State.LOST))
            elif envelope.due <= now:
                found.append(envelope)
        return found

    def next_due(self) -> float | None:
        """When the queue has to be looked at again."""
        times = [envelope.due for envelope in self._in_state(State.WAITING)]
        times += [(envelope.sent or 0) + self.patience.ack_s for envelope in self._in_state(State.SENT)]
        return min(times, default=None)

    def sent(self, envelope: Envelope) -> None:
        self._put(replace(envelope, state=State.SENT, sent=self._clock()))

    def give_up(self, envelope: Envelope) -> None:
        self._put(replace(envelope, state=State.LOST))

    def acked(self, envelope_id: str) -> Envelope | None:
        """The envelope that this acknowledges; None when it is unknown or acknowledged already."""
        row = self._store.row("SELECT * FROM envelopes WHERE id=? AND state<>'acked'", envelope_id)
        if row is None:
            return None
        envelope = replace(_envelope(row), state=State.ACKED, acked=self._clock())
        self._put(envelope)
        return envelope

    def unanswered(self) -> None:
        """Hold everything that was sent against the clock."""
        now = self._clock()
        for envelope in self._in_state(State.SENT):
            if (envelope.sent or 0) + self.patience.ack_s <= now:
                self._put(self.patience.after_silence(envelope, now))

    def cut_off(self, ids: set[str]) -> None:
        """The connection that these were sent over is gone."""
        now = self._clock()
        for envelope in self._in_state(State.SENT):
            if envelope.id in ids:
                self._put(self.patience.after_silence(envelope, now))

    def all(self) -> list[Envelope]:
        return [_envelope(row) for row in self._store.rows("SELECT * FROM envelopes ORDER BY number")]

    def _in_state(self, state: State) -> list[Envelope]:
        rows = self._store.rows("SELECT * FROM envelopes WHERE state=? ORDER BY number", state.value)
        return [_envelope(row) for row in rows]

    def _put(self, envelope: Envelope) -> None:
        self._store.run(
            "INSERT OR REPLACE INTO envelopes VALUES (?,?,?,?,?,?,?,?,?,?)",
            envelope.id,
            envelope.number,
            envelope.kind.value,
            pack(envelope.payload),
            envelope.state.value,
            envelope.attempt,
            envelope.created,
            envelope.due,
            envelope.sent,
            envelope.acked,
        )


def _envelope(row: sqlite3.Row) -> Envelope:
    values = dict(zip(row.keys(), row, strict=True))
    return Envelope(
        **{
            **values,
            "kind": Kind(values["kind"]),
            "state": State(values["state"]),
            "payload": unpack(values["payload"]),
        }
    )
