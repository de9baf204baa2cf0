"""Socket Mode: the connections of the app, and the pump that keeps them fed.

Each payload goes to one of the connections, any one. A slash command's or a click's acknowledgement may carry
an answer, which the person who caused it waits for.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from integrations.playground.slack.deliveries import Deliveries, Envelope, Kind
from integrations.playground.slack.people import APP
from integrations.playground.slack.store import Json

TICKET_S = 30.0
MAX_CONNECTIONS = 10
_LONGEST_NAP_S = 30.0
_SHORTEST_NAP_S = 0.02
_GRACE_S = 0.5
logger = logging.getLogger(__name__)


class NotDelivered(Exception):
    """The app did not acknowledge in time, or is not connected: what Slack shows as `dispatch_failed`."""


@dataclass(eq=False)
class _Connection:
    socket: web.WebSocketResponse
    request: web.Request
    unanswered: set[str] = field(default_factory=set)


class SocketMode:
    """The connections.

    Parameters:
        clock: gives seconds since the epoch.
        changed: is called when a connection came or went.
    """

    def __init__(self, deliveries: Deliveries, clock: Callable[[], float], changed: Callable[[], None]) -> None:
        self._deliveries = deliveries
        self._changed = changed
        self._clock = clock
        self._tickets: dict[str, float] = {}
        self._connections: list[_Connection] = []
        self._answers: dict[str, asyncio.Future[Json]] = {}
        self._bell = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[bool]] = set()
        self.copies = 1  #: how often each event is delivered

    @property
    def connected(self) -> int:
        return len(self._connections)

    def start(self) -> None:
        self._pump = asyncio.create_task(self._keep_feeding())
        self._pump.add_done_callback(_report)

    async def stop(self) -> None:
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        for connection in list(self._connections):
            await connection.socket.close()

    def ticket(self) -> str:
        """A secret that opens one connection within half a minute."""
        now = self._clock()
        self._tickets = {name: until for name, until in self._tickets.items() if until > now}
        ticket = secrets.token_urlsafe(24)
        self._tickets[ticket] = now + TICKET_S
        return ticket

    def deliver(self, kind: Kind, payload: Json) -> Envelope:
        """Put something on its way; events as often as `copies` says. Call `ring` after the transaction."""
        envelope = self._deliveries.add(kind, payload)
        for _ in range(self.copies - 1 if kind is Kind.EVENT else 0):
            self._deliveries.add(kind, payload)
        return envelope

    def ring(self) -> None:
        """Something was added to the deliveries."""
        self._bell.set()

    async def ask(self, envelope: Envelope) -> Json:
        """Deliver a slash command, a click or a form and return the payload of its acknowledgement.

        Raises:
            NotDelivered: nobody acknowledged it within Slack's three seconds.
        """
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._answers[envelope.id] = answer
        self.ring()
        try:
            async with asyncio.timeout(self._deliveries.patience.ack_s + _GRACE_S):
                return await answer
        except TimeoutError as silence:
            raise NotDelivered("Waggle did not answer within 3 seconds.") from silence
        finally:
            self._answers.pop(envelope.id, None)
            self.ring()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The websocket behind `apps.connections.open`."""
        until = self._tickets.pop(request.query.get("ticket", ""), 0.0)
        if until < self._clock():
            raise web.HTTPForbidden(text="the ticket is unknown, used or too old")
        if len(self._connections) >= MAX_CONNECTIONS:
            raise web.HTTPTooManyRequests(text="too_many_websockets")
        socket = web.WebSocketResponse(heartbeat=20)
        await socket.prepare(request)
        connection = _Connection(socket, request)
        self._connections.append(connection)
        self._changed()
        try:
            await self._tell(connection, self._hello(request))
            self.ring()
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._receive(connection, message.data)
        finally:
            self._connections.remove(connection)
            self._changed()
            self._deliveries.cut_off(connection.unanswered)
            self.ring()
        return socket

    def send_away(self, reason: str) -> None:
        """Tell every connection to go: `warning`, `refresh_requested` or `link_disabled`."""
        frame = {"type": "disconnect", "reason": reason, "debug_info": {"host": "playground"}}
        for connection in list(self._connections):
            task = asyncio.create_task(self._tell(connection, frame))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    def cut(self) -> None:
        """Cut every connection without a word, as a network does."""
        for connection in list(self._connections):
            if connection.request.transport is not None:
                connection.request.transport.abort()

    def _hello(self, request: web.Request) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self._connections),
            "connection_info": {"app_id": request.query.get("app_id", APP)},
            "debug_info": {"host": "playground", "approximate_connection_time": 18060},
        }

    def _receive(self, connection: _Connection, text: str) -> None:
        """Take an acknowledgement. Anything else that clients send, such as their own pings, means nothing here."""
        try:
            frame = json.loads(text)
        except ValueError:
            return
        if not isinstance(frame, dict):
            return
        envelope_id = str(frame.get("envelope_id") or "")
        connection.unanswered.discard(envelope_id)
        if self._deliveries.acked(envelope_id) is None:
            return
        answer = self._answers.get(envelope_id)
        if answer is not None and not answer.done():
            payload = frame.get("payload")
            answer.set_result(payload if isinstance(payload, dict) else {})

    async def _keep_feeding(self) -> None:
        while True:
            self._bell.clear()
            self._deliveries.unanswered()
            if self._connections:
                for envelope in self._deliveries.due():
                    await self._send(envelope)
            due = self._deliveries.next_due() if self._connections else None
            nap = _LONGEST_NAP_S if due is None else min(max(due - self._clock(), _SHORTEST_NAP_S), _LONGEST_NAP_S)
            try:
                async with asyncio.timeout(nap):
                    await self._bell.wait()
            except TimeoutError:
                continue

    async def _send(self, envelope: Envelope) -> None:
        if envelope.kind is not Kind.EVENT and envelope.id not in self._answers:
            self._deliveries.give_up(envelope)  # nobody waits for it any more
            return
        candidates = [connection for connection in self._connections if not connection.socket.closed]
        if not candidates:
            return
        connection = random.choice(candidates)  # noqa: S311 (which one is of no consequence)
        connection.unanswered.add(envelope.id)
        self._deliveries.sent(envelope)
        if not await self._tell(connection, envelope.frame()):
            self._deliveries.cut_off({envelope.id})

    async def _tell(self, connection: _Connection, frame: Json) -> bool:
        """False when the connection was gone."""
        try:
            await connection.socket.send_json(frame)
        except ConnectionError:
            logger.info("an app connection was gone before it could be told")
            return False
        return True


def _report(pump: asyncio.Task[None]) -> None:
    if not pump.cancelled() and (error := pump.exception()) is not None:
        logger.critical("deliveries have stopped", exc_info=error)
