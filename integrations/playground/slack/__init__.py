"""A Slack workspace on loopback: the Web API, Socket Mode, and people who write, click and fill in forms.

web_api.py, methods/, arguments.py    the Web API: its way in, its methods
socket_mode.py, deliveries.py         what is sent to the app, and again when it is not acknowledged
events.py, interactions.py, shapes.py the payloads, field by field
blocks.py, block_elements.py, rich_text.py, schema.py   what Slack would refuse
acting.py, pressing.py, filling.py, composing.py           what a person does
posting.py                            what follows from an act: storing, events, live pages
store.py, channels.py, messages.py, files.py, forms.py     what is remembered
limits.py, faults.py, call_log.py     limits, trouble on demand, the call log
page.py, live.py                      the page's API
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from integrations.playground.place import Place
from integrations.playground.slack import file_routes
from integrations.playground.slack.page import Page
from integrations.playground.slack.world import SlackWorld

__all__ = ["SlackWorld", "add_routes"]


def add_routes(app: web.Application, place: Place) -> SlackWorld:
    """Serve the stand-in below `/slack` and the page's API below `/page`, from the application's start to its end.

    Parameters:
        place: where its memory is, its address, and the tokens it accepts.
    """
    world = SlackWorld(place)
    app.router.add_post("/slack/api/{method}", world.api.serve)
    app.router.add_get("/slack/api/{method}", world.api.serve)
    app.router.add_get("/slack/link", world.sockets.serve)
    app.router.add_post("/slack/response/{token}", world.responses.serve)
    file_routes.add_routes(app, world)
    Page(world).add_routes(app)

    async def lifetime(_: web.Application) -> AsyncIterator[None]:
        world.start()
        yield
        await world.stop()

    async def closing(_: web.Application) -> None:
        await world.say_goodbye()

    app.cleanup_ctx.append(lifetime)
    app.on_shutdown.append(closing)
    return world
