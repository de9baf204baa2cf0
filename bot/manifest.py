"""The Slack app's manifest: where it lies, and what of it the code relies on."""

from __future__ import annotations

import re
from pathlib import Path

MANIFEST = Path(__file__).parents[1] / "manifest.yml"


def manifest_text() -> str:
    """The manifest. Raises FileNotFoundError where Waggle was installed without its sources."""
    return MANIFEST.read_text(encoding="utf-8")


def wanted_scopes() -> frozenset[str]:
    """The bot scopes that the manifest asks for. The file is ours, so a line is enough to read it by."""
    try:
        text = manifest_text()
    except FileNotFoundError:
        return frozenset()
    found = re.search(r"^    bot:\n((?:      - .*\n)+)", text, re.MULTILINE)
    return (
        frozenset(line.split("- ", 1)[1].split("#")[0].strip() for line in found[1].splitlines())
        if found
        else frozenset()
    )
