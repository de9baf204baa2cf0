"""A GitHub on loopback: real bare repositories over http, REST as PyGithub uses it, GraphQL, CI that really runs.

rest*.py, graphql*.py, git_*.py    the three wires
pull_requests.py, reviews.py       what can be done, and when GitHub says no
pushes.py, ci*.py, mergeability.py what follows a push
store.py, records.py, repositories.py   what is remembered
faults.py, doorway.py, limits.py   trouble on demand, the call log, limits
apps.py, permissions.py            Apps and the tokens of their installations; what a fine-grained token may
webhooks.py                        who is told what happens
pages*.py, acting.py, visiting.py  people
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from integrations.playground.github import acting, apps, git_routes, graphql, pages, rest, webhooks
from integrations.playground.github.doorway import Doorway
from integrations.playground.github.world import GitHubWorld
from integrations.playground.place import Place

__all__ = ["GitHubWorld", "add_routes"]


def add_routes(app: web.Application, place: Place, *, sample: bool = True) -> GitHubWorld:
    """Serve the stand-in below `/github`, from the application's start to its end.

    Parameters:
        place: where its memory is, its address, and the token it accepts.
        sample: whether `acme/ledgerline` is there from the first start on.
    """
    world = GitHubWorld(place)
    doorway = Doorway(place, world.apps, world.faults, world.limits, world.log, world.clock)
    git_routes.add_routes(app, world)
    apps.add_routes(app, world.apps, rest.API)
    webhooks.add_routes(app, doorway, world.webhooks, world.pulls.repo, rest.API)
    rest.add_routes(app, doorway, world)
    graphql.add_routes(app, doorway, world)
    acting.add_routes(app, world)
    pages.add_routes(app, world)

    async def lifetime(_: web.Application) -> AsyncIterator[None]:
        await world.start(sample=sample)
        yield
        await world.stop()

    app.cleanup_ctx.append(lifetime)
    return world
