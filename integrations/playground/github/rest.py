"""The REST API at `/github/api/v3`, as PyGithub 2.10 uses it."""

from __future__ import annotations

from aiohttp import web

from integrations.playground.github import rest_checks, rest_pulls, rest_repositories
from integrations.playground.github.doorway import Answer, Call, Doorway
from integrations.playground.github.refusal import not_found
from integrations.playground.github.world import GitHubWorld

API = "/github/api/v3"


async def _nothing_here(call: Call) -> Answer:
    raise not_found()


def add_routes(app: web.Application, doorway: Doorway, world: GitHubWorld) -> None:
    rest_repositories.add_routes(app, doorway, world, API)
    rest_pulls.add_routes(app, doorway, world, API)
    rest_checks.add_routes(app, doorway, world, API)
    rest_repositories.add_late_routes(app, doorway, world, API)
    app.router.add_route("*", f"{API}/{{rest:.*}}", doorway.rest(_nothing_here))
