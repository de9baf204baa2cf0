"""A branch beside the code: files that belong to no version of it, such as pictures for a pull request.

Its commits share nothing with the code's, are made in the mirror without a checkout, and only ever add files.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from integrations.git.command import GitCommand
from integrations.git.errors import BadName
from integrations.git.places import Places, check_sha

_PATH = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]*/)*[A-Za-z0-9][A-Za-z0-9._-]*")


def commit_files(
    git: GitCommand, places: Places, slug: str, parent: str | None, files: Mapping[str, bytes], message: str
) -> str:
    """A commit that holds the parent's files and these. The parent itself when it holds all of them already."""
    mirror = places.mirror(slug)
    (places.home / "tmp").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=places.home / "tmp", prefix="side-branch-") as room:
        env = {"GIT_INDEX_FILE": str(Path(room) / "index")}
        start = ["read-tree", check_sha(parent)] if parent else ["read-tree", "--empty"]
        git.run(start, git_dir=mirror, env=env)
        rows = []
        for path, content in sorted(files.items()):
            if not _PATH.fullmatch(path):
                raise BadName(f"{path!r} cannot be a file's name here")
            blob = git.run(["hash-object", "-w", "--stdin"], git_dir=mirror, stdin=content).line
            rows.append(f"100644 {blob}\t{path}\0")
        git.run(
            ["update-index", "-z", "--add", "--replace", "--index-info"],
            git_dir=mirror,
            env=env,
            stdin="".join(rows).encode(),
        )
        tree = git.run(["write-tree"], git_dir=mirror, env=env).line
    if parent and git.run(["rev-parse", "--verify", f"{parent}^{{tree}}"], git_dir=mirror).line == tree:
        return parent
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in _WAGGLE.items()}
    parents = ["-p", parent] if parent else []
    made = git.run(
        ["commit-tree", tree, *parents, "-F", "-"], git_dir=mirror, env=who, stdin=f"{message.strip()}\n".encode()
    )
    return made.line


_WAGGLE = {"NAME": "waggle", "EMAIL": "waggle@localhost"}
