"""Everything that Waggle reads from its environment and `.env`, validated together.

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
from typing import Any, ClassVar

from pydantic import ValidationError
from pydantic_settings import DotEnvSettingsSource

from bot.github_settings import GitHubSettings
from bot.problems import Problem, ProblemsError, nearest
from bot.setting_groups import (
    AnthropicSettings,
    ClaudeCodeSettings,
    Group,
    OpenAISettings,
    SentrySettings,
    SlackSettings,
    WaggleSettings,
    value_of,
)


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

    GROUPS: ClassVar[Mapping[str, type[Group]]] = {
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
            self.github.webhook_secret,
            self.anthropic.api_key,
            self.openai.api_key,
            self.claude_code.oauth_token,
            self.sentry.auth_token,
            self.sentry.dsn,
        )
        return tuple(value_of(one) for one in held if one is not None)

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


def _variable(group: type[Group], name: str) -> str:
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


def _problems(group: type[Group], invalid: ValidationError) -> Iterator[Problem]:
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
