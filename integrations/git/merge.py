"""Compares commits in the mirror: conflicts, distance, changed files, the diff itself. Nothing is checked out."""

from __future__ import annotations

import re
from pathlib import Path

from integrations.git.command import GitCommand
from integrations.git.errors import CommandFailed, UnknownRevision
from integrations.git.places import check_sha
from integrations.git.values import History, MergeCheck

#: Renames are shown as a removal and an addition, so that both paths count as changed.
_LARGEST_LOG = 4_000_000  #: bytes of names
_PLAIN_DIFF = ["--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--ignore-submodules=none"]


def merge_check(git: GitCommand, mirror: Path, base: str, head: str) -> MergeCheck:
    """Merge two commits in memory (`git merge-tree --write-tree`, git 2.38) and report what conflicts.

    Raises UnknownRevision: git ends with status 1 both for a conflict and for a commit it does not have, and only the
    first line of its output, a tree, tells them apart.
    """
    answer = git.run(
        ["merge-tree", "--write-tree", "--name-only", "-z", "--no-messages", check_sha(base), check_sha(head)],
        git_dir=mirror,
        ok=(0, 1, 128),
    )
    tree, _, rest = answer.text.partition("\0")
    if "unrelated histories" in answer.err:
        return MergeCheck(clean=False)
    if not re.fullmatch(r"[0-9a-f]{40}", tree.strip()):
        raise UnknownRevision(f"cannot merge {base[:9]} and {head[:9]}: {answer.err.strip()[:200]}")
    return MergeCheck(answer.rc == 0, tuple(dict.fromkeys(name for name in rest.split("\0") if name)))


def ahead_behind(git: GitCommand, mirror: Path, base: str, head: str) -> tuple[int, int]:
    """(commits of head that base lacks, commits of base that head lacks)."""
    said = git.run(
        ["rev-list", "--left-right", "--count", f"{check_sha(base)}...{check_sha(head)}"], git_dir=mirror
    ).text.split()
    return int(said[1]), int(said[0])


def changed_files(git: GitCommand, mirror: Path, base: str, head: str) -> tuple[str, ...]:
    """Paths that head changed since it left base, as a pull request counts them."""
    return tuple(
        git.run(
            ["diff", "--name-only", "-z", *_PLAIN_DIFF, f"{check_sha(base)}...{check_sha(head)}"], git_dir=mirror
        ).fields
    )


def changed_together(git: GitCommand, mirror: Path, base: str, commits: int) -> tuple[tuple[str, ...], ...]:
    """The files of each of the last commits before `base`, newest first; merges are left out."""
    answer = git.run(
        ["log", "--no-merges", f"-n{commits}", "--format=%x01", "--name-only", "-z", *_PLAIN_DIFF, check_sha(base)],
        git_dir=mirror,
        limit=_LARGEST_LOG,
    )
    whole = answer.text.rpartition("\x01")[0] if answer.cut else answer.text
    chunks = whole.split("\x01")[1:]
    return tuple(tuple(name for name in chunk.replace("\n", "").split("\0") if name) for chunk in chunks)


def diff(git: GitCommand, mirror: Path, base: str, head: str, max_bytes: int) -> str:
    """The unified diff of a pull request; cut at a line when it is longer than `max_bytes`, and then saying so."""
    answer = git.run(
        ["diff", "-U3", *_PLAIN_DIFF, f"{check_sha(base)}...{check_sha(head)}"], git_dir=mirror, limit=max_bytes
    )
    if not answer.cut:
        return answer.text
    return answer.text.rpartition("\n")[0] + f"\n[the diff is longer than {max_bytes} bytes; the rest is not shown]\n"


def history(git: GitCommand, mirror: Path, base: str, head: str, max_bytes: int) -> History:
    """Everything that the commits of head which base lacks would publish: each one's own change, and its words.

    Of a merge only what differs from the automatic merge counts (`--remerge-diff`, git 2.35): the rest is base's own.
    Files that git takes for binary are shown as text, since what is searched for may stand in them.
    """
    which = f"{check_sha(base)}..{check_sha(head)}"
    patches = git.run(
        ["log", "--format=", "-p", "-U0", "--text", "--remerge-diff", *_PLAIN_DIFF, which],
        git_dir=mirror,
        limit=max_bytes,
    )
    messages = git.run(["log", "--format=%an <%ae>%n%B", which], git_dir=mirror, limit=max_bytes)
    return History(patches.text, messages.text, patches.cut or messages.cut)


def is_ancestor(git: GitCommand, mirror: Path, old: str, new: str) -> bool:
    """True when `new` contains `old`. A commit that the mirror does not have raises UnknownRevision."""
    answer = git.run(["merge-base", "--is-ancestor", check_sha(old), check_sha(new)], git_dir=mirror, ok=(0, 1, 128))
    if answer.rc == 128:
        raise UnknownRevision(f"{old[:9]} or {new[:9]} is not in the mirror") from CommandFailed(answer.err[:200])
    return answer.rc == 0
