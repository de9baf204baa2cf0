"""The way every API call takes: token, limits, faults, the call itself, ETag, and a line in the call log."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from integrations.playground.github import permissions
from integrations.playground.github.apps import Apps, Grant
from integrations.playground.github.faults import Fault, Faults
from integrations.playground.github.git_http import caller
from integrations.playground.github.limits import CORE, GRAPHQL, Limits
from integrations.playground.github.people import Account
from integrations.playground.github.records import CallRecord
from integrations.playground.github.refusal import Refused, invalid
from integrations.playground.github.store import Store
from integrations.playground.place import Place

_LOGGED_BODY = 4000
_KEPT_CALLS = 50_000
_DOCS = "https://docs.github.com/rest"
_SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
    "If you reach out to GitHub Support for help, please include the request ID."
)
_MESSAGES = {
    401: "Bad credentials",
    403: "Resource not accessible by personal access token",
    404: "Not Found",
    409: "Conflict",
    422: "Validation Failed",
    429: "Too Many Requests",
    500: "Server Error",
    502: "Server Error",
    503: "Service Unavailable",
    504: "We couldn't respond to your request in time. Sorry about that.",
}
_GRAPHQL_TIMEOUT = (
    "Something went wrong while executing your query. This may be the result of a timeout, or it could be a GitHub bug."
)


@dataclass(frozen=True)
class Call:
    """One authenticated API call."""

    request: web.Request
    actor: Account
    place: Place
    body: Mapping[str, Any]
    fault: Fault | None = None

    @property
    def api(self) -> str:
        """The API's address with the host of the request: PyGithub refuses answers with another one."""
        return f"{self.request.scheme}://{self.request.host}/github/api/v3"

    @property
    def slug(self) -> str:
        return f"{self.request.match_info['owner']}/{self.request.match_info['name']}"

    def part(self, name: str) -> str:
        return self.request.match_info[name]

    def number(self, name: str = "number") -> int:
        return int(self.request.match_info[name])

    def text(self, name: str) -> str:
        """A string of the body; empty when it is missing or null.

        Raises:
            Refused: 422 when it is something else.
        """
        value = self.body.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise invalid("Body", f"{name} is not a string", field=name, code="invalid")
        return value

    def query(self, name: str, default: str = "") -> str:
        return self.request.query.get(name, default)


@dataclass(frozen=True)
class Answer:
    """What goes back. A string body is sent as it is, anything else as JSON."""

    body: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


Handler = Callable[[Call], Awaitable[Answer]]


