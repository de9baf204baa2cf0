"""A person's own clone, worked on with the person's own git: their configuration, their keys, their hooks.

Nothing of an agent's runs here, and nothing here is Waggle's: it looks, and changes what a person asked for.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from integrations.git.errors import CommandFailed, GitError, GitMissing, GitTimedOut

_LOCAL_S = 60.0
_NETWORK_S = 300.0


class NotInRepository(GitError):
    """The directory belongs to no repository."""


class CloneDirty(GitError):
    """The person has uncommitted work, which must not be mixed with a task's."""


class CloneDiverged(GitError):
    """The person's branch of that name holds commits that the task's does not."""


@dataclass(frozen=True)
class Clone:
    """A repository with its files, as a person has it.

    Attributes:
        root: the directory at its top.
    """

    root: Path

    @classmethod
    def around(cls, directory: Path) -> Clone:
        """The clone that a directory lies in. Raises NotInRepository, GitMissing."""
        said = _git(directory, ["rev-parse", "--show-toplevel"])
        if said.returncode != 0:
            raise _not_here(directory, _text(said.stderr))
        return cls(Path(os.fsdecode(said.stdout.removesuffix(b"\n"))))

    def remotes(self) -> dict[str, str]:
        """Name to address, as they are written in its configuration."""
        said = self._ask(["config", "--get-regexp", r"^remote\..*\.url$"])
        rows = [line.partition(" ") for line in said.splitlines()]
        found: dict[str, str] = {}
        for key, _, url in rows:
            found.setdefault(key.removeprefix("remote.").removesuffix(".url"), url)
        return found

    def default_branch(self, remote: str) -> str:
        """The branch that the remote's HEAD named when it was cloned; empty when that is not known."""
        prefix = f"refs/remotes/{remote}/"
        head = self._ask(["symbolic-ref", "--quiet", f"{prefix}HEAD"])
        if head:
            return head.removeprefix(prefix)
        there = self._ask(["for-each-ref", "--format=%(refname)", prefix]).splitlines()
        return next((name for name in ("main", "master", "trunk", "develop") if f"{prefix}{name}" in there), "")

    def current_branch(self) -> str:
        """The branch that is checked out, born or not; empty when HEAD is detached."""
        return self._ask(["symbolic-ref", "--quiet", "--short", "HEAD"])

    def has_commits(self) -> bool:
        return bool(self._ask(["rev-list", "--max-count=1", "--all"]))

    def ignores(self, name: str) -> bool:
        """Whether git leaves a file of that name at the top alone."""
        return _git(self.root, ["check-ignore", "--quiet", "--", name]).returncode == 0

    def tracks(self, name: str) -> bool:
        return bool(self._ask(["ls-files", "--", name]))

    def commit_of(self, ref: str) -> str:
        """The commit that a ref names; empty without."""
        return self._ask(["rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"])

    def refuse_dirty(self) -> None:
        """Raise CloneDirty when files that git knows are changed, or a merge or rebase is under way."""
        changed = self._must(["status", "--porcelain", "--untracked-files=no"]).splitlines()
        if changed:
            names = ", ".join(line[3:] for line in changed[:3]) + (" …" if len(changed) > 3 else "")
            raise CloneDirty(
                f"{self.root} is dirty",
                user_message=f"{self.root} has uncommitted changes ({names}). Commit them, or put them aside with "
                "`git stash`, then try again. Nothing was touched.",
            )

    def fetch(self, source: str, refspec: str, *, network: bool) -> None:
        """Bring one ref from a remote or a directory. Raises GitError."""
        patience = _NETWORK_S if network else _LOCAL_S
        self._must(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", source, refspec], patience)

    def switch(self, branch: str, start: str, track: str = "") -> str:
        """Check out `branch`, made at `start` or fast-forwarded to it. Returns the commit.

        Parameters:
            track: the remote-tracking branch that it follows when it is made, such as `origin/topic`.

        Raises CloneDiverged when the branch holds commits that `start` does not.
        """
        mine, wanted = self.commit_of(f"refs/heads/{branch}"), self.commit_of(start)
        if not mine:
            follow = ["--track", track] if track else ["--no-track", wanted]
            self._must(["checkout", "--quiet", "-b", branch, *follow])
            return wanted
        if _git(self.root, ["merge-base", "--is-ancestor", mine, wanted]).returncode == 0:
            self._must(["checkout", "--quiet", branch])
            if mine != wanted:
                self._must(["merge", "--quiet", "--ff-only", wanted])
            return wanted
        if _git(self.root, ["merge-base", "--is-ancestor", wanted, mine]).returncode == 0:
            self._must(["checkout", "--quiet", branch])  # the person is ahead: their own commits on top
            return mine
        raise CloneDiverged(
            f"{branch} has diverged",
            user_message=f"Your own branch {branch} holds commits that the task's does not ({mine[:8]} against "
            f"{wanted[:8]}). Keep it under another name: `git branch -m {branch} {branch}-mine`, then try again.",
        )

    def _ask(self, args: Sequence[str]) -> str:
        """What git says; empty when it has no answer."""
        said = _git(self.root, args)
        return _text(said.stdout).strip() if said.returncode == 0 else ""

    def _must(self, args: Sequence[str], timeout_s: float = _LOCAL_S) -> str:
        said = _git(self.root, args, timeout_s)
        if said.returncode != 0:
            why = _text(said.stderr).strip()
            raise CommandFailed(f"git {args[0]}: {why}", user_message=f"git {args[0]} failed in {self.root}: {why}")
        return _text(said.stdout)


def _git(where: Path, args: Sequence[str], timeout_s: float = _LOCAL_S) -> subprocess.CompletedProcess[bytes]:
    command = ["git", "-c", "core.quotePath=false", "-C", str(where), *args]
    # Its messages are read here, so they are English; nobody is asked for a password behind a program's back.
    env = {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "C", "GIT_TERMINAL_PROMPT": "0"}
    try:
        return subprocess.run(
            command, capture_output=True, timeout=timeout_s, check=False, stdin=subprocess.DEVNULL, env=env
        )
    except FileNotFoundError as missing:
        raise GitMissing() from missing
    except subprocess.TimeoutExpired as late:
        raise GitTimedOut(
            f"git {args[0]} took longer than {timeout_s:g} s",
            user_message=f"git {args[0]} took longer than {timeout_s:g} seconds and was stopped. Try again.",
        ) from late


def _text(said: bytes) -> str:
    return said.decode("utf-8", "replace")


def _not_here(directory: Path, why: str) -> NotInRepository:
    if "dubious ownership" in why:
        cure = (
            f"git does not trust {directory}, which belongs to somebody else: run what it says, then try again.\n{why}"
        )
        return NotInRepository(f"{directory} belongs to somebody else", user_message=cure.strip())
    if "must be run in a work tree" in why:
        cure = f"{directory} lies in a bare repository, which has no files. Clone it, and go there."
        return NotInRepository(f"{directory} is bare", user_message=cure)
    return NotInRepository(
        f"{directory} is in no repository",
        user_message=f"{directory} is in no git repository. Go to the clone of the one that agents shall work on.",
    )
