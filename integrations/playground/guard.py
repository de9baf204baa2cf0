"""Who may open the playground's pages.

The page acts as a person of the sample workspace, so any web page that the person has open elsewhere
must not reach it: a token in the address becomes a cookie, and Host and Origin are checked against
the address that the playground listens on (DNS rebinding and cross-site posts fail both).
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from integrations.playground.place import Place

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def cookie_name(place: Place) -> str:
    """Cookies are shared by all ports of a host, and two playgrounds may be open in one browser."""
    return f"waggle_page_{urlsplit(place.url).port}"


def page(place: Place, handler: Handler) -> Handler:
    """Wrap a page or page-API handler: 403 unless the request carries the page token and came from the page."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        own = urlsplit(place.url).netloc
        if request.headers.get("Host") != own:
            raise web.HTTPForbidden(text=f"open this page as {place.url}")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != own:
            raise web.HTTPForbidden(text="this page answers only to itself")
        cookie = request.cookies.get(cookie_name(place))
        offered = request.query.get("token") or request.headers.get("X-Page-Token") or cookie or ""
        if not hmac.compare_digest(offered.encode(), place.page_token.encode()):
            raise web.HTTPForbidden(
                text="This page needs the address with the token that `waggle run` printed; it changes at each start."
            )
        response = await handler(request)
        if request.query.get("token") and not response.prepared:
            response.set_cookie(cookie_name(place), place.page_token, httponly=True, samesite="Strict")
        return response

    return guarded
