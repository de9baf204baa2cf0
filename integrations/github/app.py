"""A GitHub App's credentials: installation tokens, made from the App's key, kept until shortly before they expire.

PyGithub's own call cannot ask for a token of one repository, so the request is made here (GitHub REST, "Create an
installation access token for an app"). Tokens and the key are never logged, and a token's length means nothing: since
April 2026 they are not 40 characters any more.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import jwt
import requests
from pydantic import BaseModel, ValidationError

from integrations.github.connection import said_by
from integrations.github.errors import (
    AuthFailed,
    GitHubError,
    Invalid,
    NotFound,
    no_answer,
    no_connection,
    not_github,
    refused,
)
from integrations.github.limits import Clock, utc_now

#: A token that is not valid for so long any more is replaced: a push may take minutes.
REFRESH_BEFORE = timedelta(minutes=5)
#: GitHub refuses a signed request from the future and one that is valid for more than ten minutes.
_BACKDATED, _VALID = timedelta(seconds=60), timedelta(minutes=9)
#: What git needs to push a branch; workflow files stay a person's business.
_GIT = {"contents": "write"}

#: What Waggle does with an App, with GitHub's names of the permissions; `read` where that is enough.
WANTED: Mapping[str, str] = {
    "contents": "write",
    "pull_requests": "write",
    "issues": "write",
    "checks": "read",
    "statuses": "write",
    "actions": "write",
    "metadata": "read",
}


class _Minted(BaseModel):
    token: str
    expires_at: datetime
    permissions: dict[str, str] = {}


@dataclass(frozen=True)
class AppIdentity:
    """Which App, installed where. The key is PEM text."""

    app_id: str
    private_key: str = field(repr=False)
    installation_id: str


class AppCredential:
    """Gives tokens of one installation. Thread-safe; asks GitHub only when it has none that is still good.

    Parameters:
        api_url: as for `GitHub`.
        clock: the time now, UTC.
        timeout_s: seconds to wait for an answer.
    """

    def __init__(self, api_url: str, identity: AppIdentity, clock: Clock = utc_now, timeout_s: int = 20) -> None:
        self._url = f"{api_url.rstrip('/')}/app/installations/{identity.installation_id}/access_tokens"
        self._identity = identity
        self._clock = clock
        self._timeout_s = timeout_s
        self._held: dict[str, _Minted] = {}
        self._guard = threading.Lock()

    def token(self) -> str:
        """A token for everything that the installation may do.

        Raises AuthFailed, NotFound, TimedOut, Unavailable.
        """
        return self._valid("").token

    def token_for(self, slug: str) -> str:
        """A token that can read and push one repository, and nothing else.

        Raises AuthFailed, NotFound, Invalid (the App is not installed there), TimedOut, Unavailable.
        """
        return self._valid(slug).token

    def permissions(self) -> dict[str, str]:
        """What the installation was granted: GitHub's name of the permission, `read` or `write`."""
        return dict(self._valid("").permissions)

    def _valid(self, slug: str) -> _Minted:
        with self._guard:
            held = self._held.get(slug)
            if held is None or held.expires_at - self._clock() <= REFRESH_BEFORE:
                held = self._held[slug] = self._mint(slug)
            return held

    def _mint(self, slug: str) -> _Minted:
        what = f"get a token for {slug or 'the App'}"
        body: dict[str, Any] = {"repositories": [slug.partition("/")[2]], "permissions": _GIT} if slug else {}
        headers = {"Authorization": f"Bearer {self._signed()}", "Accept": "application/vnd.github+json"}
        try:
            answer = requests.post(
                self._url, json=body, headers=headers, timeout=self._timeout_s, allow_redirects=False
            )
        except requests.Timeout as problem:
            raise no_answer(what, str(problem)) from problem
        except requests.RequestException as problem:
            raise no_connection(what, str(problem)) from problem
        if answer.status_code >= 300:
            raise self._explained(answer, what, slug)
        try:
            return _Minted.model_validate_json(answer.content)
        except ValidationError as problem:
            # The problem holds what came, which may be a token: neither is shown.
            raise not_github(what, "no token in it") from problem

    def _signed(self) -> str:
        now = self._clock()
        claims = {"iat": now - _BACKDATED, "exp": now + _VALID, "iss": self._identity.app_id}
        try:
            return jwt.encode(claims, self._identity.private_key, algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError) as problem:
            raise AuthFailed(
                f"the App's key cannot be used: {type(problem).__name__}",
                user_message="GITHUB_APP_PRIVATE_KEY is no RSA key in PEM form. Make one at the App's page, Private "
                "keys, and give its text or the path of the file.",
            ) from None  # the library's message may quote the key

    def _explained(self, answer: requests.Response, what: str, slug: str) -> GitHubError:
        error = refused(answer.status_code, answer.headers, said_by(answer), what, self._clock())
        if isinstance(error, AuthFailed):
            error.user_message = (
                "GitHub does not accept the App's signature. Check that GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY "
                "belong together, and that this machine's clock is right."
            )
        elif isinstance(error, NotFound):
            error.user_message = (
                f"The App has no installation {self._identity.installation_id}. GITHUB_APP_INSTALLATION_ID is the "
                "number at the end of the address of Settings, Applications, Installed GitHub Apps, Configure."
            )
        elif isinstance(error, Invalid) and slug:
            error.user_message = (
                f"The App is not installed in {slug}, or may not write its contents. Add the repository at Settings, "
                "Applications, Installed GitHub Apps, Configure, Repository access."
            )
        return error


def lacking(granted: Mapping[str, str]) -> dict[str, str]:
    """What an App would need and was not granted."""
    return {
        name: level
        for name, level in WANTED.items()
        if granted.get(name) not in ({"write", "admin"} if level == "write" else {"read", "write", "admin"})
    }
