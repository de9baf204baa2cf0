"""The wires: where SDKs send events, and the part of Sentry's REST interface that reads issues."""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from integrations.playground.place import SENTRY_ORGANISATION, SENTRY_PROJECT
from integrations.playground.sentry import shapes
from integrations.playground.sentry.envelopes import BadEnvelope, key_of, read_envelope, read_event
from integrations.playground.sentry.faults import Fault
from integrations.playground.sentry.memory import Call, StoredIssue
from integrations.playground.sentry.world import DAY_S, PROJECT_ID, SentryWorld

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_DETAILS = {
    400: "Error parsing search query",
    401: "Invalid token",
    403: "You do not have permission to perform this action.",
    404: "The requested resource does not exist",
    429: "You are attempting to use this endpoint too frequently.",
}
_QUOTA = 40
_PAGE = 100
_SPANS = {"h": 3600.0, "d": DAY_S}


class Refused(Exception):
    """The answer is an error with a sentence."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class Wires:
    def __init__(self, world: SentryWorld) -> None:
        self._world = world

    # --- what applications send ------------------------------------------------------------------------------------

    async def envelope(self, request: web.Request) -> web.StreamResponse:
        return await self._taken(request, read_envelope)

    async def store(self, request: web.Request) -> web.StreamResponse:
        return await self._taken(request, lambda data: [read_event(data)])

    async def _taken(self, request: web.Request, read: Callable[[bytes], list[dict[str, Any]]]) -> web.StreamResponse:
        data = await request.read()
        if request.match_info["project"] != PROJECT_ID or key_of(request.headers, request.query) != SENTRY_PROJECT:
            return self._said(request, 403, {"detail": "bad sentry DSN public key"})
        try:
            events = read(data)
        except BadEnvelope as problem:
            return self._said(request, 400, {"detail": str(problem)})
        for event in events:
            self._world.take(event)
        return self._said(request, 200, {"id": events[0]["event_id"]} if events else {})

    # --- what is read ----------------------------------------------------------------------------------------------

    async def organisation(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(shapes.organisation())

    async def projects(self, request: web.Request) -> web.StreamResponse:
        return web.json_response([shapes.project()], headers=_link(request, 0, more=False))

    async def issues(self, request: web.Request) -> web.StreamResponse:
        """The issues that a search finds, the latest first, by pages."""
        await self._world.settle_merges()
        found = [one for one in self._world.memory.issues() if self._is_wanted(request, one)]
        if request.query.get("sort", "date") != "date":
            raise Refused(400, "this stand-in sorts by date only")
        limit = min(int(request.query.get("limit", _PAGE)), _PAGE)
        cursor = re.fullmatch(r"0:(\d+):[01]", request.query.get("cursor", "0:0:0"))
        if cursor is None:
            raise Refused(400, "Invalid cursor parameter.")
        start = int(cursor[1])
        shown = found[start : start + limit]
        headers = _link(request, start + limit, more=start + limit < len(found))
        return web.json_response([shapes.issue(self._world, one) for one in shown], headers=headers)

    async def issue(self, request: web.Request) -> web.StreamResponse:
        await self._world.settle_merges()
        return web.json_response(shapes.issue(self._world, self._found(request)))

    async def event(self, request: web.Request) -> web.StreamResponse:
        which = request.match_info["event"]
        stored = self._world.memory.event(self._found(request).id, newest=which != "oldest")
        if stored is None or which not in {"latest", "oldest", "recommended", stored.id}:
            raise Refused(404, "Event not found")
        return web.json_response(shapes.event(stored))

    def _found(self, request: web.Request) -> StoredIssue:
        found = self._world.memory.issue(int(request.match_info["issue"]))
        if found is None:
            raise Refused(404, _DETAILS[404])
        return found

    def _is_wanted(self, request: web.Request, issue: StoredIssue) -> bool:
        span = re.fullmatch(r"(\d+)([hd])", request.query.get("statsPeriod", "90d"))
        if span is None:
            raise Refused(400, "Invalid stats_period")
        if issue.last_seen < self._world.clock() - float(span[1]) * _SPANS[span[2]]:
            return False
        projects = request.query.getall("project", [])
        if projects and not {PROJECT_ID, "-1"} & set(projects):
            raise Refused(403, "You do not have access to one of the projects.")
        return all(self._matches(term, issue) for term in request.query.get("query", "").split())

    def _matches(self, term: str, issue: StoredIssue) -> bool:
        name, _, value = term.partition(":")
        match name, value:
            case "is", "unresolved" | "resolved" | "ignored":
                return issue.status == value
            case "is", "new" | "ongoing" | "regressed" | "escalating":
                return self._world.substatus(issue) == value
            case "level", _ if value:
                return issue.level in value.strip("[]").split(",")
            case "issue.category", "error":
                return True
        raise Refused(400, f"Error parsing search query: {term}")

    # --- the way of every call -------------------------------------------------------------------------------------

    def guarded(self, handler: Handler) -> Handler:
        """Log, trouble, token, organisation; then the call itself."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            fault = self._world.faults.take(request.path)
            if fault is not None and fault.answer in {"hang", "drop"}:
                self._note(request, 0)
                await asyncio.sleep(fault.seconds if fault.answer == "hang" else 0)
                if request.transport is not None:
                    request.transport.abort()
                return web.Response(status=500)  # nobody sees it: the connection is gone
            answer = (
                _trouble(fault, self._world.clock()) if fault is not None else await self._answered(request, handler)
            )
            self._note(request, answer.status)
            return answer

        return guarded

    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        offered = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(offered.encode(), self._world.place.sentry_token.encode()):
            return web.json_response({"detail": _DETAILS[401]}, status=401)
        if request.match_info["organisation"] != SENTRY_ORGANISATION:
            return web.json_response({"detail": _DETAILS[404]}, status=404)
        try:
            answer = await handler(request)
        except Refused as refused:
            return web.json_response({"detail": str(refused)}, status=refused.status)
        answer.headers.update(_limits(_QUOTA - 1, self._world.clock() + 1))
        return answer

    def _said(self, request: web.Request, status: int, body: dict[str, Any]) -> web.Response:
        self._note(request, status)
        return web.json_response(body, status=status)

    def _note(self, request: web.Request, status: int) -> None:
        self._world.memory.log(Call(self._world.clock(), request.method, request.path, request.query_string, status))


