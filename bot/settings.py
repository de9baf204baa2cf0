"""Everything that Waggle reads from its environment and `.env`: one class for each outside system.

No other file reads the environment. Every name is optional; what has no credentials is served by the playground.
What is not secret and not a matter of the machine stands in `waggle.toml` (`bot.config`).
"""

from __future__ import annotations

import getpass
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, DotEnvSettingsSource, SettingsConfigDict

from bot.problems import Problem, ProblemsError, nearest

SLACK_API_URL = "https://slack.com/api/"
GITHUB_API_URL = "https://api.github.com"
ANTHROPIC_BASE_URL = "https://api.anthropic.com"
OPENAI_BASE_URL = "https://api.openai.com/v1"
SENTRY_URL = "https://sentry.io"


def wrong(what: str, cure: str, name: str = "") -> PydanticCustomError:
    """A mistake with its cure, as a validator raises it. `name` is the variable when it is not the field's own."""
    return PydanticCustomError("waggle", "{what}", {"what": what, "cure": cure, "name": name})


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


class _Group(BaseSettings):
    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, env_file_encoding="utf-8", hide_input_in_errors=True
    )


class WaggleSettings(_Group):
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


class SlackSettings(_Group):
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
        bot, app = _value(self.bot_token), _value(self.app_token)
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


class GitHubSettings(_Group):
    """GitHub, as a token's owner or as an App. Without either the playground's GitHub is used.

    Attributes:
        app_id, app_private_key, app_installation_id: of a GitHub App; the key as PEM text or the path of its file.
        api_url: `https://HOST/api/v3` for a GitHub Enterprise Server.
    """

    model_config = SettingsConfigDict(env_prefix="GITHUB_")

    token: SecretStr | None = None
    app_id: str = ""
    app_private_key: SecretStr | None = None
    app_installation_id: str = ""
    api_url: WebAddress = GITHUB_API_URL

    @property
    def given(self) -> bool:
        return self.token is not None or self.app_private_key is not None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        parts = {
            "GITHUB_APP_ID": self.app_id,
            "GITHUB_APP_PRIVATE_KEY": _value(self.app_private_key),
            "GITHUB_APP_INSTALLATION_ID": self.app_installation_id,
        }
        missing = [name for name, value in parts.items() if not value]
        if len(missing) == len(parts):
            return self
        if missing:
            raise wrong(
                f"an App is set, and {' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} not",
                "The App's page has its id and makes its key; the installation's number ends the address of Settings,"
                " Applications, Installed GitHub Apps, Configure. Remove all three for a token or the playground.",
                missing[0],
            )
        if not self.app_installation_id.isdigit():
            raise wrong(
                "it is not a number",
                "Take the number at the end of the installation's address.",
                "GITHUB_APP_INSTALLATION_ID",
            )
        _pem(_value(self.app_private_key))
        return self

    @property
    def private_key(self) -> str:
        """The App's key as PEM text."""
        return _pem(_value(self.app_private_key))

    @property
    def key_text(self) -> SecretStr | None:
        """The key when it was given as text; the path of its file is no secret."""
        return self.app_private_key if "-----BEGIN" in _value(self.app_private_key) else None


class AnthropicSettings(_Group):
    """Anthropic's models."""

    model_config = SettingsConfigDict(env_prefix="ANTHROPIC_")

    api_key: SecretStr | None = None
    base_url: WebAddress = ANTHROPIC_BASE_URL

    @property
    def given(self) -> bool:
        return self.api_key is not None


class OpenAISettings(_Group):
    """OpenAI's models."""

    model_config = SettingsConfigDict(env_prefix="OPENAI_")

    api_key: SecretStr | None = None
    base_url: WebAddress = OPENAI_BASE_URL

    @property
    def given(self) -> bool:
        return self.api_key is not None


class ClaudeCodeSettings(_Group):
    """Claude Code's own login by a token of `claude setup-token`, paid for by a subscription."""

    model_config = SettingsConfigDict(env_prefix="CLAUDE_CODE_")

    oauth_token: SecretStr | None = None

    @property
    def given(self) -> bool:
        return self.oauth_token is not None


class SentrySettings(_Group):
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
        return urlsplit(_value(self.dsn)).path.rpartition("/")[2]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if _value(self.auth_token).startswith("sntrys_"):
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