class CallLog:
    """The calls that were made, the last fifty thousand of them, for tests that judge by what arrived."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    def wrote(
        self,
        request: web.Request,
        started: float,
        status: int,
        *,
        actor: str,
        performed: bool,
        operation: str = "",
        body: str = "",
    ) -> None:
        record = self._store.add(
            CallRecord(
                at=started,
                actor=actor,
                method=request.method,
                path=request.path,
                query=request.query_string,
                operation=operation,
                status=status,
                ms=round((self._clock() - started) * 1000, 1),
                body=body[:_LOGGED_BODY],
                performed=performed,
            )
        )
        if record.id % 1000 == 0:
            self._store.remove_all(CallRecord, "id<=?", record.id - _KEPT_CALLS)

    def all(self) -> list[CallRecord]:
        return self._store.all(CallRecord)


class Doorway:
    def __init__(
        self, place: Place, apps: Apps, faults: Faults, limits: Limits, log: CallLog, clock: Callable[[], float]
    ) -> None:
        self._place = place
        self._apps = apps
        self._faults = faults
        self._limits = limits
        self._log = log
        self._clock = clock

    def rest(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        return self._door(handler, CORE)

    def graphql(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        return self._door(handler, GRAPHQL)

    def _door(self, handler: Handler, resource: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def door(request: web.Request) -> web.StreamResponse:
            started = self._clock()
            grant = caller(request, self._apps)
            raw = await request.text() if request.can_read_body else ""
            body, readable = _parse(raw)
            operation = str(body.get("operationName") or _operation(body.get("query"))) if resource == GRAPHQL else ""
            fault = self._faults.take(request.method, request.path, operation)
            if self._faults.latency_s:
                await asyncio.sleep(self._faults.latency_s)
            performed = False
            if fault is not None and fault.answer == "hang":
                await asyncio.sleep(fault.seconds)
                answer = None
            elif grant is None:
                answer = _refusal(
                    Refused(401, "Bad credentials" if _offers_token(request) else "Requires authentication")
                )
            elif not readable:
                answer = _refusal(Refused(400, "Problems parsing JSON"))
            elif not _opened(grant, request):
                answer = _refusal(Refused(404, "Not Found"))
            elif lack := _lacking(grant, request):
                refused = Refused(403, _MESSAGES[403], headers={"X-Accepted-GitHub-Permissions": lack})
                answer = _refusal(refused)
            else:
                if grant.permissions is not None and resource == GRAPHQL and fault is None:
                    fault = Fault("forbidden_fields")
                answer = self._faulty(fault, resource)
                if answer is None:
                    answer = await self._perform(
                        handler, Call(request, grant.account, self._place, body, fault), resource
                    )
                    performed = answer.status < 400
                if fault is not None and fault.answer == "drop":
                    answer = None
            who = grant.account.login if grant else ""
            status = answer.status if answer else 0
            self._log.wrote(request, started, status, actor=who, performed=performed, operation=operation, body=raw)
            if fault is not None and fault.answer == "late":
                await asyncio.sleep(fault.seconds)
            return _cut(request) if answer is None else self._respond(request, answer, resource)

        return door

    async def _perform(self, handler: Handler, call: Call, resource: str) -> Answer:
        if self._limits.bucket(resource).remaining == 0 and not call.request.path.endswith("/rate_limit"):
            return _rate_limited(resource)
        try:
            answer = await handler(call)
        except Refused as refused:
            answer = _refusal(refused)
        if call.request.method == "GET" and answer.status == 200:
            answer = _with_etag(call.request, answer)
        if resource == CORE and answer.status != 304:  # GraphQL counts its own points
            self._limits.spend(CORE)
        return answer

    def _faulty(self, fault: Fault | None, resource: str) -> Answer | None:
        if fault is None:
            return None
        if fault.answer == "secondary":
            headers = {"Retry-After": f"{fault.retry_after:.0f}"}
            return _refusal(
                Refused(403, _SECONDARY, headers=headers), docs=f"{_DOCS}/overview/rate-limits#secondary-rate-limits"
            )
        if fault.answer == "rate_limited":
            self._limits.use_up(resource, fault.seconds)
            return _rate_limited(resource)
        if fault.answer == "timeout":
            if resource == GRAPHQL:
                return Answer({"errors": [{"message": _GRAPHQL_TIMEOUT}]}, 502)
            return Answer("<html><body><h1>502 Bad Gateway</h1></body></html>", 502, content_type="text/html")
        if isinstance(fault.answer, int):
            headers = {"Retry-After": f"{fault.retry_after:.0f}"} if fault.answer == 429 else {}
            return _refusal(Refused(fault.answer, _MESSAGES[fault.answer], headers=headers))
        return None

    def _respond(self, request: web.Request, answer: Answer, resource: str) -> web.Response:
        headers = {
            **(self._limits.headers(resource) if answer.status != 401 else {}),
            "X-GitHub-Media-Type": "github.v3; format=json",
            "X-OAuth-Scopes": "repo, workflow",
            "Cache-Control": "private, max-age=60, s-maxage=60",
            **answer.headers,
        }
        if answer.status in (204, 304):
            return web.Response(status=answer.status, headers=headers)
        return web.Response(
            status=answer.status, text=_text(answer), headers=headers, content_type=answer.content_type, charset="utf-8"
        )


def _parse(raw: str) -> tuple[Mapping[str, Any], bool]:
    if not raw.strip():
        return {}, True
    try:
        parsed = json.loads(raw)
    except ValueError:
        return {}, False
    return (parsed, True) if isinstance(parsed, dict) else ({}, isinstance(parsed, list))


def _operation(query: object) -> str:
    """The name after `query` or `mutation`, read without parsing: the log wants it even for a broken text."""
    lines = [line for line in str(query or "").splitlines() if line.strip() and not line.lstrip().startswith("#")]
    words = lines[0].replace("(", " ").replace("{", " ").split() if lines else []
    return words[1] if len(words) > 1 and words[0] in ("query", "mutation") else ""


def _opened(grant: Grant, request: web.Request) -> bool:
    """Whether the credential may see the repository that a REST call names."""
    match = request.match_info
    return "owner" not in match or grant.opens(f"{match['owner']}/{match['name']}")


def _lacking(grant: Grant, request: web.Request) -> str:
    """The permission that a REST call of a repository needs and the credential lacks."""
    match = request.match_info
    if grant.permissions is None or "owner" not in match:
        return ""
    tail = request.path.partition(f"/{match['owner']}/{match['name']}")[2]
    return permissions.lacking(request.method, tail, grant.permissions)


def _offers_token(request: web.Request) -> bool:
    return "Authorization" in request.headers


def _refusal(refused: Refused, docs: str = _DOCS) -> Answer:
    body: dict[str, object] = {"message": refused.message, "documentation_url": docs, "status": str(refused.status)}
    if refused.errors:
        body["errors"] = list(refused.errors)
    return Answer(body, refused.status, refused.headers)


def _rate_limited(resource: str) -> Answer:
    message = "API rate limit exceeded for user ID 9001."
    if resource == GRAPHQL:  # GraphQL answers 200 here, which is why PyGithub does not see a rate limit
        return Answer({"errors": [{"type": "RATE_LIMITED", "message": message}]})
    return _refusal(Refused(403, message), docs=f"{_DOCS}/overview/rate-limits-for-the-rest-api")


def _with_etag(request: web.Request, answer: Answer) -> Answer:
    tag = f'W/"{hashlib.sha256(_text(answer).encode()).hexdigest()}"'
    headers = {**answer.headers, "ETag": tag}
    known = [offered.strip() for offered in request.headers.get("If-None-Match", "").split(",")]
    if tag in known or tag.removeprefix("W/") in known:
        return Answer(None, 304, headers)
    return Answer(answer.body, answer.status, headers, answer.content_type)


def _text(answer: Answer) -> str:
    return answer.body if isinstance(answer.body, str) else json.dumps(answer.body)


def _cut(request: web.Request) -> web.Response:
    """Cut the connection. The response is never sent; aiohttp wants one from every handler."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
