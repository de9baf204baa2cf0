"""Moves branches on the remote. Only commits of the mirror are pushed, and only with a lease."""

from __future__ import annotations

import re

from integrations.git.branch_names import free_name, in_the_way
from integrations.git.command import GitCommand
from integrations.git.errors import BranchTaken, PushRejected, UnknownRevision
from integrations.git.mirror import Mirrors
from integrations.git.places import Places, check_branch, check_remote, check_sha
from integrations.git.refs import list_branches
from integrations.git.values import Remote

PUSH_S = 300.0


class Push:
    """Pushes and deletes remote branches."""

    def __init__(self, git: GitCommand, places: Places, mirrors: Mirrors) -> None:
        self._git = git
        self._places = places
        self._mirrors = mirrors

    def push(self, remote: Remote, sha: str, branch: str, expected_old: str | None) -> None:
        """Move the remote's branch to `sha`; nothing happens when it is there already."""
        lease = check_sha(expected_old) if expected_old else ""
        self._mirrors.resolve(remote.slug, check_sha(sha))
        try:
            self._send(remote, f"{sha}:refs/heads/{check_branch(branch)}", f"refs/heads/{branch}:{lease}")
        except PushRejected as refused:
            now = self.remote_commit(remote, branch)
            if now == sha:
                return
            if expected_old is None:
                there = self._branches(remote)
                other = in_the_way(branch, sorted(there, key=lambda name: name != branch))
                if other is not None:
                    taken = [*there, *list_branches(self._places.pool(remote.slug))]
                    raise BranchTaken(branch, free_name(branch, taken), f"in {remote.slug}", other) from refused
            raise

    def delete(self, remote: Remote, branch: str, expected: str) -> None:
        """Delete the remote's branch if it still is at `expected`; nothing happens when it is gone already."""
        try:
            self._send(remote, f":refs/heads/{check_branch(branch)}", f"refs/heads/{branch}:{check_sha(expected)}")
        except PushRejected:
            if self.remote_commit(remote, branch) is not None:
                raise
            # As a push that deletes it does: what the mirror shows must not look like something to tidy up.
            shown = ["update-ref", "--no-deref", "-d", f"refs/remotes/origin/{branch}"]
            self._git.run(shown, git_dir=self._places.mirror(remote.slug), ok=(0, 1, 128))

    def remote_commit(self, remote: Remote, branch: str) -> str | None:
        """Where the remote's branch is now, asked over the network; None when there is no such branch."""
        said = self._git.talk(
            ["ls-remote", "origin", f"refs/heads/{branch}"], remote, git_dir=self._places.mirror(remote.slug)
        ).text
        found = re.search(rf"^([0-9a-f]{{40}})\trefs/heads/{re.escape(branch)}$", said, re.MULTILINE)
        return found[1] if found else None

    def _send(self, remote: Remote, refspec: str, lease: str) -> None:
        check_remote(remote)
        mirror = self._places.mirror(remote.slug)
        if not mirror.exists():
            raise UnknownRevision(f"{remote.slug} has no mirror yet")
        self._git.talk(
            ["push", "--quiet", "--no-verify", "--no-signed", f"--force-with-lease={lease}", "origin", refspec],
            remote,
            git_dir=mirror,
            timeout_s=PUSH_S,
        )

    def _branches(self, remote: Remote) -> list[str]:
        """The remote's branches now, asked over the network."""
        said = self._git.talk(["ls-remote", "--heads", "origin"], remote, git_dir=self._places.mirror(remote.slug)).text
        return re.findall(r"^[0-9a-f]{40}\trefs/heads/(.+)$", said, re.MULTILINE)
