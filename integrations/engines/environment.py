"""The environment of everything that runs a target repository's code: built from an allow-list, never inherited."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

from integrations.engines import EngineError

#: what any program needs to find its tools, its home and its language; nothing that could open a door
BASIC = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TERM", "TMPDIR", "USER", "LOGNAME", "SHELL")

#: Waggle's own doors to the outside: it pushes, posts and reads trackers itself, so that no agent has to
FORBIDDEN = re.compile(
    r"SLACK_.*|GITHUB_(?:.*_)?(?:TOKEN|PRIVATE_KEY)|GH_(?:.*_)?TOKEN|SENTRY_AUTH_TOKEN|BUGSINK_TOKEN|WAGGLE_DATABASE_URL"
)


class ForbiddenVariable(EngineError):
    """A variable that opens one of Waggle's own doors was to be given to a run."""


def clean_environment(
    allow: Iterable[str] = (), extra: Mapping[str, str] | None = None, source: Mapping[str, str] | None = None
) -> dict[str, str]:
    """A new environment with the basic names, those in `allow`, and `extra`.

    Parameters:
        allow: further names to take over where they are set.
        extra: names and values to add.
        source: where the values come from; this process's environment by default.

    Raises:
        ForbiddenVariable: `allow` or `extra` names one that no run may have.
    """
    known = os.environ if source is None else source
    added = dict(extra or {})
    wanted = tuple(allow)
    for name in (*wanted, *added):
        if FORBIDDEN.fullmatch(name):
            raise ForbiddenVariable(
                f"{name} was to be given to a run",
                user_message=f"{name} is never given to agents or commands: Waggle itself does what it is for.",
            )
    return {**{name: known[name] for name in (*BASIC, *wanted) if name in known}, **added}
