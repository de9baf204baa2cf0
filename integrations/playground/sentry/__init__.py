"""An error tracker on loopback: real sentry-sdk events in, Sentry's REST interface out.

envelopes.py, grouping.py   what SDKs send, and which events are one issue
memory.py, world.py         what is remembered; regressions; fixes that were merged
rest.py, shapes.py          the two wires
faults.py                   trouble on demand
incident.py                 the sample application, run for real until it fails
pages.py                    what a person sees
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from integrations.playground.faults import BadFault
from integrations.playground.github.records import Pull
from integrations.playground.github.seeding import SAMPLE_SLUG
from integrations.playground.github.world import GitHubWorld
from integrations.playground.place import Place
from integrations.playground.sentry import pages, rest
from integrations.playground.sentry.incident import Incident, cause
from integrations.playground.sentry.world import Merge, SentryWorld

__all__ = ["BadFault", "SentryWorld", "add_routes"]


def add_routes(app: web.Application, place: Place, github: GitHubWorld) -> SentryWorld:
    """Serve the tracker below `/sentry`, until the application ends.

    Parameters:
        github: where the sample application's code is, and whose merges resolve issues.
    """

    async def merges() -> list[Merge]:
        found = []
        for pull in github.store.all(Pull, "slug=? AND merged=1", SAMPLE_SLUG):
            commits = " ".join(one.message for one in await github.pulls.commits(pull))
            found.append(Merge(pull.id, pull.merge_sha, pull.merged_at, f"{pull.title}\n{pull.body}\n{commits}"))
        return found

    world = SentryWorld(place, merges)

    async def fail(visitors: int) -> Incident:
        repo = github.pulls.repo(SAMPLE_SLUG)
        return await cause(
            github.repositories[SAMPLE_SLUG],
            repo.default_branch,
            place.sentry_dsn,
            visitors,
            lambda: sum(issue.count for issue in world.memory.issues()),
        )

    rest.add_routes(app, world)
    pages.add_routes(app, world, fail)

    async def lifetime(_: web.Application) -> AsyncIterator[None]:
        yield
        world.memory.close()

    app.cleanup_ctx.append(lifetime)
    return world
