"""The bytes of files: taken at a ticket's address, given to who has the token or the page's cookie."""

from __future__ import annotations

import hmac

from aiohttp import web

from integrations.playground import guard
from integrations.playground.slack.files import MAX_BYTES
from integrations.playground.slack.world import SlackWorld

_LOGIN = (
    "<!DOCTYPE html><html><head><title>Sign in | Playground</title></head><body>Sign in to see this file.</body></html>"
)
# Shown in the page itself; everything else is a download, so that no file can act as a page of ours.
_SHOWN = {"image/png", "image/jpeg", "image/gif", "image/webp"}


def add_routes(app: web.Application, world: SlackWorld) -> None:
    async def upload(request: web.Request) -> web.Response:
        file = world.files.get(world.file_behind(request.match_info["ticket"]))
        if file is None:
            raise web.HTTPNotFound(text="the upload address is unknown or used")
        if request.content_type.startswith("multipart/"):
            fields = await request.post()
            field = next((one for one in fields.values() if isinstance(one, web.FileField)), None)
            content = field.file.read() if field else b""
        else:
            content = await request.read()
        if not content or len(content) > MAX_BYTES:
            raise web.HTTPBadRequest(text=f"1 to {MAX_BYTES} bytes are taken")
        world.files.receive(file, content)
        return web.Response(text=f"OK - {len(content)}")

    async def give(request: web.Request) -> web.StreamResponse:
        file = world.files.get(request.match_info["file"])
        if file is None or not world.files.arrived(file):
            raise web.HTTPNotFound(text="no such file")
        shown = file.mimetype in _SHOWN and "download" not in request.query
        kind = "inline" if shown else "attachment"
        return web.FileResponse(
            world.files.path(file),
            headers={
                "Content-Type": file.mimetype,
                "Content-Disposition": f"{kind}; filename*=UTF-8''{file.url_name}",
                "X-Content-Type-Options": "nosniff",
            },
        )

    to_people = guard.page(world.place, give)

    async def download(request: web.Request) -> web.StreamResponse:
        """Without a token Slack answers with a sign-in page, and status 200 after its redirect."""
        offered = request.headers.get("Authorization", "")
        if hmac.compare_digest(offered.encode(), f"Bearer {world.place.slack_bot_token}".encode()):
            return await give(request)
        if guard.cookie_name(world.place) in request.cookies or request.headers.get("X-Page-Token"):
            return await to_people(request)
        return web.Response(text=_LOGIN, content_type="text/html")

    app.router.add_post("/slack/upload/{ticket}", upload)
    app.router.add_get("/slack/files/{file}/{name}", download)
