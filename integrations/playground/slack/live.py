"""Telling open pages what changed, over server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from integrations.playground.slack.store import Json

_BACKLOG = 500
_HEARTBEAT_S = 15.0


class Live:
    """Every page has a queue; one that does not keep up is told to load everything again."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[Json]] = set()
        self.closing = asyncio.Event()

    def tell(self, change: Json) -> None:
        for queue in self._queues:
            if queue.full():
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait({"type": "reload"})
            else:
                queue.put_nowait(change)

    @contextmanager
    def listening(self) -> Iterator[asyncio.Queue[Json]]:
        queue: asyncio.Queue[Json] = asyncio.Queue(_BACKLOG)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The event stream of one page, until either side goes."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        with self.listening() as queue:
            await response.prepare(request)
            await response.write(b"retry: 1000\n\n")
            closing = asyncio.create_task(self.closing.wait())
            try:
                while not closing.done():
                    waiting = asyncio.create_task(queue.get())
                    await asyncio.wait({waiting, closing}, timeout=_HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED)
                    if waiting.done():
                        await response.write(f"data: {json.dumps(waiting.result())}\n\n".encode())
                    else:
                        waiting.cancel()
                        await response.write(b": still here\n\n")
            except ConnectionError:
                pass  # the page was closed
            finally:
                closing.cancel()
        return response
