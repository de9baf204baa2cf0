"""Bringing a branch together with its base, when the prompt says that they conflict."""

from __future__ import annotations

import re

from integrations.playground.scripted.hands import Hands, Stuck

_BASE = re.compile(r"`git merge (?P<base>[0-9a-f]{40})`")
_REVERTED = re.compile(r"`git revert --no-edit (?:-m 1 )?(?P<sha>[0-9a-f]{40})`")
_HUNK = re.compile(r"^<{7} .*\n(?P<ours>(?:.*\n)*?)={7}\n(?P<theirs>(?:.*\n)*?)>{7} .*\n", re.MULTILINE)


def base_to_merge(prompt: str) -> str:
    """The commit that the prompt wants merged; empty when it is about something else."""
    found = _BASE.search(prompt)
    return found["base"] if found else ""


def commit_to_revert(prompt: str) -> str:
    """The commit that the prompt wants taken back; empty when it is about something else."""
    found = _REVERTED.search(prompt)
    return found["sha"] if found else ""


def revert(hands: Hands, sha: str, identity: str) -> str:
    """Revert a commit, a merge or not; what was done, in a sentence. Raises Stuck when it conflicts."""
    ran = hands.run(f"git {identity} revert --no-edit -m 1 {sha}", "Revert the merge")
    if not ran.ok:
        ran = hands.run(f"git {identity} revert --no-edit {sha}", "Revert the commit")
    if not ran.ok:
        hands.run("git revert --abort", "Leave the worktree as it was")
        raise Stuck(f"{sha[:12]} cannot be taken back without a person: {ran.output[-300:]}")
    return f"{sha[:12]} is taken back."


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
