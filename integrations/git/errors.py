"""Everything that git can refuse, and what a person can do about it.

    GitError
    ├── GitMissing, GitTooOld                       the machine
    ├── BadName, OutsideWorkspaces                  refused before git is asked
    ├── CloneFailed                                 the remote
    │   ├── AuthRefused, NotARepository, Unreachable
    │   └── EmptyRepository, NoDefaultBranch
    ├── PushRejected ── BranchTaken, WorkflowPushRefused
    ├── UnknownRevision, NotAWorkspace, WorkInProgress, DetachedHead
    ├── NotIncluded                                 a file of the owner's that should come into a workspace
    ├── UnsafeObjects                               what an agent committed
    └── GitTimedOut, RepositoryBusy, DiskFull, CommandFailed

git has no error codes: what it means is read from its English messages here, once, and nowhere else
(the runner sets LC_ALL=C).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from integrations.fault import IntegrationError
from integrations.redact import redact


class GitError(IntegrationError):
    """Any failure of a git command or of a rule around it."""


class GitMissing(GitError):
    def __init__(self) -> None:
        super().__init__("git is not on the PATH", user_message="git is not installed. Install git 2.38 or newer.")


class GitTooOld(GitError):
    def __init__(self, found: str) -> None:
        super().__init__(
            f"git {found} is older than 2.38",
            user_message=f"git {found} is too old: `git merge-tree --write-tree` needs git 2.38 or newer. Update git.",
        )


class BadName(GitError):
    """A branch, workspace, repository or address that Waggle does not hand to git."""


class OutsideWorkspaces(GitError):
    """A path that is not a direct child of the workspace root. Nothing was touched."""


class NotIncluded(GitError):
    """A file that is not in git cannot be brought into a workspace.

    Parameters:
        name: the file, as `include` in waggle.toml names it.
    """

    def __init__(self, name: str, why: str, cure: str) -> None:
        super().__init__(f"{name} {why}", user_message=f"`{name}` of `include` in waggle.toml {why}. {cure}")


class CloneFailed(GitError):
    """The remote could not be read; the subclasses say why, where git said so."""


class AuthRefused(CloneFailed):
    """The remote did not accept the credential, or there was none."""


class NotARepository(CloneFailed):
    """There is no repository at the address, or the credential may not see it."""


class Unreachable(CloneFailed):
    """The remote did not answer; worth another try later."""


class EmptyRepository(CloneFailed):
    """The repository has no commit yet."""


class NoDefaultBranch(CloneFailed):
    """The remote's HEAD names a branch that does not exist."""


class PushRejected(GitError):
    """The remote refused the push: its branch moved, or a rule there forbids it."""


class BranchTaken(PushRejected):
    """Somebody else has a branch of this name, or one beside which it cannot be made.

    Attributes:
        free_name: a name that was free when this was raised.
    """

    def __init__(self, branch: str, free_name: str, where: str, other: str = "") -> None:
        beside = f", beside which there can be no {branch}," if other not in {"", branch} else ""
        super().__init__(
            f"branch {other or branch} exists already {where}",
            user_message=f"A branch named {other or branch} exists already {where}{beside} and is not this task's. "
            f"Rename or delete it there; {free_name} is free.",
        )
        self.free_name = free_name


class WorkflowPushRefused(PushRejected):
    """The credential may not change files under .github/workflows."""


class UnknownRevision(GitError):
    """No such commit, branch or file in the mirror."""


class NotAWorkspace(GitError):
    """The path is no workspace that Waggle made."""


class WorkInProgress(GitError):
    """A rebase, merge, cherry-pick or bisect is unfinished in the workspace."""


class UnsafeObjects(GitError):
    """A commit holds something that git's own check refuses, such as a submodule that would run a command."""


class DetachedHead(GitError):
    """The workspace is on no branch, so there is nothing to commit onto."""


class GitTimedOut(GitError):
    """The command was killed when its time was up."""


class RepositoryBusy(GitError):
    """Another thread or process held the repository's lock for too long."""


class DiskFull(GitError):
    """No space is left for git's files."""


