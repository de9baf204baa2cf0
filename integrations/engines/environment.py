"""The environment of everything that runs a target repository's code: built from an allow-list, never inherited."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

#: what any program needs to find its tools, its home and its language; nothing that could open a door
BASIC = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TERM", "TMPDIR", "USER", "LOGNAME", "SHELL")


def clean_environment(
    allow: Iterable[str] = (), extra: Mapping[str, str] | None = None, source: Mapping[str, str] | None = None
) -> dict[str, str]:
    """A new environment with the basic names, those in `allow`, and `extra`.

    Parameters:
        allow: further names to take over where they are set.
        extra: names and values to add.
        source: where the values come from; this process's environment by default.
    """
    known = os.environ if source is None else source
    names = (*BASIC, *allow)
    return {**{name: known[name] for name in names if name in known}, **(extra or {})}
