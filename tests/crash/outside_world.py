"""The playground in a process of its own, so that neither side's death takes the other along; and a deadly one."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from integrations.playground.server import build_app
from tests.crash.child import end_with_parent, place_of, speak_into
from tests.crash.killing import Kill, Moment

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def serve(home: Path, url: str, kills: Sequence[str]) -> None:
    """Every service until SIGTERM.

    Parameters:
        kills: of Waggle, at calls that it makes; as `Kill.parse` reads them.
    """
    end_with_parent()
    speak_into(home / "playground.log")
    asyncio.run(_serve(home, url, [Kill.parse(kill) for kill in kills]))


async def _serve(home: Path, url: str, kills: Sequence[Kill]) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    place = place_of(home, url)
    place.home.mkdir(exist_ok=True)
    app = build_app(place)
    app.middlewares.append(_deadly(kills, home / "waggle.pid"))
    runner = web.AppRunner(app, shutdown_timeout=1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", urlsplit(url).port).start()
    await ended.wait()
    await runner.cleanup()


def _deadly(
    kills: Sequence[Kill], waggle: Path
) -> Any:  # aiohttp names the type of a middleware nowhere that is public
    """Kills the caller at the n-th call of an address: before anything was done, or when all was, unanswered."""
    due, calls = list(kills), 0

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal calls
        kill = due[0] if due and request.path.endswith(f"/{due[0].step}") else None
        calls += kill is not None
        if kill is None or calls < kill.n:
            return await handler(request)
        calls, _ = 0, due.pop(0)
        # The next life writes its own number there as soon as this one is gone.
        caller = int(waggle.read_text())
        answer = await handler(request) if kill.moment is Moment.AFTER else web.Response(status=500)
        os.kill(caller, signal.SIGKILL)
        return answer

    return middleware


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
