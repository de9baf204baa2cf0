"""Reads files of a commit in the mirror, without a checkout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from integrations.git.command import GitCommand
from integrations.git.places import check_sha
from integrations.git.values import Hit

LARGEST_FILE = 2_000_000
LARGEST_GREP = 2_000_000
LONGEST_LINE = 400


def read_file(git: GitCommand, mirror: Path, sha: str, path: str) -> str | None:
    """A file's text at a commit, cut at 2 MB; None when there is no such file (or it is a directory)."""
    answer = git.run(["cat-file", "blob", f"{check_sha(sha)}:{path}"], git_dir=mirror, ok=(0, 128), limit=LARGEST_FILE)
    return answer.text if answer.rc == 0 else None


def list_files(git: GitCommand, mirror: Path, sha: str) -> tuple[str, ...]:
    """Every file of a commit, submodules left out."""
    rows = git.run(["ls-tree", "-r", "-z", "--full-tree", check_sha(sha)], git_dir=mirror).fields
    return tuple(path for kind, path in (row.split("\t", 1) for row in rows) if " blob " in kind)


def grep(git: GitCommand, mirror: Path, sha: str, words: Sequence[str], limit: int = 200) -> list[Hit]:
    """Lines of text files that hold any of the words, case ignored; at most 20 for each file and `limit` in all."""
    wanted = [word for word in dict.fromkeys(words) if word.strip() and "\n" not in word and "\0" not in word]
    if not wanted:
        return []
    answer = git.run(
        [
            "grep",
            "-I",
            "-n",
            "-i",
            "-F",
            "-z",
            "--full-name",
            "--no-textconv",
            "--no-recurse-submodules",
            "--max-count=20",
        ]
        + [part for word in wanted for part in ("-e", word)]
        + [check_sha(sha), "--"],
        git_dir=mirror,
        ok=(0, 1),
        limit=LARGEST_GREP,
    )
    hits: list[Hit] = []
    for row in answer.text.split("\n"):
        where, _, rest = row.partition("\0")
        number, _, text = rest.partition("\0")
        if number.isdigit():
            hits.append(Hit(where.removeprefix(f"{sha}:"), int(number), text[:LONGEST_LINE]))
    return hits[:limit]
