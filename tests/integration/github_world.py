"""A playground's GitHub on a real port, in a thread of its own, for tests of what calls it from threads."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from integrations.git import Remote, Repositories
from integrations.github import GitHub, PullRef
from integrations.playground.github import GitHubWorld, add_routes
from integrations.playground.place import Place

T = TypeVar("T")
SLUG = "acme/site"
CI = b'[[job]]\nname = "tests"\ncommand = "sh run-tests.sh"\n[[job]]\nname = "lint"\ncommand = "true"\n'
FILES = {
    ".playground-ci.toml": CI,
    "run-tests.sh": b"echo ran the tests\n",
    "app.py": b"print('hello')\n",
    "poem.txt": "".join(f"line {n}\n" for n in range(1, 41)).encode(),
}


@dataclass
class Playground:
    """`world` belongs to the server's thread: reach it through `act`."""

    place: Place
    world: GitHubWorld
    loop: asyncio.AbstractEventLoop
    home: Path
    repositories: Repositories = field(init=False)

    def __post_init__(self) -> None:
        self.repositories = Repositories(self.home)

    def act(self, what: Callable[[GitHubWorld], Coroutine[Any, Any, T] | T]) -> T:
        """Do something in the playground, as a person or as fate."""

        async def inside() -> T:
            result = what(self.world)
            return await result if isinstance(result, Coroutine) else result

        return asyncio.run_coroutine_threadsafe(inside(), self.loop).result(30)

    def fault(self, **spec: object) -> None:
        self.act(lambda world: world.fault(spec))

    def calls(self, method: str = "", part: str = "") -> list[dict[str, object]]:
        """What the playground was sent."""
        return [
            call
            for call in self.act(lambda world: world.calls())
            if method in ("", call["method"]) and part in f"{call['path']} {call['operation']}"
        ]

    @property
    def remote(self) -> Remote:
        return Remote(SLUG, f"{self.place.url}/github/git/{SLUG}.git", lambda: self.place.github_token)

    def client(self, **options: Any) -> GitHub:
        return GitHub(self.place.github_api_url, options.pop("token", lambda: self.place.github_token), **options)

    def push(self, branch: str, files: dict[str, str], name: str = "") -> str:
        """Push a branch with these changes to main, as Waggle does it. Returns its commit."""
        name = name or branch.replace("/", "-")
        self.repositories.ensure(self.remote)
        self.repositories.fetch(self.remote)
        base = self.repositories.resolve(SLUG, "main")
        tree = self.repositories.create_workspace(SLUG, name, branch, base)
        for path, text in files.items():
            (tree.path / path).write_text(text)
        self.repositories.commit_leftovers(tree.path, f"Change {', '.join(files)}")
        before = self.repositories.branches(SLUG).get(branch)
        sha = self.repositories.collect(SLUG, branch)
        self.repositories.push(self.remote, sha, branch, before)
        return sha

    def pull(self, github: GitHub, branch: str = "waggle/t-1", files: dict[str, str] | None = None) -> PullRef:
        """A pushed branch with an open pull request."""
        self.push(branch, files or {"new.txt": "new\n"})
        return github.open_pull(SLUG, head=branch, base="main", title=f"Work on {branch}", body="Body", draft=False)


@contextmanager
def playground(tmp_path: Path) -> Iterator[Playground]:
    """A running playground with one small repository, `acme/site`."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    made: list[Playground] = []
    ending = asyncio.Event()

    async def serve() -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        runner = web.AppRunner(app, shutdown_timeout=1)
        # The address must be known before the routes are added, so the port is taken first.
        listener = await loop.create_server(lambda: asyncio.Protocol(), "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        listener.close()
        await listener.wait_closed()
        place = Place(tmp_path / "playground", f"http://127.0.0.1:{port}", *(["secret-of-the-playground"] * 6))
        world = add_routes(app, place)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await world.seeding.create(SLUG, FILES)
        made.append(Playground(place, world, loop, tmp_path / "home"))
        ready.set()
        await ending.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    if not ready.wait(30):
        raise AssertionError("the playground did not start")
    try:
        yield made[0]
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join(30)
        loop.close()


def eventually(look: Callable[[], T | None], seconds: float = 30) -> T:
    """What `look` finds at last."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        pause.wait(0.05)
    raise AssertionError("it never came")
