"""Where the playground lives and which secrets open it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SENTRY_ORGANISATION = "acme"
SENTRY_PROJECT = "ledgerline"


@dataclass(frozen=True)
class Place:
    """One running playground.

    Attributes:
        home: directory of its durable stores.
        url: `http://127.0.0.1:PORT`, no trailing slash.
        page_token: opens the pages; made anew at each start.
        slack_bot_token, slack_app_token, github_token, model_key, sentry_token: what Waggle uses as credentials;
            made once per home and kept, so that a restart of either side finds the other.
    """

    home: Path
    url: str
    page_token: str
    slack_bot_token: str
    slack_app_token: str
    github_token: str
    model_key: str
    sentry_token: str

    @property
    def page_url(self) -> str:
        return f"{self.url}/?token={self.page_token}"

    @property
    def slack_api_url(self) -> str:
        return f"{self.url}/slack/api/"

    @property
    def github_api_url(self) -> str:
        return f"{self.url}/github/api/v3"

    @property
    def anthropic_base_url(self) -> str:
        return f"{self.url}/anthropic"

    @property
    def openai_base_url(self) -> str:
        return f"{self.url}/openai/v1"

    @property
    def sentry_url(self) -> str:
        return f"{self.url}/sentry"

    @property
    def sentry_dsn(self) -> str:
        """Where the sample application reports its errors."""
        return f"{self.url.replace('://', f'://{SENTRY_PROJECT}@')}/sentry/1"
