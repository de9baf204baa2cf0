"""Bringing a branch together with its base, when the prompt says that they conflict."""

from __future__ import annotations

import re

from integrations.playground.scripted.hands import Hands

_BASE = re.compile(r"`git merge (?P<base>[0-9a-f]{40})`")
_HUNK = re.compile(r"^<{7} .*\n(?P<ours>(?:.*\n)*?)={7}\n(?P<theirs>(?:.*\n)*?)>{7} .*\n", re.MULTILINE)


def base_to_merge(prompt: str) -> str:
    """The commit that the prompt wants merged; empty when it is about something else."""
    found = _BASE.search(prompt)
    return found["base"] if found else ""


def keep_both(text: str) -> str:
    """A file without its conflict markers, with what both sides wrote: the base's first."""
    return _HUNK.sub(lambda hunk: f"{hunk['theirs'].rstrip()}\n\n{hunk['ours']}", text)


def merge(hands: Hands, base: str, identity: str) -> str:
    """Merge the base into the branch and keep both sides of every conflict; what was done, in a sentence."""
    ran = hands.run(f"git {identity} merge --no-edit {base}", "Merge the base branch")
    if ran.ok:
        return "The base branch is merged; nothing was in conflict any more."
    listed = hands.run("git diff --name-only --diff-filter=U", "See what is in conflict")
    names = [line for line in listed.output.splitlines() if line.strip()]
    for name in names:
        hands.write(name, keep_both(hands.text(name)))
    return f"The base branch is merged; both sides are kept in {', '.join(f'`{name}`' for name in names)}."
