"""What Waggle wants from the environment about GitHub: who it is there, where that is, and where it listens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from bot.problems import wrong
from bot.setting_groups import Group, WebAddress, value_of

GITHUB_API_URL = "https://api.github.com"


def _api_root(value: str) -> str:
    parts = urlsplit(value)
    if not parts.path.strip("/") and not (parts.hostname or "").startswith("api."):
        raise wrong("that is where GitHub's pages are, not its API", f"Write {value.rstrip('/')}/api/v3.")
    return value


def _place_to_listen(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host.strip("[]") or not port.isdigit() or not 0 < int(port) < 65536:
        raise wrong("it is not HOST:PORT", "Write it like 127.0.0.1:8765, or remove it for that.")
    return value


def _hard_to_guess(value: SecretStr | None) -> SecretStr | None:
    if value is not None and len(value.get_secret_value()) < 16:
        raise wrong("it can be guessed", "Make one of 16 characters or more, such as with `openssl rand -hex 32`.")
    return value


class GitHubSettings(Group):
    """GitHub, as a token's owner or as an App. Without either the playground's GitHub is used.

    Attributes:
        app_id, app_private_key, app_installation_id: of a GitHub App; the key as PEM text or the path of its file.
        api_url: `https://HOST/api/v3` for a GitHub Enterprise Server.
        webhook_secret: with it Waggle listens for what GitHub tells by itself; without it nothing listens.
        webhook_listen: where, as HOST:PORT.
    """

    model_config = SettingsConfigDict(env_prefix="GITHUB_")

    token: SecretStr | None = None
    app_id: str = ""
    app_private_key: SecretStr | None = None
    app_installation_id: str = ""
    api_url: Annotated[WebAddress, AfterValidator(_api_root)] = GITHUB_API_URL
    webhook_secret: Annotated[SecretStr | None, AfterValidator(_hard_to_guess)] = None
    webhook_listen: Annotated[str, AfterValidator(_place_to_listen)] = "127.0.0.1:8765"

    @property
    def given(self) -> bool:
        return self.token is not None or self.app_private_key is not None

    @property
    def webhook_address(self) -> tuple[str, int]:
        """Host and port of `webhook_listen`."""
        host, _, port = self.webhook_listen.rpartition(":")
        return host.strip("[]"), int(port)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        parts = {
            "GITHUB_APP_ID": self.app_id,
            "GITHUB_APP_PRIVATE_KEY": value_of(self.app_private_key),
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
        _pem(value_of(self.app_private_key))
        return self

    @property
    def private_key(self) -> str:
        """The App's key as PEM text."""
        return _pem(value_of(self.app_private_key))

    @property
    def key_text(self) -> SecretStr | None:
        """The key when it was given as text; the path of its file is no secret."""
        return self.app_private_key if "-----BEGIN" in value_of(self.app_private_key) else None


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