class CommandFailed(GitError):
    """git failed in a way that has no name here; the message holds the end of what it printed."""


_AUTH = re.compile(
    r"authentication failed|could not read (username|password)|returned error: 40[13]|permission denied|"
    r"invalid credentials|terminal prompts disabled|access denied|write access to repository not granted",
    re.IGNORECASE,
)
_ABSENT = re.compile(
    r"repository .*not found|not found: |does not appear to be a git repository|returned error: 404|"
    r"does not exist|repository not exported|not valid: is this a git repository",
    re.IGNORECASE,
)
_NETWORK = re.compile(
    r"could not resolve|failed to connect|couldn't connect|connection (refused|reset|timed out|closed)|"
    r"network is unreachable|early eof|rpc failed|the remote end hung up|returned error: (429|5\d\d)|"
    r"unable to access|operation too slow|unexpected disconnect|no route to host|empty reply",
    re.IGNORECASE,
)
_STALE = re.compile(
    r"stale info|non-fast-forward|fetch first|cannot lock ref|reference already exists|incorrect old value",
    re.IGNORECASE,
)
_LOCKED = re.compile(r"unable to create '.*\.lock': file exists", re.IGNORECASE)
_WORKFLOW = re.compile(r"refusing to allow .* (create or update|to update) workflow", re.IGNORECASE)


def transport_error(stderr: str, address: str) -> GitError:
    """Name the failure of a command that talked to a remote.

    Parameters:
        stderr: what git printed.
        address: the remote's address, for the message.
    """
    said = last_lines(stderr)
    if "No space left on device" in stderr:
        return disk_full(said)
    if _LOCKED.search(stderr):
        return RepositoryBusy(said, retryable=True)
    if _WORKFLOW.search(stderr):
        return WorkflowPushRefused(
            said,
            user_message="GitHub refused the push because it changes a workflow file. Give the token the `workflow` "
            "scope (or the App `workflows: write`), or leave .github/workflows out of the task.",
        )
    if _AUTH.search(stderr):
        return AuthRefused(
            said,
            user_message=f"{address} refused the credential. Check that GITHUB_TOKEN is valid and may read and write "
            "the contents of this repository.",
        )
    if _STALE.search(stderr) or "[rejected]" in stderr or "[remote rejected]" in stderr:
        return PushRejected(said, user_message=f"{address} refused the push: {said}")
    if _ABSENT.search(stderr):
        return NotARepository(
            said,
            user_message=f"There is no repository at {address}, or the credential may not see it. Check the name in "
            "waggle.toml and the token's repository access.",
        )
    if _NETWORK.search(stderr):
        return Unreachable(said, retryable=True, user_message=f"{address} cannot be reached: {said}")
    return CloneFailed(said, retryable=True, user_message=f"git could not talk to {address}: {said}")


def command_error(args: Sequence[str], rc: int, stderr: str) -> GitError:
    """Name the failure of a command that stayed on this machine."""
    said = last_lines(stderr) or f"git {args[0]} ended with status {rc}"
    if "No space left on device" in stderr:
        return disk_full(said)
    if _LOCKED.search(stderr):
        return RepositoryBusy(f"git {args[0]}: {said}", retryable=True)
    if "fsck error" in stderr:
        return UnsafeObjects(
            said, user_message=f"The branch holds something that git refuses to take over: {said}. Look at it by hand."
        )
    if re.search(r"bad (object|revision)|unknown revision|not a valid (object|commit)|invalid object", stderr, re.I):
        return UnknownRevision(said)
    return CommandFailed(f"git {args[0]}: {said}")


def disk_full(said: str) -> DiskFull:
    return DiskFull(said, user_message="The disk is full: git could not write. Free some space; Waggle tries again.")


def last_lines(stderr: str, lines: int = 4) -> str:
    """The end of what git printed, on one line, without progress noise or secrets."""
    kept = [line.strip() for line in stderr.replace("\r", "\n").split("\n") if line.strip()]
    meant = [line for line in kept if line.startswith(("fatal:", "error:", "remote:", "!"))] or kept
    return redact("; ".join(meant[-lines:]))[:600]
