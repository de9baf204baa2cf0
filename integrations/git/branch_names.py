"""Whether a branch's name is free beside others, and which name is. Pure.

Two names are in each other's way when they differ by case alone (a checkout on macOS or Windows keeps one of them),
and when one is a folder of the other: git keeps `a` and `a/b` as a file and a directory of the same name.
"""

from __future__ import annotations

from collections.abc import Iterable


def in_the_way(branch: str, others: Iterable[str]) -> str | None:
    """The first of the other branches beside which `branch` cannot be made; None when it is free."""
    folded = branch.casefold()
    for other in others:
        theirs = other.casefold()
        if theirs == folded or folded.startswith(f"{theirs}/") or theirs.startswith(f"{folded}/"):
            return other
    return None


def free_name(branch: str, others: Iterable[str]) -> str:
    """A name like `branch` that no other branch is in the way of: numbered, and without folders if one of them is."""
    taken = list(others)
    folders = {branch[:at].casefold() for at, char in enumerate(branch) if char == "/"}
    if any(one.casefold() in folders for one in taken):
        branch = branch.replace("/", "-")
    if in_the_way(branch, taken) is None:
        return branch
    number = 2
    while in_the_way(f"{branch}-{number}", taken) is not None:
        number += 1
    return f"{branch}-{number}"
