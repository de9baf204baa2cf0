"""How Waggle signs in to GitHub: as an App, with a token, or at the playground."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.remotes import web_root
from bot.settings import Settings
from integrations.github import AppCredential, AppIdentity
from integrations.github.webhooks import PATH as WEBHOOK_PATH
from integrations.playground.place import Place


@dataclass(frozen=True)
class GitHubAccess:
    """One way in.

    Attributes:
        api_url: the REST root.
        root: repositories without a remote of their own are cloned from beneath it.
        token: the credential of the API, asked for at each request.
        git_token: the credential of git for one repository; an App's opens nothing else.
        app: None for a token.
    """

    api_url: str
    root: str
    token: Callable[[], str]
    git_token: Callable[[str], str]
    app: AppCredential | None = None


def webhook_url(settings: Settings) -> str:
    """Where this machine hears webhooks; empty when it does not. GitHub may have to use another name for it."""
    chosen = settings.github
    return f"http://{chosen.webhook_listen}{WEBHOOK_PATH}" if chosen.webhook_secret is not None else ""


def github_access(settings: Settings, place: Place | None) -> GitHubAccess | None:
    """The way in that the settings name; an App is preferred to a token. None when there is not even a playground."""
    chosen = settings.github
    if chosen.app_private_key is not None:
        identity = AppIdentity(chosen.app_id, chosen.private_key, chosen.app_installation_id)
        app = AppCredential(chosen.api_url, identity)
        return GitHubAccess(chosen.api_url, web_root(chosen.api_url), app.token, app.token_for, app)
    if chosen.token is not None:
        token = chosen.token.get_secret_value
        return GitHubAccess(chosen.api_url, web_root(chosen.api_url), token, lambda slug: token())
    if place is None:
        return None
    root = f"{place.url}/github/git"
    return GitHubAccess(place.github_api_url, root, lambda: place.github_token, lambda slug: place.github_token)
