"""What GitHub tells by itself: that something happened somewhere. It is taken as a reason to look, never as a fact.

A delivery may be late, repeated, lost or forged by whoever learns the secret, and GitHub does not send it again when
nobody listened. The looks of each tick stay the truth; a delivery only makes the next one come at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable

import structlog
from aiohttp import web

log = structlog.get_logger(__name__)

PATH = "/github/webhooks"
#: Bytes of a body; GitHub sends no larger ones. None of it is kept, whatever its size.
LARGEST_BODY = 25 * 2**20
READ_S = 10.0
_REMEMBERED = 2000
_CLOSE_S = 1.0

#: Events that a look at pull requests would see something of.
WAKING = frozenset(
    {
        "check_run",
        "check_suite",
        "issue_comment",
        "merge_group",
        "pull_request",
        "pull_request_review",
        "pull_request_review_comment",
        "pull_request_review_thread",
        "push",
        "status",
        "workflow_run",
    }
)


class Webhooks:
    """A receiver of signed deliveries. Runs on the event loop.

    Parameters:
        secret: the one that is typed into GitHub's form; not empty.
        wake: called for each new delivery of an event in WAKING; returns at once.
        read_s: seconds for a body to arrive in.
    """

    def __init__(self, secret: str, wake: Callable[[], None], *, read_s: float = READ_S) -> None:
        if not secret:
            raise ValueError("anybody could sign with an empty secret")
        self._secret = secret.encode()
        self._wake = wake
        self._read_s = read_s
        self._known: OrderedDict[str, None] = OrderedDict()
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen. Returns the port, which is any free one for 0. Raises OSError when it cannot be listened on."""
        app = web.Application()
        app.router.add_post(PATH, self._take)
        self._runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=_CLOSE_S)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Listen no more. Does nothing before `start`."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _take(self, request: web.Request) -> web.Response:
        try:
            said = await self._signature(request)
        except TimeoutError:
            return web.Response(status=408, text="too slow\n", headers={"Connection": "close"})
        if said is None:
            log.warning("a webhook with too large a body was refused")
            # The rest of the body is not read, so the connection is of no more use.
            return web.Response(status=413, text="too large\n", headers={"Connection": "close"})
        offered = request.headers.get("X-Hub-Signature-256", "").encode(errors="replace")
        if not hmac.compare_digest(offered, said.encode()):
            log.warning("a webhook with a wrong signature was refused")
            return web.Response(status=401, text="the signature is not made with our secret\n")
        delivery, event = request.headers.get("X-GitHub-Delivery", ""), request.headers.get("X-GitHub-Event", "")
        if not delivery or not event:
            return web.Response(status=400, text="X-GitHub-Delivery and X-GitHub-Event are missing\n")
        if delivery in self._known:
            return web.Response(text="known already\n")
        self._known[delivery] = None
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        if event not in WAKING:
            return web.Response(text="pong\n" if event == "ping" else "nothing to look at\n")
        self._wake()
        return web.Response(status=202, text="looking\n")

    async def _signature(self, request: web.Request) -> str | None:
        """What the header must say for this body; None for a body that is too large. Read in passing, never held."""
        if (request.content_length or 0) > LARGEST_BODY:
            return None
        digest, size = hmac.new(self._secret, digestmod=hashlib.sha256), 0
        async with asyncio.timeout(self._read_s):
            async for chunk in request.content.iter_any():
                size += len(chunk)
                if size > LARGEST_BODY:
                    return None
                digest.update(chunk)
        return f"sha256={digest.hexdigest()}"
