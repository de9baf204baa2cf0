"""What a person sees of the tracker, and the button that makes the sample application fail."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from integrations.playground.guard import page
from integrations.playground.sentry import shapes
from integrations.playground.sentry.incident import Incident, NoIncident
from integrations.playground.sentry.world import SentryWorld, short_id_of

VISITORS = 5
_MOST_VISITORS = 200
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

Cause = Callable[[int], Awaitable[Incident]]


class Pages:
    """Parameters: `cause` makes the application fail for so many visitors."""

    def __init__(self, world: SentryWorld, cause: Cause) -> None:
        self._world = world
        self._cause = cause
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).with_name("templates")),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {"short_id": short_id_of, "moment": _moment}

    async def issues(self, request: web.Request) -> web.StreamResponse:
        await self._world.settle_merges()
        return self._html("issues.html", issues=self._world.memory.issues(), version=self._version())

    async def issue(self, request: web.Request) -> web.StreamResponse:
        await self._world.settle_merges()
        issue = self._world.memory.issue(int(request.match_info["issue"]))
        event = self._world.memory.event(issue.id) if issue is not None else None
        if issue is None or event is None:
            raise web.HTTPNotFound(text="There is no such issue.")
        frames = shapes.own_frames(event)
        substatus = self._world.substatus(issue)
        return self._html(
            "issue.html", issue=issue, event=event, frames=frames, substatus=substatus, version=self._version()
        )

    async def version(self, request: web.Request) -> web.StreamResponse:
        await self._world.settle_merges()
        return web.json_response({"version": self._version()}, headers=_HEADERS)

    async def cause(self, request: web.Request) -> web.StreamResponse:
        """Make the application fail. `visitors` is how many people meet the error."""
        body = await request.json() if request.can_read_body else {}
        visitors = body.get("visitors", VISITORS) if isinstance(body, dict) else None
        if not isinstance(visitors, int) or isinstance(visitors, bool) or not 0 < visitors <= _MOST_VISITORS:
            return web.json_response({"error": f"visitors is a number from 1 to {_MOST_VISITORS}"}, status=400)
        try:
            incident = await self._cause(visitors)
        except NoIncident as problem:
            return web.json_response({"error": f"No error was caused: {problem}."}, status=500)
        said = (
            f"{incident.failed} of {visitors} visitors met an error; the tracker knows of it."
            if incident.failed
            else "The application answered as it should: this bug is fixed on its main branch."
        )
        return web.json_response(
            {"said": said, "failed": incident.failed, "answers": incident.answers, "release": incident.release}
        )

    def _version(self) -> str:
        seen = [(one.id, one.status, one.substatus, one.count) for one in self._world.memory.issues()]
        return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]

    def _html(self, template: str, **values: object) -> web.Response:
        text = self._templates.get_template(template).render(**values)
        return web.Response(text=text, content_type="text/html", headers=_HEADERS)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _script(request: web.Request) -> Awaitable[web.StreamResponse]:
    async def answer() -> web.StreamResponse:
        body = Path(__file__).with_name("page.js").read_text(encoding="utf-8")
        return web.Response(text=body, content_type="text/javascript", headers=_HEADERS)

    return answer()


def add_routes(app: web.Application, world: SentryWorld, cause: Cause) -> None:
    pages = Pages(world, cause)
    for path, handler in (
        ("/sentry/", pages.issues),
        ("/sentry/issues/{issue:\\d+}/", pages.issue),
        ("/sentry/-/version", pages.version),
        ("/sentry/-/page.js", _script),
    ):
        app.router.add_get(path, page(world.place, handler), allow_head=False)
    app.router.add_post("/page/sentry/cause", page(world.place, pages.cause))
