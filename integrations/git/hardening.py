"""What git is told, and what it is kept from: environment, configuration, credential."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from urllib.parse import urlsplit

from integrations.git.errors import AuthRefused

#: Names of this process's environment that git may see. Everything else is unset: tokens of other services have
#: no business there, and GIT_DIR, GIT_SSH_COMMAND, GIT_EXTERNAL_DIFF and their kin would change what is run.
PASSED_ON = frozenset(
    {"PATH", "TMPDIR", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "LD_LIBRARY_PATH"}
    | {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"}
)

#: Configuration of every command. An empty value switches a program off; `core.sshCommand=false` runs `false`.
HARDENING = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.alternateRefsCommand=",
    "core.gitProxy=",
    "core.askPass=",
    "core.pager=cat",
    "core.editor=false",
    "core.quotePath=false",
    "core.autocrlf=false",
    "credential.helper=",
    "commit.gpgSign=false",
    "tag.gpgSign=false",
    "diff.external=",
    "diff.ignoreSubmodules=all",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "push.recurseSubmodules=no",
    "push.gpgSign=false",
    "protocol.ext.allow=never",
    "gc.auto=0",
    "maintenance.auto=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=30",
)


def environment(home: Path) -> dict[str, str]:
    """Environment of every command.

    Parameters:
        home: an empty directory that git takes for the user's home.
    """
    return {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "LANGUAGE": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CEILING_DIRECTORIES": str(home.parent),
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_ADVICE": "0",
    }


def is_ssh(url: str) -> bool:
    return url.startswith("ssh://") or bool(re.match(r"[\w.-]+@[\w.-]+:", url))


def credential(url: str, token: str) -> dict[str, str]:
    """Environment that makes git send the token to the host of `url`, and to no other, with its first request.

    Raises AuthRefused for an empty token, which git would send as an empty password.
    """
    if not token.strip():
        raise AuthRefused("the token is empty", user_message="The GitHub token is empty. Set GITHUB_TOKEN.")
    parts = urlsplit(url)
    basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{parts.scheme}://{parts.netloc}/.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
    }
