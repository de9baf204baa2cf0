"""What Waggle wants from the environment: one class for each outside system, with its defaults and what makes sense."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.problems import wrong

SLACK_API_URL = "https://slack.com/api/"
ANTHROPIC_BASE_URL = "https://api.anthropic.com"
OPENAI_BASE_URL = "https://api.openai.com/v1"
SENTRY_URL = "https://sentry.io"


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise wrong("it is not a web address", "Write it with https:// in front, or remove it for the default.")
    return value


def _directory(value: Path) -> Path:
    path = value.expanduser().absolute()
    if path.exists() and not path.is_dir():
        raise wrong(f"{path} is a file", "Name a directory; Waggle creates it when it is not there.")
    return path


def _sqlite_address(value: str) -> str:
    if value and not value.startswith("sqlite:///"):
        scheme = urlsplit(value).scheme or "no scheme"
        raise wrong(
            f"Waggle cannot use such a database ({scheme})",
            "Write sqlite:////absolute/path.db, or remove it for a file in WAGGLE_HOME.",
        )
    return value


WebAddress = Annotated[str, AfterValidator(_web_address)]


class Group(BaseSettings):
    """What is read alike by every class here."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, env_file_encoding="utf-8", hide_input_in_errors=True
    )


class WaggleSettings(Group):
    """Waggle itself.

    Attributes:
        home: state directory.
        database_url: empty for SQLite in the home.
        config: the file with what is not secret.
        tick_seconds: pause between two monitor ticks; a change of rows wakes the monitor at once anyway.
        max_agents: 0 for as many as free memory holds, at most 4.
        log_level: what goes into the log file.
    """

    model_config = SettingsConfigDict(env_prefix="WAGGLE_")

    home: Annotated[Path, AfterValidator(_directory)] = Field(default=Path("~/.waggle"), validate_default=True)
    database_url: Annotated[str, AfterValidator(_sqlite_address)] = ""
    config: Path = Path("waggle.toml")
    tick_seconds: float = Field(default=60.0, ge=0.2, le=3600)
    max_agents: int = Field(default=0, ge=0, le=64)
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class SlackSettings(Group):
    """A Slack workspace, over Socket Mode. Without tokens the playground's workspace is used."""

    model_config = SettingsConfigDict(env_prefix="SLACK_")

    bot_token: SecretStr | None = None
    app_token: SecretStr | None = None
    api_url: WebAddress = SLACK_API_URL
    admin_user_id: str = ""

    @property
    def given(self) -> bool:
        return self.bot_token is not None

    @model_validator(mode="after")
    def _pair(self) -> Self:
        bot, app = value_of(self.bot_token), value_of(self.app_token)
        if bool(bot) != bool(app):
            missing = "SLACK_APP_TOKEN" if bot else "SLACK_BOT_TOKEN"
            there = "SLACK_BOT_TOKEN" if bot else "SLACK_APP_TOKEN"
            raise wrong(
                f"{there} is set and {missing} is not",
                "Waggle needs both: the app token from Basic Information (scope connections:write), the bot token"
                " from OAuth & Permissions. Remove both for the playground.",
                missing,
            )
        if self.api_url == SLACK_API_URL and bot and app:
            if bot.startswith("xapp-") and app.startswith("xoxb-"):
                raise wrong(
                    "the two Slack tokens are swapped",
                    "xoxb-… is the bot token, xapp-… is the app token.",
                    "SLACK_BOT_TOKEN",
                )
            if not bot.startswith("xoxb-"):
                raise wrong(
                    "it is not a bot token",
                    "Take the one that starts with xoxb- from OAuth & Permissions.",
                    "SLACK_BOT_TOKEN",
                )
            if not app.startswith("xapp-"):
                raise wrong(
                    "it is not an app token",
                    "Take the one that starts with xapp- from Basic Information, App-Level Tokens.",
                    "SLACK_APP_TOKEN",
                )
        return self


class AnthropicSettings(Group):
    """Anthropic's models."""

    model_config = SettingsConfigDict(env_prefix="ANTHROPIC_")

    api_key: SecretStr | None = None
    base_url: WebAddress = ANTHROPIC_BASE_URL

    @property
    def given(self) -> bool:
        return self.api_key is not None


class OpenAISettings(Group):
    """OpenAI's models."""

    model_config = SettingsConfigDict(env_prefix="OPENAI_")

    api_key: SecretStr | None = None
    base_url: WebAddress = OPENAI_BASE_URL

    @property
    def given(self) -> bool:
        return self.api_key is not None


class ClaudeCodeSettings(Group):
    """Claude Code's own login by a token of `claude setup-token`, paid for by a subscription."""

    model_config = SettingsConfigDict(env_prefix="CLAUDE_CODE_")

    oauth_token: SecretStr | None = None

    @property
    def given(self) -> bool:
        return self.oauth_token is not None


class SentrySettings(Group):
    """A Sentry whose errors are proposed as tasks, and where Waggle reports its own.

    Attributes:
        auth_token: of an internal integration; without one the playground's tracker is used.
        projects: slugs with commas between them; empty for all that the token sees.
        dsn: where Waggle reports its own errors; nowhere when empty. That project is left out of the scan.
    """

    model_config = SettingsConfigDict(env_prefix="SENTRY_")

    auth_token: SecretStr | None = None
    org: str = ""
    projects: str = ""
    url: WebAddress = SENTRY_URL
    dsn: SecretStr | None = None

    @property
    def given(self) -> bool:
        return self.auth_token is not None

    @property
    def project_slugs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.strip() for one in self.projects.split(",") if one.strip()))

    @property
    def own_project_id(self) -> str:
        """The number of the project that Waggle reports to; empty when it reports nowhere."""
        return urlsplit(value_of(self.dsn)).path.rpartition("/")[2]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if value_of(self.auth_token).startswith("sntrys_"):
            raise wrong(
                "it is an organisation token, which cannot read issues",
                "Make an internal integration (Settings, Custom Integrations) with event:read, project:read and"
                " org:read, and use its token.",
                "SENTRY_AUTH_TOKEN",
            )
        if self.auth_token is not None and not self.org:
            raise wrong(
                "SENTRY_AUTH_TOKEN is set and SENTRY_ORG is not",
                "Set it to the organisation's slug: https://sentry.io/organizations/SLUG/. Remove the token for the"
                " playground.",
                "SENTRY_ORG",
            )
        odd = [one for one in (self.org, *self.project_slugs) if not re.fullmatch(r"[A-Za-z0-9][\w-]*", one)]
        if self.auth_token is not None and odd:
            name = "SENTRY_ORG" if odd[0] == self.org else "SENTRY_PROJECTS"
            raise wrong(f"`{odd[0]}` is not a slug", "Write it as it stands in Sentry's addresses.", name)
        return self


def value_of(secret: SecretStr | None) -> str:
    """The secret itself; empty when it is not set."""
    return "" if secret is None else secret.get_secret_value()
