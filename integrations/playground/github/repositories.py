"""Real bare repositories under `place.home/github/OWNER/NAME.git`, and what the stand-in asks of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from integrations.playground.github.diffs import FileChange, read_changes
from integrations.playground.github.git import git

SHA = re.compile(r"[0-9a-f]{40}\Z")
SLUG = re.compile(r"[A-Za-z0-9][\w.-]{0,99}/[A-Za-z0-9][\w.-]{0,99}\Z", re.ASCII)
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  #: what git calls the tree without files
_KEPT_DIFFS = 200

# The bot may not push to the default branch: on GitHub a branch rule says so, here a hook. People may, as admins may.
_UPDATE_HOOK = """#!/bin/sh
if [ "$REMOTE_USER" = waggle-bot ] && [ "$1" = "$(git symbolic-ref HEAD)" ]; then
  echo "error: GH006: Protected branch update failed for $1." >&2
  echo "error: Changes must be made through a pull request." >&2
  exit 1
fi
"""


# Nothing is ever pruned; refs/pull/… can be fetched but not pushed; any commit can be fetched by its name.
_CONFIG = """[gc]
\tauto = 0
[receive]
\tautogc = false
\tfsckObjects = true
\thideRefs = refs/pull
[uploadpack]
\tallowAnySHA1InWant = true
"""


@dataclass(frozen=True)
class Commit:
    sha: str
    tree: str
    parents: tuple[str, ...]
    author: str
    author_email: str
    authored_at: float
    committer: str
    committer_email: str
    committed_at: float
    message: str

    @property
    def subject(self) -> str:
        return self.message.partition("\n")[0]


@dataclass(frozen=True)
class Merged:
    """What `git merge-tree` says: the tree that a merge would have, or the files that conflict."""

    tree: str
    conflicts: tuple[str, ...]

    @property
    def clean(self) -> bool:
        return not self.conflicts


_COMMIT_FORMAT = "%x1e%H%x1f%T%x1f%P%x1f%an%x1f%ae%x1f%at%x1f%cn%x1f%ce%x1f%ct%x1f%B"


def _read_commits(text: str) -> list[Commit]:
    commits = []
    for entry in text.split("\x1e")[1:]:
        sha, tree, parents, an, ae, at, cn, ce, ct, message = entry.split("\x1f", 9)
        commits.append(
            Commit(sha, tree, tuple(parents.split()), an, ae, float(at), cn, ce, float(ct), message.rstrip("\n"))
        )
    return commits


class BareRepository:
    """One bare repository. Objects are never pruned, so that heads which a force push left behind stay readable."""

    def __init__(self, slug: str, path: Path) -> None:
        self.slug = slug
        self.path = path
        self._diffs: dict[tuple[str, str], tuple[FileChange, ...]] = {}

    @cached_property
    def lock(self) -> asyncio.Lock:
        """Held while refs are compared with what is remembered, and while a merge moves a branch."""
        return asyncio.Lock()

    async def create(self, default_branch: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        await git(self.path, "init", "-q", "--bare", f"--initial-branch={default_branch}", str(self.path))
        with (self.path / "config").open("a", encoding="utf-8") as config:
            config.write(_CONFIG)
        hook = self.path / "hooks" / "update"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(_UPDATE_HOOK)
        hook.chmod(0o755)

    async def branches(self) -> dict[str, str]:
        answer = await git(self.path, "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads/")
        pairs = (line.rsplit(" ", 1) for line in answer.text.splitlines())
        return {name.removeprefix("refs/heads/"): sha for name, sha in pairs}

    async def resolve(self, rev: str) -> str | None:
        """The commit that a branch name, ref or sha names; None when there is none."""
        if not rev or rev.startswith("-"):
            return None
        answer = await git(
            self.path, "rev-parse", "-q", "--verify", "--end-of-options", f"{rev}^{{commit}}", expect=(0, 1, 128)
        )
        found = answer.text.strip()
        return found if answer.rc == 0 and SHA.match(found) else None

    async def is_ancestor(self, older: str, newer: str) -> bool:
        return (await git(self.path, "merge-base", "--is-ancestor", older, newer, expect=(0, 1, 128))).rc == 0

    async def merge_base(self, one: str, other: str) -> str | None:
        answer = await git(self.path, "merge-base", one, other, expect=(0, 1))
        return answer.text.strip() or None

    async def merge_tree(self, ours: str, theirs: str) -> Merged:
        answer = await git(self.path, "merge-tree", "--write-tree", "--name-only", "-z", ours, theirs, expect=(0, 1))
        tree, _, rest = answer.text.partition("\0")
        if not SHA.match(tree):
            return Merged("", ("(the two have no history in common)",))
        # After the tree come the conflicted paths, an empty field, then messages.
        names = rest.split("\0\0", 1)[0] if answer.rc else ""
        return Merged(tree, tuple(dict.fromkeys(name for name in names.split("\0") if name)))

    async def ahead_behind(self, base: str, head: str) -> tuple[int, int]:
        answer = await git(self.path, "rev-list", "--left-right", "--count", f"{base}...{head}")
        behind, ahead = answer.text.split()
        return int(ahead), int(behind)

    async def commits(self, *revs: str, limit: int = 250, newest_first: bool = False) -> list[Commit]:
        order = [] if newest_first else ["--reverse"]
        answer = await git(
            self.path, "log", f"--format={_COMMIT_FORMAT}", "-n", str(limit), "--topo-order", *order, *revs, "--"
        )
        return _read_commits(answer.text)

    async def commit(self, sha: str) -> Commit | None:
        if await self.resolve(sha) is None:
            return None
        return (await self.commits(sha, limit=1))[0]

    async def changes(self, old: str, new: str) -> tuple[FileChange, ...]:
        """The files that differ between two commits, with patches as `git diff -U3` prints them."""
        key = (old, new)
        if key not in self._diffs:
            answer = await git(
                self.path, "diff", "--no-ext-diff", "--no-textconv", "--no-color", "-M", "-U3", "--full-index", old, new
            )
            if len(self._diffs) >= _KEPT_DIFFS:
                self._diffs.pop(next(iter(self._diffs)))
            self._diffs[key] = tuple(read_changes(answer.text))
        return self._diffs[key]

    async def diff_text(self, old: str, new: str) -> str:
        return (await git(self.path, "diff", "--no-ext-diff", "--no-textconv", "--no-color", old, new)).text

    async def read(self, sha: str, path: str) -> bytes | None:
        """A file's bytes at a commit; None when there is no such file."""
        kind = await git(self.path, "cat-file", "-t", f"{sha}:{path}", expect=(0, 128))
        if kind.text.strip() != "blob":
            return None
        return (await git(self.path, "cat-file", "blob", f"{sha}:{path}")).out

    async def write_commit(
        self, tree: str, parents: Sequence[str], message: str, *, author: str, committer: str, at: float
    ) -> str:
        moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
        who = {
            "GIT_AUTHOR_NAME": author,
            "GIT_AUTHOR_EMAIL": f"{author}@users.noreply.github.test",
            "GIT_AUTHOR_DATE": moment,
            "GIT_COMMITTER_NAME": committer,
            "GIT_COMMITTER_EMAIL": f"{committer}@users.noreply.github.test",
            "GIT_COMMITTER_DATE": moment,
        }
        args = [arg for parent in parents for arg in ("-p", parent)]
        answer = await git(self.path, "commit-tree", *args, tree, stdin=message.encode(), env=who)
        return answer.text.strip()

    async def write_tree(self, base: str | None, files: Mapping[str, bytes | None], scratch: Path) -> str:
        """The tree of a commit with some files written, or removed where the value is None.

        Parameters:
            scratch: an empty directory, for git's index.
        """
        index = {"GIT_INDEX_FILE": str(scratch / "index")}
        if base is not None:
            await git(self.path, "read-tree", base, env=index)
        lines = []
        for path, content in files.items():
            if content is None:
                lines.append(f"0 {'0' * 40}\t{path}")
                continue
            blob = await git(self.path, "hash-object", "-w", "--stdin", stdin=content)
            lines.append(f"100644 {blob.text.strip()}\t{path}")
        await git(self.path, "update-index", "--index-info", stdin=("\n".join(lines) + "\n").encode(), env=index)
        return (await git(self.path, "write-tree", env=index)).text.strip()

    async def move(self, ref: str, sha: str, expected: str | None = None) -> bool:
        """Point a ref at a commit; False when it was not at `expected` any more ("" = must not exist)."""
        old = [] if expected is None else [expected or "0" * 40]
        return (await git(self.path, "update-ref", ref, sha, *old, expect=(0, 1, 128))).rc == 0

    async def delete(self, ref: str) -> bool:
        if (await git(self.path, "show-ref", "-q", "--verify", ref, expect=(0, 1))).rc:
            return False
        await git(self.path, "update-ref", "-d", ref)
        return True

    async def check_out(self, sha: str, target: Path) -> None:
        """Write a commit's files into an empty directory, without a `.git` in it."""
        index = {"GIT_INDEX_FILE": str(target.with_name(target.name + ".index"))}
        await git(self.path, "read-tree", sha, env=index)
        await git(
            self.path, "-c", "core.bare=false", "--work-tree", str(target), "checkout-index", "-q", "-a", env=index
        )


class Repositories:
    """Finds bare repositories by `owner/name`.

    Parameters:
        root: the directory that holds `OWNER/NAME.git`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._open: dict[str, BareRepository] = {}

    def __getitem__(self, slug: str) -> BareRepository:
        if slug not in self._open:
            if not SLUG.match(slug):
                raise KeyError(slug)
            self._open[slug] = BareRepository(slug, self.root / f"{slug}.git")
        return self._open[slug]
