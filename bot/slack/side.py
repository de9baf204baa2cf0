"""The Slack side as one running thing: door, worker, sender and connection, started and stopped in order."""

from __future__ import annotations

import asyncio
import secrets as random_secrets
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from sqlmodel import Session

from bot.slack.access import ensure_admin, offer_claim
from bot.slack.answering import Answering
from bot.slack.catching_up import CatchingUp
from bot.slack.connection import Connection
from bot.slack.errors import SlackError, SlackRefused
from bot.slack.inbox import Home
from bot.slack.intake import Intake
from bot.slack.listeners import Listeners
from bot.slack.outbox import Sender
from bot.slack.people import People
from bot.slack.posting import Posting
from bot.slack.values import ContextStore, SlackValues
from bot.slack.worker import Worker
from scheduler.policy import Policy
from scheduler.registry import Registry
from scheduler.registry.writers import recall, remember

log = structlog.get_logger(__name__)

_AGAIN_S = (1.0, 2.0, 5.0, 15.0, 30.0)
_MARK = "slack:mark"


class SlackSide:
    """Everything between Slack and the registry.

    Parameters:
        values, policy: as they are now; tokens and addresses are read once, at the start.
        context: where feedback and notes go.
        new_id: makes a claim code's randomness; by default a secret one.
        secrets: literal values that must never be said.
    """

    def __init__(
        self,
        registry: Registry,
        values: Callable[[], SlackValues],
        policy: Callable[[], Policy],
        context: ContextStore,
        clock: Callable[[], datetime],
        *,
        new_code: Callable[[], str] = lambda: random_secrets.token_hex(4).upper(),
        secrets: Sequence[str] = (),
    ) -> None:
        self._registry = registry
        self._values = values
        self._policy = policy
        self._context = context
        self._clock = clock
        self._new_code = new_code
        self._secrets = tuple(secrets)
        self._connection: Connection | None = None
        self._home = Home("", "")
        self._tasks: list[asyncio.Task[None]] = []
        self.claim_code = ""  #: to be typed by the first admin; empty when there is one

    async def start(self) -> None:
        """Connect and begin. While Slack is down it returns at once and goes on trying by itself.

        Raises:
            SlackRefused: Slack does not accept a token or permissions are missing; the message holds the cure.
        """
        await self._registry.write(self._first_admin)
        self._connection = Connection.open(self._values(), self._clock)
        try:
            await self._connect()
        except SlackRefused:
            await self._connection.close()
            self._connection = None
            raise
        except SlackError as problem:
            log.warning("Slack cannot be reached; tried again", why=str(problem))
            self._tasks.append(asyncio.create_task(self._keep_connecting(), name="slack connecting"))

    async def stop(self) -> None:
        """Stop in order: take nothing in, let what runs come to an end, let go of the connection."""
        if self._connection is not None:
            await self._connection.deaf()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    def _first_admin(self, session: Session) -> None:
        now, named = self._clock(), self._values().admin_user_id
        if named:
            ensure_admin(session, now, named)
            return
        code = self._new_code()
        self.claim_code = code if offer_claim(session, now, code) else ""

    async def _keep_connecting(self) -> None:
        for wait in (*_AGAIN_S, *([_AGAIN_S[-1]] * 10_000)):
            await asyncio.sleep(wait)
            try:
                await self._connect()
            except SlackError as problem:
                log.warning("Slack cannot be reached; tried again", why=str(problem))
            else:
                log.info("Slack answers; what waited is sent")
                return

    async def _connect(self) -> None:
        connection = self._connection
        assert connection is not None
        self._home = await connection.who()
        mark = await self._registry.write(self._mark)

        def marker(what: str) -> str:
            return f"{mark}:{what}"

        values = connection.values
        posting = Posting(connection.client, connection.session, values.bot_token, self._clock)
        people = People(posting, self._clock)
        intake = Intake(self._context, posting, people, lambda: self._home)
        worker = Worker(
            self._registry,
            Answering(posting, self._clock, marker),
            people,
            intake,
            lambda: self._home,
            self._policy,
            self._values,
            self._clock,
        )
        sender = Sender(self._registry, posting, self._policy, self._values, self._clock, marker, self._secrets)
        catching_up = CatchingUp(self._registry, posting, self._home, self._values, self._clock)
        app = connection.app(self._home)
        Listeners(self._registry, posting, people, self._home, self._values, self._clock).register(app)
        await connection.listen(app)
        self._tasks += [
            asyncio.create_task(worker.run(), name="slack worker"),
            asyncio.create_task(sender.run(), name="slack sender"),
            asyncio.create_task(self._catch_up(catching_up, connection.back), name="slack catching up"),
        ]

    def _mark(self, session: Session) -> str:
        """A short name of this registry, by which its own messages are told from another Waggle's."""
        known = recall(session, _MARK)
        if known is None:
            known = {"mark": random_secrets.token_hex(4)}
            remember(session, self._clock(), _MARK, known)
        return str(known["mark"])

    async def _catch_up(self, catching_up: CatchingUp, back: asyncio.Event) -> None:
        """Read what was missed, now and whenever the connection was lost for a while."""
        while True:
            back.clear()
            try:
                await catching_up.read()
            except Exception:
                log.exception("what was missed could not be read; it is read at the next start")
            await back.wait()
