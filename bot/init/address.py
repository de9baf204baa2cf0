"""What the address of a remote says about a repository. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from integrations.git.places import is_slug

_SCP = re.compile(r"(?:[^@/\s]+@)?(?P<host>\[[^\]]+\]|[\w.-]+):(?P<path>(?!//)\S.*)")
#: hosts that are not GitHub, whatever their address looks like
_OTHERS = ("gitlab", "bitbucket", "codeberg", "gitea", "forgejo", "sr.ht", "dev.azure.com", "visualstudio.com")


@dataclass(frozen=True)
class Address:
    """A remote's address, taken apart.

    Attributes:
        host: empty for a directory of this machine.
        slug: owner/name; empty when the address does not name both in a way that Waggle can use.
        clone: the address without a person's name or password, for a file that others read.
    """

    host: str
    slug: str
    clone: str

    @property
    def is_github_com(self) -> bool:
        return self.host in {"github.com", "www.github.com", "ssh.github.com"}

    @property
    def is_other(self) -> bool:
        """Whether it is a service on which Waggle cannot open pull requests."""
        return any(other in self.host for other in _OTHERS)

    @property
    def api_url(self) -> str:
        """What GITHUB_API_URL has to be; empty for github.com and for a directory."""
        return "" if not self.host or self.is_github_com else f"https://{self.host}/api/v3"


def read_address(url: str) -> Address:
    """Take an address apart: `git@host:owner/name.git`, `ssh://…`, `https://…`, `owner/name`, a directory."""
    url = url.strip()
    if re.fullmatch(r"https?://.*|ssh://.*|git://.*|git\+ssh://.*", url):
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        port = f":{parts.port}" if parts.scheme in {"http", "https"} and parts.port else ""
        name = f"{host}{port}"
        clone = f"{parts.scheme}://{name}{parts.path}" if parts.scheme in {"http", "https"} else url
        return Address(name, _slug(unquote(parts.path)), clone)
    if url.startswith("file://"):
        return Address("", _slug(unquote(urlsplit(url).path)), url)
    if is_slug(url):
        return Address("github.com", url.removesuffix(".git"), f"https://github.com/{url.removesuffix('.git')}.git")
    scp = None if url.startswith(("/", ".", "~")) else _SCP.fullmatch(url)
    if scp is not None:
        return Address(scp["host"].lower(), _slug(scp["path"]), url)
    return Address("", _slug(url), url)


def _slug(path: str) -> str:
    """The last two parts of a path, when they make a name that Waggle can use."""
    parts = [part for part in path.rstrip("/").removesuffix(".git").split("/") if part]
    slug = "/".join(parts[-2:])
    return slug if is_slug(slug) else ""
