"""A stand-in Slack on a real port, with the visitor and the Bolt app that tests point at it."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from integrations.playground import page_routes, slack
from integrations.playground.place import Place
from integrations.playground.slack import SlackWorld
from integrations.playground.visitor import Visitor

ANA, BEN, BOT = "U0ANA", "U0BEN", "U0WAGGLE"
PRODUCT, CUSTOMERS = "C0PRODUCT", "C0CUSTOMERS"


class Host:
    """One running stand-in. `restart` stops it and starts another on the same home and port."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = int(free.getsockname()[1])
        self.place = Place(
            home, f"http://127.0.0.1:{self._port}", "page-token", "xoxb-test", "xapp-test", "ghp-test", "key", "sntry"
        )
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        self.world: SlackWorld = slack.add_routes(app, self.place)
        page_routes.add_routes(app, self.place, {"slack": self.world})
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self.session = aiohttp.ClientSession()
        self.visitor = Visitor(self.place.page_url)
        self.client = AsyncWebClient(
            token=self.place.slack_bot_token, base_url=self.place.slack_api_url, session=self.session, retry_handlers=[]
        )

    async def stop(self) -> None:
        await self.visitor.leave()
        await self.session.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def post(self, text: str = "hello", **more: Any) -> str:
        answer = await self.client.chat_postMessage(channel=PRODUCT, text=text, **more)
        return str(answer["ts"])


@asynccontextmanager
async def hosting(home: Path) -> AsyncIterator[Host]:
    host = Host(home)
    await host.start()
    try:
        yield host
    finally:
        await host.stop()


async def refused(call: Any) -> str:
    """The name of the error with which Slack refuses a call."""
    try:
        answer = await call
    except SlackApiError as error:
        return str(error.response["error"])
    raise AssertionError(f"it was not refused: {answer}")


class App:
    """A Bolt app that writes down what it is sent. `deaf` makes it fail, so that nothing is acknowledged."""

    def __init__(self, host: Host, register: Callable[[App], None]) -> None:
        self.host = host
        self.bodies: list[dict[str, Any]] = []
        self.retries: list[str] = []
        self.deaf = False
        self.bolt = AsyncApp(
            client=host.client,
            process_before_response=True,
            ignoring_self_events_enabled=False,
            raise_error_for_unhandled_request=False,
        )
        self._handlers: list[AsyncSocketModeHandler] = []

        @self.bolt.middleware
        async def note(body: dict[str, Any], req: AsyncBoltRequest, next_: Callable[[], Any]) -> None:
            self.bodies.append(body)
            self.retries.append(",".join(req.headers.get("x-slack-retry-num", [])))
            if self.deaf:
                raise RuntimeError("deaf")
            await next_()

        register(self)

        @self.bolt.event(re.compile(".*"))
        async def taken() -> None:
            """Acknowledged, whatever it is."""

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [body["event"] for body in self.bodies if body.get("event", {}).get("type") == kind]

    async def connect(self) -> AsyncSocketModeHandler:
        handler = AsyncSocketModeHandler(
            self.bolt,
            self.host.place.slack_app_token,
            web_client=AsyncWebClient(base_url=self.host.place.slack_api_url),
            ping_interval=1,
        )
        await handler.connect_async()
        self._handlers.append(handler)
        return handler

    async def close(self) -> None:
        for handler in self._handlers:
            await handler.close_async()


@asynccontextmanager
async def listening(host: Host, register: Callable[[App], None] = lambda _: None) -> AsyncIterator[App]:
    """A connected app. `register` adds the listeners of events; what it leaves is acknowledged."""
    app = App(host, register)
    await app.connect()
    await until(lambda: host.world.sockets.connected == 1, "the app is connected")
    try:
        yield app
    finally:
        await app.close()


async def until(condition: Callable[[], object], what: str, timeout_s: float = 10.0) -> None:
    """Wait until something is true."""
    try:
        async with asyncio.timeout(timeout_s):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"never: {what}") from None
