"""Which permission a REST call wants of a fine-grained token. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

_WANTED = (
    (r"/commits/[^/]+/check-runs|/check-(runs|suites)", "checks"),
    (r"/commits/[^/]+/status(es)?$|/statuses/", "statuses"),
    (r"/actions/", "actions"),
    (r"/issues", "issues"),
    (r"/pulls", "pull_requests"),
    (r"/hooks", "repository_hooks"),
    (r"/(git|contents|branches|compare|commits)(/|$)", "contents"),
)


def lacking(method: str, tail: str, permissions: Mapping[str, str]) -> str:
    """What a call needs and a token lacks, as GitHub's header has it (`statuses=write`); empty when it may.

    Parameters:
        tail: of the path, after `/repos/OWNER/NAME`.
    """
    level = "read" if method in ("GET", "HEAD") else "write"
    for pattern, name in _WANTED:
        if re.match(pattern, tail):
            enough = {"read", "write"} if level == "read" else {"write"}
            # GitHub's fine-grained tokens have no permission for checks at all (cli/cli#12597).
            return "" if name != "checks" and permissions.get(name) in enough else f"{name}={level}"
    return ""
