"""A stand-in GitHub on a real port, with the people, the git and the PyGithub that tests point at it."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import github
from aiohttp import web

from integrations.playground.github import GitHubWorld, add_routes
from integrations.playground.github.visiting import GitHubVisitor, PullSeen
from integrations.playground.place import Place

TOKEN = "ghp_playground"
PAGE_TOKEN = "page-token"
SLUG = "acme/tiny"
CI = '[[job]]\nname = "tests"\ncommand = "sh check.sh"\n'
FILES = {".playground-ci.toml": CI, "check.sh": "grep -q good state.txt\n", "state.txt": "good\n", "notes.txt": "one\n"}


class PageRefused(Exception):
    def __init__(self, status: int, answer: Any) -> None:
        super().__init__(f"{status}: {answer}")
        self.status = status
        self.sentence = answer.get("error", "") if isinstance(answer, dict) else str(answer)


class Visitor(GitHubVisitor):
    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def page_call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        headers = {"X-Page-Token": PAGE_TOKEN}
        async with self._session.request(method, self._url + path, json=body, headers=headers) as answer:
            read = await answer.json()
            if answer.status != 200:
                raise PageRefused(answer.status, read)
            return read


class Host:
    """One running stand-in. `restart` stops it and starts another on the same home and port."""

    def __init__(self, home: Path, port: int, sample: bool) -> None:
        self.home = home
        self._sample = sample
        self.url = f"http://127.0.0.1:{port}"
        self.api = f"{self.url}/github/api/v3"
        self._port = port
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        place = Place(self.home, self.url, PAGE_TOKEN, "xoxb", "xapp", TOKEN, "key", "sntry")
        app = web.Application()
        self.world: GitHubWorld = add_routes(app, place, sample=self._sample)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self.session = aiohttp.ClientSession()
        self.visitor = Visitor(self.session, self.url)

    async def stop(self) -> None:
        await self.session.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def rest(
        self, method: str, path: str, body: object = None, *, token: str | None = TOKEN, **headers: str
    ) -> aiohttp.ClientResponse:
        """One REST call, its body read."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        answer = await self.session.request(method, self.api + path, json=body, headers=sent, allow_redirects=False)
        await answer.read()
        return answer

    async def graphql(self, query: str, **variables: object) -> dict[str, Any]:
        answer = await self.session.post(
            f"{self.url}/github/api/graphql",
            json={"query": query, "variables": variables},
            headers={"Authorization": f"bearer {TOKEN}"},
        )
        read: dict[str, Any] = await answer.json()
        return read

    async def pygithub(self, use: Callable[[github.Github], Any], token: str = TOKEN) -> Any:
        """Run a function with a PyGithub client, in a thread as Waggle does."""
        client = github.Github(
            auth=github.Auth.Token(token),
            base_url=self.api,
            retry=None,
            seconds_between_requests=None,
            seconds_between_writes=None,
        )
        try:
            return await asyncio.to_thread(use, client)
        finally:
            client.close()

    def remote(self, slug: str = SLUG, token: str = TOKEN) -> str:
        return f"http://x-access-token:{token}@127.0.0.1:{self._port}/github/git/{slug}.git"

    async def until(self, holds: Callable[[list[PullSeen]], bool], slug: str = SLUG, seconds: float = 20) -> None:
        """Wait until the pull requests of a repository are as wanted."""
        await until(lambda: self._holds(holds, slug), seconds)

    async def _holds(self, holds: Callable[[list[PullSeen]], bool], slug: str) -> bool:
        return holds(await self.visitor.pulls(slug))

    async def tiny(self, **more: str) -> None:
        """Make the small repository whose CI passes as long as `state.txt` says good."""
        await self.visitor.create_repository(SLUG, {**FILES, **more})

    async def opened(self, branch: str = "work", path: str = "notes.txt", text: str = "two\n") -> PullSeen:
        """A pull request by the bot with one change."""
        await self.visitor.push_as_person(SLUG, branch, path, text)
        answer = await self.rest(
            "POST", f"/repos/{SLUG}/pulls", {"head": branch, "base": "main", "title": f"Change {path}"}
        )
        assert answer.status == 201, await answer.text()
        number = (await answer.json())["number"]
        return next(pull for pull in await self.visitor.pulls(SLUG) if pull.number == number)


async def until(holds: Callable[[], Any], seconds: float = 20) -> None:
    """Wait for a condition, looking often; fail when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not await holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


def settled(pulls: list[PullSeen]) -> bool:
    """Every open pull request has its checks and its mergeability."""
    return all(
        pull.mergeable != "UNKNOWN" and all(state in ("passed", "failed") for state in pull.checks.values())
        for pull in pulls
        if pull.state == "open"
    )


async def git(*args: str, cwd: Path) -> tuple[int, str, str]:
    """git as a person runs it, without the machine's own configuration: status, output, errors."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    who = {f"GIT_{role}_{what}": "ana" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    process = await asyncio.create_subprocess_exec(
        "git",
        *args,
        cwd=cwd,
        env={**kept, **who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, out.decode().strip(), err.decode()


@asynccontextmanager
async def running(home: Path, *, sample: bool = False) -> AsyncIterator[Host]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    host = Host(home, port, sample)
    await host.start()
    try:
        yield host
    finally:
        await host.stop()
