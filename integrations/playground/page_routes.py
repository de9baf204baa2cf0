"""The workspace page itself, and the page's two doors to every service: trouble on demand, and the call log."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from aiohttp import web

from integrations.playground import guard
from integrations.playground.place import Place

_FILES = Path(__file__).parent / "page"
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
# Everything comes from here, nothing is evaluated, and no other page may frame this one.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Service(Protocol):
    """What every stand-in gives beside its wire."""

    def fault(self, spec: Mapping[str, object]) -> None:
        """Trouble for what comes.

        Raises:
            ValueError: the description makes no sense; the message says what is wrong.
        """

    def calls(self) -> list[dict[str, object]]:
        """Every API call so far, oldest first."""


def add_routes(app: web.Application, place: Place, services: Mapping[str, Service]) -> None:
    async def index(_: web.Request) -> web.Response:
        return _file("index.html")

    async def static(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in {path.name for path in _FILES.iterdir()}:
            raise web.HTTPNotFound(text="no such file")
        return _file(name)

    async def permalink(request: web.Request) -> web.Response:
        """Slack's address of a message leads to the message on the page."""
        channel, digits = request.match_info["channel"], request.match_info["digits"]
        ts = f"{digits[:-6]}.{digits[-6:]}"
        raise web.HTTPFound(f"/#/{channel}/{request.query.get('thread_ts') or ts}")

    async def health(_: web.Request) -> web.Response:
        return web.json_response({"ok": True, "pid": os.getpid()})

    async def fault(request: web.Request) -> web.Response:
        try:
            body = await request.json()
            service, spec = services[body["service"]], dict(body["spec"])
            service.fault(spec)
        except (KeyError, TypeError):
            known = ", ".join(services)
            return web.json_response({"error": f"wanted: service ({known}) and spec"}, status=400)
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({})

    async def calls(request: web.Request) -> web.Response:
        service = services.get(request.query.get("service", ""))
        if service is None:
            return web.json_response({"error": f"service is one of {', '.join(services)}"}, status=400)
        return web.json_response({"calls": service.calls()})

    app.router.add_get("/", guard.page(place, index))
    app.router.add_get("/page/static/{name}", guard.page(place, static))
    app.router.add_get(r"/archives/{channel}/p{digits:\d{7,}}", guard.page(place, permalink))
    app.router.add_post("/page/fault", guard.page(place, fault))
    app.router.add_get("/page/calls", guard.page(place, calls))
    app.router.add_get("/health", health)


def _file(name: str) -> web.Response:
    path = _FILES / name
    return web.Response(body=path.read_bytes(), content_type=_TYPES[path.suffix], charset="utf-8", headers=_HEADERS)
