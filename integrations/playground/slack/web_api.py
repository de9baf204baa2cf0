"""The way every Web API call takes: token, limits, faults, the method itself, and a line in the call log."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable

from aiohttp import web

from integrations.playground.place import Place
from integrations.playground.slack import arguments
from integrations.playground.slack.arguments import Arguments
from integrations.playground.slack.call_log import Call, CallLog
from integrations.playground.slack.faults import Fault, Faults
from integrations.playground.slack.limits import Limits
from integrations.playground.slack.refusal import Refused
from integrations.playground.slack.store import Json

SCOPES = (
    "app_mentions:read,channels:history,channels:join,channels:read,chat:write,commands,files:read,files:write,"
    "groups:history,groups:read,im:history,im:read,im:write,reactions:read,reactions:write,usergroups:read,users:read"
)
APP_SCOPES = "connections:write"
_APP_METHODS = {"apps.connections.open"}
_OPEN_METHODS = {"api.test"}
_LOGGED_RESULT = 20_000

Method = Callable[[Arguments], Awaitable[Json]]


class WebApi:
    """Parameters: `methods` by their names; `clock` gives seconds since the epoch."""

    def __init__(
        self,
        place: Place,
        methods: dict[str, Method],
        faults: Faults,
        limits: Limits,
        log: CallLog,
        clock: Callable[[], float],
    ) -> None:
        self._place = place
        self._methods = methods
        self._faults = faults
        self._limits = limits
        self._log = log
        self._clock = clock
        self.latency_s = 0.0
        self.silent_until = 0.0

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer `/slack/api/METHOD`."""
        started, method = self._clock(), request.match_info["method"]
        args = Arguments({})
        fault: Fault | None = None
        headers: dict[str, str] = {}
        status, performed = 200, False
        try:
            args = await arguments.read(request)
            fault = self._faults.meeting(method)
            await asyncio.sleep(max(self.latency_s, self.silent_until - self._clock(), 0))
            if fault is not None and fault.answer == "hang":
                await asyncio.sleep(fault.seconds)
                answer: Json = {}
            else:
                self._check_token(request, args, method)
                _meet(fault)
                if wait := self._limits.spend(method, args.text("channel")):
                    raise _Unavailable(429, wait)
                if method not in self._methods:
                    raise Refused("unknown_method", extra={"req_method": method})
                answer = {"ok": True} | await self._methods[method](args)
                performed = True
        except Refused as refused:
            answer = refused.as_json()
        except _Unavailable as unavailable:
            status = unavailable.status
            answer = {"ok": False, "error": "ratelimited" if status == 429 else "internal_error"}
            headers = {"Retry-After": str(unavailable.retry_after)} if status == 429 else {}
        cut = fault is not None and fault.answer in ("hang", "drop")
        self._write(method, args, 0 if cut else status, answer, performed=performed, started=started)
        if cut:
            return _cut(request)
        scopes = APP_SCOPES if method in _APP_METHODS else SCOPES
        return web.json_response(answer, status=status, headers={**headers, "X-OAuth-Scopes": scopes})

    def _check_token(self, request: web.Request, args: Arguments, method: str) -> None:
        """Raises: Refused with what Slack says of a missing, unknown or unfitting token."""
        if method in _OPEN_METHODS:
            return
        offered = request.headers.get("Authorization", "").removeprefix("Bearer ").strip() or args.text("token")
        if not offered:
            raise Refused("not_authed")
        wanted, other = self._place.slack_bot_token, self._place.slack_app_token
        if method in _APP_METHODS:
            wanted, other = other, wanted
        if hmac.compare_digest(offered.encode(), other.encode()) and method != "auth.test":
            raise Refused("not_allowed_token_type")
        if not hmac.compare_digest(offered.encode(), wanted.encode()):
            raise Refused("invalid_auth")

    def _write(
        self, method: str, args: Arguments, status: int, answer: Json, *, performed: bool, started: float
    ) -> None:
        ok, ms = bool(answer.get("ok")), round((self._clock() - started) * 1000, 1)
        shown = {"ok": True, "url": "(a ticket)"} if method in _APP_METHODS and ok else answer
        if len(str(shown)) > _LOGGED_RESULT:
            shown = {"ok": ok, "cut": "the answer was too long for the log"}
        error = str(answer.get("error", ""))
        self._log.wrote(Call(started, method, args.for_log(), status, ok, error, performed, ms, shown))


class _Unavailable(Exception):
    """The call is answered with a status of its own instead of 200."""

    def __init__(self, status: int, retry_after: float) -> None:
        super().__init__(status)
        self.status = status
        self.retry_after = max(int(retry_after), 1)


def _meet(fault: Fault | None) -> None:
    if fault is None or fault.answer == "drop":
        return
    if isinstance(fault.answer, int):
        raise _Unavailable(fault.answer, fault.retry_after)
    raise Refused(fault.answer)


def _cut(request: web.Request) -> web.Response:
    """Cut the connection. The response is never sent; aiohttp wants one from every handler."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
