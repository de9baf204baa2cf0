"""Routes of git over http: who may, which repository, and what follows a push."""

from __future__ import annotations

import asyncio

from aiohttp import web

from integrations.playground.github.git_http import (
    Backend,
    ask_for_token,
    caller,
    is_push,
    refuse_unknown,
    sane_tail,
)
from integrations.playground.github.records import Repo
from integrations.playground.github.world import GitHubWorld


class GitCalls:
    def __init__(self, world: GitHubWorld) -> None:
        self._world = world

    async def serve(self, request: web.Request) -> web.StreamResponse:
        started = self._world.clock()
        grant = caller(request, self._world.apps)
        answer, performed = await self._serve(request)
        status = answer.status if answer else 0
        self._world.log.wrote(
            request,
            started,
            status,
            actor=grant.account.login if grant else "",
            performed=performed,
            operation="push" if is_push(request) else "fetch",
        )
        if answer is None:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        return answer

    async def _serve(self, request: web.Request) -> tuple[web.StreamResponse | None, bool]:
        world = self._world
        fault = world.faults.take(request.method, request.path)
        await asyncio.sleep(world.faults.latency_s)
        if fault is not None and fault.answer == "hang":
            await asyncio.sleep(fault.seconds)
            return None, False
        if fault is not None and fault.answer == 401:
            return ask_for_token(), False
        if fault is not None and fault.answer != "drop":
            status = fault.answer if isinstance(fault.answer, int) else 503
            return web.Response(status=status, text="Trouble on demand."), False
        grant = caller(request, world.apps)
        if grant is None:
            return ask_for_token(), False
        slug = f"{request.match_info['owner']}/{request.match_info['name'].removesuffix('.git')}"
        repo = world.store.first(Repo, "lower(slug)=lower(?)", slug)
        tail = request.match_info["tail"]
        if repo is None or not grant.opens(slug) or not sane_tail(tail):
            return refuse_unknown(), False

        async def follow_up() -> None:
            if is_push(request):
                await world.pushes.settle(repo.slug, grant.account.login)

        backend = Backend(request, world.repositories.root, f"/{repo.slug}.git/{tail}", grant.account.login)
        drop = fault is not None
        answer = await backend.answer(before_end=follow_up, drop=drop)
        return (None if drop else answer), True


def add_routes(app: web.Application, world: GitHubWorld) -> None:
    app.router.add_route("*", "/github/git/{owner}/{name}/{tail:.+}", GitCalls(world).serve)
