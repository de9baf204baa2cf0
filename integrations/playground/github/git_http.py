"""git's smart http: `git http-backend` behind a small CGI wrapper, streaming both ways."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from integrations.playground.github.apps import Apps, Grant
from integrations.playground.github.git import environment

_BeforeEnd = Callable[[], Awaitable[None]]
_CHUNK = 64 * 1024
_MAX_HEADER = 16 * 1024
_IDLE_S = 120.0
_SERVICES = ("info/refs", "git-upload-pack", "git-receive-pack", "HEAD", "objects/")


def caller(request: web.Request, apps: Apps) -> Grant | None:
    """Who calls, by `Authorization: Basic x-access-token:TOKEN`, `Bearer TOKEN` or `token TOKEN`."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() in ("bearer", "token"):
        return apps.holder(value.strip())
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return apps.holder(password) or apps.holder(user)


def is_push(request: web.Request) -> bool:
    return request.method == "POST" and request.path.endswith("/git-receive-pack")


def sane_tail(tail: str) -> bool:
    """Only what git's clients ask for reaches the backend."""
    return tail.startswith(_SERVICES) and ".." not in tail


def refuse_unknown(text: str = "Repository not found.") -> web.Response:
    return web.Response(status=404, text=text)


def ask_for_token() -> web.Response:
    return web.Response(
        status=401,
        text="Invalid username or token. Password authentication is not supported for Git operations.",
        headers={"WWW-Authenticate": 'Basic realm="GitHub"'},
    )


class Backend:
    """One run of `git http-backend` for one request.

    Parameters:
        root: the directory under which repositories are.
        path: the request's path below it, such as `/acme/ledgerline.git/info/refs`.
        user: becomes REMOTE_USER, which also lets git accept a push.
    """

    def __init__(self, request: web.Request, root: Path, path: str, user: str) -> None:
        self._request = request
        self._env = environment(
            {
                "GIT_PROJECT_ROOT": str(root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": request.query_string,
                "REQUEST_METHOD": request.method,
                "CONTENT_TYPE": request.headers.get("Content-Type", ""),
                "REMOTE_USER": user,
                "REMOTE_ADDR": request.remote or "",
                "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
            }
        )

    async def answer(self, *, before_end: _BeforeEnd, drop: bool = False) -> web.StreamResponse:
        """Run the backend and stream its answer.

        Parameters:
            before_end: awaited when git is done and the client does not know it yet.
            drop: do all the work, then cut the connection instead of answering.
        """
        process = await asyncio.create_subprocess_exec(
            "git",
            "http-backend",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=self._env,
        )
        feeding = asyncio.create_task(self._feed(process))
        try:
            return await self._relay(process, before_end, drop)
        finally:
            feeding.cancel()
            if process.returncode is None:
                process.kill()
            await process.wait()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):  # the body was not needed to the end
                await feeding

    async def _feed(self, process: asyncio.subprocess.Process) -> None:
        # aiohttp has already undone gzip and chunks, so the backend gets plain bytes without a length, to the end.
        assert process.stdin is not None
        try:
            async for chunk in self._request.content.iter_chunked(_CHUNK):
                process.stdin.write(chunk)
                await process.stdin.drain()
        finally:
            process.stdin.close()

    async def _relay(
        self, process: asyncio.subprocess.Process, before_end: _BeforeEnd, drop: bool
    ) -> web.StreamResponse:
        assert process.stdout is not None
        head = await asyncio.wait_for(_head(process.stdout), _IDLE_S)
        status = int(head.pop("status", "200").split()[0])
        response = web.StreamResponse(status=status, headers=head)
        listening = not drop
        if listening:
            await response.prepare(self._request)
        while chunk := await asyncio.wait_for(process.stdout.read(_CHUNK), _IDLE_S):
            if listening:
                listening = await _said(response, chunk)
        await process.wait()
        await before_end()  # also when nobody listens any more: the push has happened
        if listening:
            await response.write_eof()
        return response


async def _said(response: web.StreamResponse, chunk: bytes) -> bool:
    """Send a chunk; False when the client is gone."""
    try:
        await response.write(chunk)
    except ConnectionError:
        return False
    return True


async def _head(stream: asyncio.StreamReader) -> dict[str, str]:
    head: dict[str, str] = {}
    size = 0
    while line := (await stream.readline()).strip():
        size += len(line)
        if size > _MAX_HEADER:
            break
        name, _, value = line.decode("latin-1").partition(":")
        head[name.strip().lower()] = value.strip()
    return head
