"""The playground's one process: every service on one port of loopback, started and stopped together."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import secrets
import signal
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from integrations.playground import github, models, page_routes, sentry, slack
from integrations.playground.lock import Lock, read_address, write_address
from integrations.playground.page_routes import Service
from integrations.playground.place import Place

HOST = "127.0.0.1"
_LARGEST_BODY = 64 * 1024 * 1024
_SHUTDOWN_S = 3.0
logger = logging.getLogger(__name__)


class PortInUse(Exception):
    """The wanted port belongs to somebody else."""


def build_app(place: Place) -> web.Application:
    """The application, with every service of this place."""
    app = web.Application(client_max_size=_LARGEST_BODY)
    hub = github.add_routes(app, place)
    services: dict[str, Service] = {
        "slack": slack.add_routes(app, place),
        "github": hub,
        "models": models.add_routes(app, place),
        "sentry": sentry.add_routes(app, place, hub),
    }
    page_routes.add_routes(app, place, services)
    return app


async def serve(home: Path, port: int | None = None) -> None:
    """Serve the playground of a home until the process is told to end.

    Parameters:
        home: an existing directory.
        port: where; by default the port of last time if it is free, else any free one.

    Raises:
        AlreadyRunning: another process serves this home.
        PortInUse: the wanted port is taken.
    """
    lock = Lock(home)
    last = read_address(home)
    listening = _listen(port, (urlsplit(last.place.url).port if last else None) or 0)
    place = _place(home, listening.getsockname()[1], last.place if last else None)
    runner = web.AppRunner(build_app(place), handle_signals=False, shutdown_timeout=_SHUTDOWN_S, access_log=None)
    over = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, over.set)
    try:
        await runner.setup()
        await web.SockSite(runner, listening).start()
        write_address(place, os.getpid(), time.time())
        logger.info("the playground listens on %s", place.url)
        await over.wait()
    finally:
        await runner.cleanup()
        lock.release()


def _listen(wanted: int | None, last: int) -> socket.socket:
    """A listening socket: on the wanted port, or else on that of last time, or else on any free one."""
    for port in [wanted] if wanted else [last, 0]:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        # Connections of the previous process may still be closing; a listener that is alive refuses all the same.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((HOST, port))
            made.listen(128)
        except OSError as error:
            made.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
        else:
            return made
    raise PortInUse(str(wanted))


def _place(home: Path, port: int, last: Place | None) -> Place:
    """The credentials of this home, kept from last time, and a page token that is new at each start."""
    return Place(
        home=home,
        url=f"http://{HOST}:{port}",
        page_token=secrets.token_urlsafe(24),
        slack_bot_token=last.slack_bot_token if last else f"xoxb-playground-{secrets.token_hex(16)}",
        slack_app_token=last.slack_app_token if last else f"xapp-1-playground-{secrets.token_hex(16)}",
        github_token=last.github_token if last else f"ghp_playground{secrets.token_hex(14)}",
        model_key=last.model_key if last else f"playground-{secrets.token_hex(16)}",
        sentry_token=last.sentry_token if last else f"sntryu_{secrets.token_hex(20)}",
    )
