"""GitHub Apps: an App signs with its key and gets tokens of its installation, for an hour, for some repositories."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import jwt
from aiohttp import web

from integrations.playground.github.people import BOT, Account, holder
from integrations.playground.github.refusal import Refused, not_found
from integrations.playground.place import Place

TOKEN_S = 3600
_LONGEST_CLAIM_S = 600


@dataclass(frozen=True)
class App:
    """A registered App, installed once.

    Attributes:
        public_key: PEM of the key that checks its signatures.
        repositories: slugs that it is installed in.
        permissions: what the installation was granted.
    """

    app_id: str
    public_key: str
    installation_id: str
    repositories: tuple[str, ...]
    permissions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Grant:
    """What a credential opens.

    Attributes:
        repositories: None when it is not limited to some.
        permissions: of a fine-grained token; None when it may do what its account may.
    """

    account: Account
    repositories: frozenset[str] | None = None
    permissions: Mapping[str, str] | None = None

    def opens(self, slug: str) -> bool:
        return self.repositories is None or slug.lower() in self.repositories


class Apps:
    """Registered Apps and the tokens they were given. Forgotten at a restart, as a token's hour would be.

    Parameters:
        place: whose own token is accepted beside them.
        clock: seconds since the epoch.
    """

    def __init__(self, place: Place, clock: Callable[[], float]) -> None:
        self._place = place
        self._clock = clock
        self._apps: dict[str, App] = {}
        self._tokens: dict[str, tuple[float, Grant]] = {}

    def register(self, app: App) -> None:
        self._apps[app.installation_id] = app

    def revoke(self) -> None:
        """Every token that was given out is void, as after a new installation."""
        self._tokens.clear()

    def fine_grained(self, permissions: Mapping[str, str]) -> str:
        """A fine-grained personal token with these permissions, such as `{"contents": "write"}`."""
        token = f"github_pat_{secrets.token_urlsafe(32)}"
        self._tokens[token] = (float("inf"), Grant(BOT, permissions=dict(permissions)))
        return token

    def holder(self, token: str) -> Grant | None:
        """Whose token this is and what it opens; None when it is nobody's, or its hour is over."""
        owner = holder(self._place, token)
        if owner is not None:
            return Grant(owner)
        expires, grant = self._tokens.get(token, (0.0, None))
        return grant if expires > self._clock() else None

    def mint(self, request: web.Request, installation_id: str, body: Mapping[str, Any]) -> dict[str, object]:
        """A new token.

        Raises:
            Refused: 401 for a bad signature, 404 for another's installation, 422 for what it was not granted.
        """
        app = self._apps.get(installation_id)
        signer = self._signer(request)
        if app is None or signer != app.app_id:
            raise not_found()
        names = body.get("repositories")
        wanted = frozenset(slug.lower() for slug in app.repositories if not names or slug.partition("/")[2] in names)
        if names and len(wanted) != len(names):
            raise Refused(422, "There is at least one repository that does not exist or is not accessible.")
        asked = dict(body.get("permissions") or app.permissions)
        if any(level == "write" and app.permissions.get(name) != "write" for name, level in asked.items()):
            raise Refused(422, "The permissions requested are not granted to this installation.")
        token = f"ghs_{app.app_id}_{secrets.token_urlsafe(48)}"
        expires = self._clock() + TOKEN_S
        self._tokens[token] = (expires, Grant(BOT, wanted))
        shown = datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"token": token, "expires_at": shown, "permissions": asked, "repository_selection": "selected"}

    def _signer(self, request: web.Request) -> str:
        scheme, _, signed = request.headers.get("Authorization", "").partition(" ")
        for app in self._apps.values():
            try:
                claims = jwt.decode(
                    signed, app.public_key, algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False}
                )
            except jwt.PyJWTError:
                continue
            now = self._clock()
            fresh = claims["iat"] <= now < claims["exp"] <= now + _LONGEST_CLAIM_S
            if scheme.lower() == "bearer" and fresh and str(claims["iss"]) == app.app_id:
                return app.app_id
        raise Refused(401, "A JSON web token could not be decoded")


async def _mint(request: web.Request, apps: Apps) -> web.Response:
    try:
        body = await request.json() if request.can_read_body else {}
        given = apps.mint(request, request.match_info["installation"], body)
    except Refused as refused:
        return web.json_response({"message": refused.message, "status": str(refused.status)}, status=refused.status)
    return web.json_response(given, status=201)


def add_routes(app: web.Application, apps: Apps, api: str) -> None:
    async def mint(request: web.Request) -> web.Response:
        return await _mint(request, apps)

    app.router.add_post(f"{api}/app/installations/{{installation}}/access_tokens", mint)
