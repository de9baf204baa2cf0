"""Whether two tasks of one repository would change the same thing. Pure.

What a task is expected to change, and what its pull request has changed so far, is its write set; until there is a pull
request, what changed together with it before widens it (`foresight.py`). Lockfiles and
migrations overlap with their own kind whatever they are called: two of them never merge, even in different files.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

_LOCKED_BY = frozenset(
    {
        *("package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lockb"),
        *("pyproject.toml", "poetry.lock", "uv.lock", "pipfile", "pipfile.lock", "pdm.lock", "requirements.lock"),
        *("cargo.toml", "cargo.lock", "go.mod", "go.sum", "gemfile", "gemfile.lock"),
        *("composer.json", "composer.lock", "mix.lock", "flake.lock", "packages.lock.json", "gradle.lockfile"),
    }
)
_MIGRATIONS = frozenset({"migrations", "migration", "migrate", "alembic"})
_REQUIREMENTS = re.compile(r"requirements[\w.-]*\.(?:txt|in)")


@dataclass(frozen=True)
class Writer:
    """A task that changes files now: its agent works, or its pull request is being verified."""

    task_id: int
    repo: str
    files: frozenset[str]
    likely: frozenset[str] = frozenset()  #: what it will probably change as well, by the repository's history


def group(path: str) -> str:
    """What a path belongs to that nobody may change beside another: `lockfiles`, `migrations`, or nothing."""
    parts = [part.lower() for part in PurePosixPath(path).parts]
    if not parts:
        return ""
    if parts[-1] in _LOCKED_BY or _REQUIREMENTS.fullmatch(parts[-1]):
        return "lockfiles"
    return "migrations" if _MIGRATIONS & set(parts[:-1]) else ""


def shared(mine: Collection[str], theirs: Collection[str]) -> str:
    """The first thing that both change, in words; empty when they keep out of each other's way."""
    same = sorted(set(mine) & set(theirs))
    if same:
        return same[0]
    groups = sorted(({group(path) for path in mine} & {group(path) for path in theirs}) - {""})
    return groups[0] if groups else ""


def guessed(files: Collection[str], likely: Collection[str], other: Writer) -> str:
    """What one of two is to change and the other probably will, in words; a guess against a guess is nothing."""
    return shared(files, other.likely) or shared(likely, other.files)


def waits_for(repo: str, files: Collection[str], writers: Sequence[Writer], likely: Collection[str] = ()) -> str:
    """For whom a task that is to change these files waits, as its card says it; empty when for nobody.

    Parameters:
        likely: what it will probably change beside them.
    """
    for other in sorted(writers, key=lambda one: one.task_id):
        what = shared(files, other.files) if other.repo == repo else ""
        if what:
            return f"waits for T-{other.task_id}, which also changes {what}"
        guess = guessed(files, likely, other) if other.repo == repo else ""
        if guess:
            return f"waits for T-{other.task_id}: by the repository's history, both will change {guess}"
    return ""
