"""Secrets in what a branch would publish: every commit of it, not only where it ends."""

from __future__ import annotations

from integrations.redact import find_secrets, redact
from scheduler.outside import Outside

_MOST_BYTES = 20 * 2**20


def leaks(out: Outside, slug: str, base: str, head: str) -> tuple[str, ...]:
    """Names of what looks like a secret in the commits that `head` adds to `base`, with the file; empty when clean.

    A secret that a later commit takes away again is published all the same, and so is one in a commit's message.
    What is too large to be searched counts as a find: unknown is never clean.
    """
    history = out.repositories.history(slug, base, head, _MOST_BYTES)
    found = [
        f"{one.name} in {one.path}" if one.path else one.name for one in find_secrets(history.patches, out.secrets)
    ]
    if redact(history.messages, out.secrets) != history.messages:
        found.append("something like a secret in a commit message")
    found += _included(out, slug, history.patches)
    if history.cut:
        found.append(f"more than {_MOST_BYTES >> 20} MB of changes, which is too much to search")
    return tuple(dict.fromkeys(found))


def _included(out: Outside, slug: str, patches: str) -> list[str]:
    """Files of the owner's that are in the commits, although they were only lent to the workspace."""
    repository = out.policy().repository(slug)
    heads = {f"diff --git a/{name} b/{name}": name for name in (repository.include if repository else ())}
    changed = [heads[line] for line in patches.splitlines() if line in heads] if heads else []
    return [f"{name}, which waggle.toml includes from outside of git" for name in dict.fromkeys(changed)]
