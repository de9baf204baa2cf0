"""The playground's tracker and GitHub in this process, and the real client before them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from aiohttp import web

from integrations.errors.sentry import Sentry
from integrations.playground import github, sentry
from integrations.playground.place import SENTRY_ORGANISATION, SENTRY_PROJECT, Place
from integrations.playground.sentry.world import SentryWorld
from tests.integration.loop import place_at

T = TypeVar("T")


def event(n: int, *, kind: str = "ValueError", function: str = "invoice_page", **fields: Any) -> dict[str, Any]:
    """An event as sentry-sdk sends it; `n` makes its id."""
    frames = [
        {"filename": "wsgiref/handlers.py", "module": "wsgiref.handlers", "function": "run", "lineno": 5},
        {
            "filename": "app/web.py",
            "abs_path": "/srv/app/web.py",
            "module": "app.web",
            "function": function,
            "lineno": 71,
            "pre_context": ["    def invoice_page(self, query):"],
            "context_line": '        invoice = invoices.get(self.db, int(query.get("id", "0")))',
            "post_context": ["        rows = ["],
            "in_app": True,
        },
    ]
    return {
        "event_id": f"{n:032x}",
        "level": "error",
        "platform": "python",
        "release": "1.0",
        "environment": "production",
        "user": {"ip_address": f"203.0.113.{n % 200}", "email": f"priya{n}@northwind.example"},
        "exception": {"values": [{"type": kind, "value": "it broke", "stacktrace": {"frames": frames}}]},
        "request": {"url": "https://ledger.example/invoice", "headers": {"User-Agent": "Mozilla/5.0"}},
        **fields,
    }


@dataclass
class Tracker:
    """What a test does with the tracker."""

    place: Place
    world: SentryWorld
    sleeps: list[float] = field(default_factory=list)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def client(self, token: str = "", organisation: str = SENTRY_ORGANISATION, **more: Any) -> Sentry:
        given: dict[str, Any] = {
            "projects": (SENTRY_PROJECT,),
            "url": self.place.sentry_url,
            "sleep": self.sleeps.append,
        }
        return Sentry(lambda: token or self.place.sentry_token, organisation, **{**given, "clock": self.now, **more})

    async def ask(self, call: Callable[..., T], *args: Any) -> T:
        return await asyncio.to_thread(call, *args)

    def happen(self, count: int = 1, **fields: Any) -> None:
        """So many events, each of another person."""
        known = sum(one.count for one in self.world.memory.issues())
        for n in range(count):
            self.world.take(event(known + n + 1, **fields))

    async def page(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        headers = {"X-Page-Token": self.place.page_token}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, f"{self.place.url}{path}", json=body) as answer,
        ):
            return answer.status, await answer.text()

    def calls(self) -> list[tuple[str, int]]:
        """Address and status of every call of the REST interface."""
        return [(one.path, one.status) for one in self.world.memory.calls() if one.method == "GET"]


@asynccontextmanager
async def tracker(home: Path) -> AsyncIterator[Tracker]:
    """The tracker until the block ends."""
    place = place_at(home)
    home.mkdir(exist_ok=True)
    app = web.Application(client_max_size=64 * 2**20)
    world = sentry.add_routes(app, place, github.add_routes(app, place))
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(place.url.rpartition(":")[2])).start()
    try:
        yield Tracker(place, world)
    finally:
        await runner.cleanup()
