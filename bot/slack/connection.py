"""The connection to Slack: one HTTP session, one Web API client, the socket, and a watch over it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import aiohttp
import structlog
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.errors import SlackError, SlackRefused, speaking
from bot.slack.inbox import Home
from bot.slack.values import SlackValues

log = structlog.get_logger(__name__)

_PING_S = 5.0  #: a connection that broke without a word is noticed after about twice this
_BAD_LOOKS = 3

#: without these, something that Waggle does cannot work
NEEDED_SCOPES = frozenset(
    {
        "app_mentions:read",
        "channels:history",
        "channels:read",
        "chat:write",
        "commands",
        "files:read",
        "im:history",
        "im:write",
        "users:read",
    }
)


@dataclass
class Connection:
    """A client that may be called. Make it with `Connection.open`, give it back with `close`."""

    session: aiohttp.ClientSession
    client: AsyncWebClient
    values: SlackValues
    clock: Callable[[], datetime]
    back: asyncio.Event = field(default_factory=asyncio.Event)  #: set when deliveries may have been missed
    _handler: AsyncSocketModeHandler | None = None
    _watch: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, values: SlackValues, clock: Callable[[], datetime]) -> Connection:
        """A client for these values. No call is made yet; it must be called on the running loop."""
        session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=values.timeout_s))
        client = AsyncWebClient(
            token=values.bot_token,
            base_url=values.api_url,
            session=session,
            timeout=int(values.timeout_s),
            # A repeated post could not be told from a new one: whoever calls decides what is tried again.
            retry_handlers=[],
        )
        return cls(session, client, values, clock)

    async def who(self) -> Home:
        """Whose workspace this is.

        Raises:
            SlackRefused: the token is not accepted, or permissions are missing; the message holds the cure.
            SlackError: Slack did not answer.
        """
        with speaking("auth.test", self.clock()):
            answer = await self.client.auth_test()
        given = {one.strip() for one in str(answer.headers.get("x-oauth-scopes", "")).split(",") if one.strip()}
        missing = sorted(NEEDED_SCOPES - given) if given else []
        if missing:
            raise SlackRefused(
                f"scopes are missing: {', '.join(missing)}",
                user_message=f"The Slack app lacks the permissions {', '.join(missing)}. Paste what `waggle manifest` "
                "prints into the app's manifest, reinstall it to the workspace, and restart Waggle.",
            )
        return Home(
            team=str(answer["team_id"]),
            bot_user=str(answer["user_id"]),
            bot_id=str(answer.get("bot_id") or ""),
            url=str(answer.get("url") or ""),
        )

    def app(self, home: Home) -> AsyncApp:
        """A Bolt app that acknowledges after its listeners.

        Bolt's own way to know itself is a call of auth.test at the first delivery; when that fails it answers 200,
        and the delivery is lost. What auth.test said at the start is given to it instead.
        """

        async def authorize() -> AuthorizeResult:
            return AuthorizeResult(
                enterprise_id=None,
                team_id=home.team,
                bot_user_id=home.bot_user,
                bot_id=home.bot_id,
                bot_token=self.values.bot_token,
            )

        client = AsyncWebClient(base_url=self.values.api_url, session=self.session, retry_handlers=[])
        return AsyncApp(client=client, authorize=authorize, process_before_response=True)

    async def listen(self, app: AsyncApp) -> None:
        """Open the socket and watch over it.

        Raises:
            SlackRefused: the app-level token is not accepted.
            SlackError: Slack did not answer.
        """
        # slack-sdk goes on connecting for ever, so a token that is not accepted is found out before.
        with speaking("apps.connections.open", self.clock()):
            answer = await self.client.apps_connections_open(app_token=self.values.app_token)
        handler = AsyncSocketModeHandler(app, self.values.app_token, web_client=self.client, ping_interval=_PING_S)
        handler.client.wss_uri = str(answer["url"])
        handler.client.on_message_listeners.append(_count_connections)
        try:
            with speaking("the socket", self.clock()):
                connecting = handler.connect_async()  # type: ignore[no-untyped-call]  # slack-bolt types it not
                await asyncio.wait_for(connecting, self.values.timeout_s)
        except SlackError:
            await handler.close_async()  # type: ignore[no-untyped-call]  # slack-bolt types it not
            raise
        self._handler = handler
        self._watch = asyncio.create_task(self._look_after(handler.client), name="slack watch")

    async def _look_after(self, client: SocketModeClient) -> None:
        """Connections have been seen to stay open and deliver nothing: after a few bad looks a new one is made."""
        bad = 0
        while True:
            await asyncio.sleep(self.values.watch_s)
            why = await self._what_is_wrong(client)
            if not why:
                if bad:
                    log.info("the connection to Slack is back")
                    self.back.set()
                bad = 0
                continue
            bad += 1
            if bad == 1:
                log.warning("the connection to Slack is lost; slack-sdk makes it anew", why=why)
            if bad % _BAD_LOOKS == 0:
                try:
                    with speaking("apps.connections.open", self.clock()):
                        await client.connect_to_new_endpoint(force=True)
                except SlackError as problem:
                    log.debug("the socket could not be made anew", why=str(problem))

    async def _what_is_wrong(self, client: SocketModeClient) -> str:
        """Why nothing can arrive at the moment; empty when all is well."""
        try:
            with speaking("auth.test", self.clock()):
                await self.client.auth_test()
        except SlackError as problem:
            return str(problem)
        return "" if await client.is_connected() else "the socket is closed"

    async def connected(self) -> bool:
        """Whether the socket is open."""
        return self._handler is not None and bool(await self._handler.client.is_connected())

    async def deaf(self) -> None:
        """Take nothing in any more; what was delivered and not stored is delivered again."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
            self._watch = None
        if self._handler is not None:
            await self._handler.close_async()  # type: ignore[no-untyped-call]  # slack-bolt types it not
            self._handler = None

    async def close(self) -> None:
        await self.deaf()
        await self.session.close()


async def _count_connections(message: aiohttp.WSMessage) -> None:
    """Slack sends each delivery to any one of the app's connections: a second Waggle takes half of them."""
    if not isinstance(message.data, str) or '"hello"' not in message.data:
        return
    hello = json.loads(message.data)
    others = int(hello.get("num_connections") or 1) - 1
    if hello.get("type") == "hello" and others > 0:
        log.warning("another process is connected with the same app token and takes deliveries away", others=others)
