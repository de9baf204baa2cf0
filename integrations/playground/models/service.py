"""The two doors: check the key, meet a fault, answer by rules, write the call down."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, dataclass

from aiohttp import web

from integrations.playground.models.calls import Call, CallLog
from integrations.playground.models.faults import Fault, Faults
from integrations.playground.models.voices import speak
from integrations.playground.models.wire import (
    ANTHROPIC,
    CHARACTERS_PER_TOKEN,
    OPENAI,
    Asked,
    BadRequest,
    Dialect,
    Said,
    Stop,
)
from integrations.playground.place import Place

LONGEST_BODY = 32 * 1024 * 1024
MESSAGES = {
    400: "the request is malformed",
    401: "invalid x-api-key",
    403: "Your account does not have access to this model.",
    404: "model: there is no such model",
    413: "Request exceeds the maximum size",
    429: "Rate limit reached.",
    503: "Service unavailable",
    529: "Overloaded",
}
TOO_LONG = "prompt is too long: 250000 tokens > 200000 maximum"
#: What an account without credit is told, and with which status (recorded from both vendors).
NO_CREDIT = {
    "anthropic": (400, "Your credit balance is too low to access the Anthropic API."),
    "openai": (429, "You exceeded your current quota, please check your plan and billing details."),
}


@dataclass(frozen=True)
class _Outcome:
    """What is sent: an answer, or an error body with its status; nothing at all when the connection is cut."""

    said: Said | None = None
    status: int = 200
    error: Mapping[str, object] | None = None
    retry_after: float | None = None
    wait: float = 0.0


class ModelServer:
    """Serves both families.

    Parameters:
        place: its key and its home.
        clock: seconds since the epoch.
    """

    def __init__(self, place: Place, clock: Callable[[], float] = time.time) -> None:
        self._key = place.model_key
        self._clock = clock
        self._faults = Faults()
        self._log = CallLog(place.home / "models.sqlite3")

    def fault(self, spec: Mapping[str, object]) -> None:
        """Trouble for the next calls; see `faults.py` for what can be asked.

        Raises:
            BadFault: with what is wrong.
        """
        self._faults.add(spec)

    def calls(self) -> list[dict[str, object]]:
        """Every call so far, oldest first, with the fields of `calls.Call`."""
        return [asdict(call) for call in self._log.all()]

    def close(self) -> None:
        self._log.close()

    async def messages(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, ANTHROPIC)

    async def responses(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, OPENAI)

    async def _serve(self, request: web.Request, dialect: Dialect) -> web.StreamResponse:
        raw = await _whole_body(request)
        if raw is None:
            return self._refuse(dialect, 413, MESSAGES[413])
        if not self._is_allowed(request):
            await self._note(dialect, None, "", _Outcome(status=401))
            return self._refuse(dialect, 401, MESSAGES[401])
        try:
            asked = dialect.read(raw)
        except (BadRequest, ValueError) as problem:
            await self._note(dialect, None, "", _Outcome(status=400))
            return self._refuse(dialect, 400, str(problem))
        if self._faults.latency_s:
            await asyncio.sleep(self._faults.latency_s)
        fault = self._faults.take(dialect.family)
        spoken = await asyncio.to_thread(speak, dialect.family, asked.prompt)
        outcome = (_in_trouble(dialect, fault) if fault else None) or _answered(asked, spoken.text, fault)
        await self._note(dialect, asked, spoken.kind, outcome)
        return await self._send(request, dialect, asked, outcome)

    async def _send(
        self, request: web.Request, dialect: Dialect, asked: Asked, outcome: _Outcome
    ) -> web.StreamResponse:
        if outcome.error is not None:
            headers = {"retry-after": f"{outcome.retry_after:g}"} if outcome.retry_after is not None else {}
            return web.json_response(outcome.error, status=outcome.status, headers={**_ids(), **headers})
        if outcome.said is None:
            await asyncio.sleep(outcome.wait)
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)  # nobody sees it: the connection is gone
        body = dialect.answer(asked, outcome.said, self._clock())
        if not asked.stream:
            return web.json_response(body, headers=_ids())
        response = web.StreamResponse(headers={"content-type": "text/event-stream", **_ids()})
        await response.prepare(request)
        for name, event in dialect.events(body):
            await response.write(f"event: {name}\ndata: {json.dumps(event)}\n\n".encode())
        await response.write_eof()
        return response

    def _is_allowed(self, request: web.Request) -> bool:
        """Claude Code sends its key as x-api-key, the SDKs as a bearer token."""
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        offered = request.headers.get("x-api-key") or bearer
        return hmac.compare_digest(offered.encode(), self._key.encode())

    def _refuse(self, dialect: Dialect, status: int, message: str) -> web.Response:
        return web.json_response(dialect.error(status, message), status=status, headers=_ids())

    async def _note(self, dialect: Dialect, asked: Asked | None, kind: str, outcome: _Outcome) -> None:
        said = outcome.said
        call = Call(
            at=self._clock(),
            family=dialect.family,
            model=asked.model if asked else "",
            kind=kind,
            status=outcome.status,
            stop=said.stop.value if said else "",
            input_tokens=asked.tokens if asked and said else 0,
            output_tokens=said.tokens if said else 0,
            prompt=asked.prompt if asked else "",
        )
        await asyncio.to_thread(self._log.add, call)


def add_routes(app: web.Application, place: Place) -> ModelServer:
    """Serve both families below `/anthropic` and `/openai`, until the application ends."""
    server = ModelServer(place)
    app.router.add_post("/anthropic/v1/messages", server.messages)
    app.router.add_post("/openai/v1/responses", server.responses)

    async def lifetime(_: web.Application) -> AsyncIterator[None]:
        yield
        server.close()

    app.cleanup_ctx.append(lifetime)
    return server


def _in_trouble(dialect: Dialect, fault: Fault) -> _Outcome | None:
    """What the fault sends instead of an answer; None when it only spoils the answer."""
    status, message = fault.status, ""
    match fault.answer:
        case "hang":
            return _Outcome(status=0, wait=fault.seconds)
        case "drop":
            return _Outcome(status=0)
        case "refusal":
            return _Outcome(Said("I can't help with that.", Stop.REFUSED))
        case "billing":
            status, message = NO_CREDIT[dialect.family]
            error = dialect.error(402 if dialect.family == "openai" else status, message)
            return _Outcome(status=status, error=error)
        case "too_long":
            status, message = 400, TOO_LONG
    if status is None:
        return None
    error = dialect.error(status, message or MESSAGES.get(status, "Internal server error"))
    return _Outcome(status=status, error=error, retry_after=fault.retry_after)


def _answered(asked: Asked, text: str, fault: Fault | None) -> _Outcome:
    if fault is not None and fault.answer == "invalid":
        return _Outcome(Said(f"Here is my answer: {text[: len(text) // 2]}"))
    limit = asked.limit * CHARACTERS_PER_TOKEN
    if fault is not None and fault.answer == "truncated":
        limit = len(text) // 2
    if len(text) > limit:
        return _Outcome(Said(text[:limit], Stop.TRUNCATED))
    return _Outcome(Said(text))


async def _whole_body(request: web.Request) -> str | None:
    """The body as text, or None when it is longer than a vendor takes. Prompts are longer than aiohttp's own limit."""
    data = bytearray()
    async for piece in request.content.iter_chunked(65536):
        data += piece
        if len(data) > LONGEST_BODY:
            return None
    return data.decode("utf-8", errors="replace")


def _ids() -> dict[str, str]:
    return dict.fromkeys(("request-id", "x-request-id"), f"req_{uuid.uuid4().hex[:16]}")