@dataclass(frozen=True)
class Host:
    """What the machine says about itself.

    Attributes:
        login: the person at the command line, whom `cli:<login>` names in events.
        environment: what programs started by Waggle may need (paths, language, proxies, certificates); no secrets.
    """

    login: str = "local"
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """All settings, validated together.

    Attributes:
        notes: what is odd about them, for people.
        others: everything else that the environment and `.env` hold; read by `handed` alone.
    """

    GROUPS: ClassVar[Mapping[str, type[_Group]]] = {
        "waggle": WaggleSettings,
        "slack": SlackSettings,
        "github": GitHubSettings,
        "anthropic": AnthropicSettings,
        "openai": OpenAISettings,
        "claude_code": ClaudeCodeSettings,
        "sentry": SentrySettings,
    }

    waggle: WaggleSettings
    slack: SlackSettings
    github: GitHubSettings
    anthropic: AnthropicSettings
    openai: OpenAISettings
    claude_code: ClaudeCodeSettings
    sentry: SentrySettings
    host: Host = field(default_factory=Host)
    notes: tuple[str, ...] = ()
    others: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, *, env_file: Path | None = Path(".env")) -> Settings:
        """Read the environment, and `env_file` beneath it.

        Raises:
            ProblemsError: something in it cannot be used; holds every mistake.
        """
        problems: list[Problem] = []
        logging.getLogger("dotenv").setLevel(logging.ERROR)  # its warnings stand among our problems, with their cure
        file = env_file if env_file is not None and env_file.is_file() else None
        names = [*os.environ]
        if file is not None:
            try:
                names += _names_in(file, problems)
            except (OSError, UnicodeDecodeError) as reason:
                problems.append(
                    Problem(str(file), f"it cannot be read ({reason})", "Make it a readable UTF-8 file, or remove it.")
                )
                file = None
        groups: dict[str, Any] = {}
        for name, group in cls.GROUPS.items():
            try:
                groups[name] = group(_env_file=file)
            except ValidationError as invalid:
                problems += _problems(group, invalid)
        if problems:
            raise ProblemsError("The settings", problems)
        source = DotEnvSettingsSource(WaggleSettings, file, "utf-8", case_sensitive=True)
        others = {**source.env_vars, **os.environ}
        given = {name: value for name, value in others.items() if value is not None}
        return cls(**groups, host=_host(), notes=tuple(_notes(names)), others=given)

    @classmethod
    def isolated(
        cls, home: Path, *, config: Path | None = None, tick_seconds: float = 60.0, max_agents: int = 0
    ) -> Settings:
        """Settings for tests, demo and bench: no `.env`, and no credential from the environment."""
        groups: dict[str, Any] = {name: group.model_construct() for name, group in cls.GROUPS.items()}
        given: dict[str, Any] = {"home": home.absolute(), "tick_seconds": tick_seconds, "max_agents": max_agents}
        given["config"] = config or home / "waggle.toml"
        named = {"home", "tick_seconds", "max_agents"} | ({"config"} if config else set())
        groups["waggle"] = WaggleSettings.model_construct(named, **given)
        return cls(**groups, host=_host())

    @property
    def database_url(self) -> str:
        return self.waggle.database_url or f"sqlite:///{self.waggle.home / 'registry.db'}"

    def handed(self, names: Iterable[str]) -> dict[str, str]:
        """The variables of these names that are set, to be handed to an agent that `waggle.toml` gives them to."""
        return {name: self.others[name] for name in names if self.others.get(name)}

    def secrets(self) -> tuple[str, ...]:
        """Every secret value, for the redaction of logs."""
        held = (
            self.slack.bot_token,
            self.slack.app_token,
            self.github.token,
            self.github.key_text,
            self.anthropic.api_key,
            self.openai.api_key,
            self.claude_code.oauth_token,
            self.sentry.auth_token,
            self.sentry.dsn,
        )
        return tuple(_value(one) for one in held if one is not None)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Every environment variable that is read."""
        return tuple(_variable(group, field) for group in cls.GROUPS.values() for field in group.model_fields)


_SETTING = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=(?P<value>.*)")
#: what programs may inherit: paths, language, time zone, temporary directory, proxies and certificates
_INHERITED = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TERM",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
]
#: names that Waggle or its tools give to the processes they start
_OUR_OWN = {"WAGGLE_RUN"}


def _host() -> Host:
    try:
        login = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user without a name
        login = f"uid-{os.getuid()}"
    return Host(
        login=login,
        environment={"PATH": os.defpath} | {name: os.environ[name] for name in _INHERITED if name in os.environ},
    )


def _pem(given: str) -> str:
    """PEM text that was given as it is, with `\\n` for its line ends, or as the path of a file."""
    if "-----BEGIN" in given:
        return given.replace("\\n", "\n")
    try:
        text = Path(given).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError):
        text = ""
    if "-----BEGIN" not in text:
        raise wrong(
            "it is neither a key in PEM form nor the path of one that can be read",
            "Make a key at the App's page, Private keys, and give the path of the file.",
            "GITHUB_APP_PRIVATE_KEY",
        )
    return text


def _value(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()


def _variable(group: type[_Group], name: str) -> str:
    return f"{group.model_config.get('env_prefix', '')}{name}".upper()


def _names_in(file: Path, problems: list[Problem]) -> list[str]:
    """The names set in an env file. A line that sets nothing is a problem here; the library would only log it."""
    names = []
    closing = ""  # the quote that a value over several lines waits for
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if closing:
            closing = "" if line.rstrip().endswith(closing) else closing
        elif (found := _SETTING.fullmatch(line)) is not None:
            names.append(found["name"])
            value = found["value"].strip()
            quote = value[:1] if value[:1] in {"'", '"'} else ""
            closing = quote if quote and quote not in value[1:] else ""
        elif line.strip() and not line.lstrip().startswith("#"):
            shown = line.strip().split("=")[0][:40]
            problems.append(Problem(f"{file}:{number}", f"`{shown}` is not a setting", "Write NAME=value, one a line."))
    return names


def _problems(group: type[_Group], invalid: ValidationError) -> Iterator[Problem]:
    for error in invalid.errors(include_url=False, include_input=False):
        context = error.get("ctx", {})
        name = context.get("name") or (_variable(group, str(error["loc"][0])) if error["loc"] else "")
        if error["type"] == "waggle":
            yield Problem(name, context["what"], context["cure"])
        else:
            yield Problem(name, _lower(error["msg"]), f"Mend it, or remove {name} for the default.")


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _notes(names: list[str]) -> Iterator[str]:
    known = set(Settings.names())
    for name in sorted(set(names)):
        upper = name.upper()
        if upper in known or upper in _OUR_OWN:
            continue
        meant = nearest(upper, known)
        if upper.startswith("WAGGLE_"):
            hint = f"; did you mean {meant}?" if meant else "."
            yield f"{name} is set, and Waggle knows no such setting{hint}"
        elif upper == "SLACK_SIGNING_SECRET":
            yield "SLACK_SIGNING_SECRET is not used: Waggle connects by Socket Mode, with SLACK_APP_TOKEN."