def _trouble(fault: Fault, now: float) -> web.Response:
    if fault.answer == "page":
        return web.Response(text="<html><body>Please log in</body></html>", content_type="text/html")
    if fault.answer == "shapeless":
        return web.json_response({"hello": ["world"]})
    if fault.answer == "moved":
        return web.Response(status=302, headers={"Location": "https://elsewhere.invalid/"})
    status = 503 if fault.answer == "down" else int(fault.answer)
    if status >= 500:
        return web.Response(status=status, text="<html>Internal Error</html>", content_type="text/html")
    headers = _limits(0, now + fault.retry_after) if status == 429 else {}
    return web.json_response({"detail": _DETAILS[status]}, status=status, headers=headers)


def _limits(left: int, reset: float) -> dict[str, str]:
    return {
        "X-Sentry-Rate-Limit-Limit": str(_QUOTA),
        "X-Sentry-Rate-Limit-Remaining": str(left),
        "X-Sentry-Rate-Limit-Reset": str(int(reset + 0.999)),
    }


def _link(request: web.Request, following: int, *, more: bool) -> dict[str, str]:
    address = str(request.url.with_query({k: v for k, v in request.query.items() if k != "cursor"}))
    joined = "&" if "?" in address else "?"
    parts = [
        f'<{address}{joined}cursor={cursor}>; rel="{rel}"; results="{results}"; cursor="{cursor}"'
        for rel, results, cursor in (
            ("previous", "false", "0:0:1"),
            ("next", "true" if more else "false", f"0:{following}:0"),
        )
    ]
    return {"Link": ", ".join(parts)}


def add_routes(app: web.Application, world: SentryWorld) -> None:
    wires = Wires(world)
    root = "/sentry/api/0/organizations/{organisation}"
    app.router.add_post("/sentry/api/{project}/envelope/", wires.envelope)
    app.router.add_post("/sentry/api/{project}/store/", wires.store)
    for path, handler in (
        (f"{root}/", wires.organisation),
        (f"{root}/projects/", wires.projects),
        (f"{root}/issues/", wires.issues),
        (f"{root}/issues/{{issue:\\d+}}/", wires.issue),
        (f"{root}/issues/{{issue:\\d+}}/events/{{event:\\w+}}/", wires.event),
    ):
        app.router.add_get(path, wires.guarded(handler), allow_head=False)
