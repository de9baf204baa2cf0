"""The playground in a process of its own, so that neither side's death takes the other along; and a deadly one."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
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
    seen: Counter[str] = Counter()

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        due = None
        if any(request.path.endswith(f"/{kill.step}") for kill in kills):
            address = request.path.rpartition("/")[2]
            seen[address] += 1
            due = next((kill for kill in kills if (kill.step, kill.n) == (address, seen[address])), None)
        if due is not None and due.moment is Moment.BEFORE:
            os.kill(int(waggle.read_text()), signal.SIGKILL)
            return web.Response(status=500)
        answer = await handler(request)
        if due is not None:
            os.kill(int(waggle.read_text()), signal.SIGKILL)
        return answer

    return middleware


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
