"""What crosses the door of the git room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True)
class Remote:
    """A repository elsewhere.

    Attributes:
        slug: "owner/name".
        url: where git finds it (https, http, ssh, or a path); never with a credential in it.
        token: gives the credential when it is needed, so that a refreshed one is used; None for ssh and paths.
    """

    slug: str
    url: str
    token: Callable[[], str] | None = None


@dataclass(frozen=True)
class Worktree:
    """A task's workspace on disk.

    Attributes:
        name: the workspace's name, unique over all repositories.
        base_sha: the commit it was started from.
        ready: its files are all there. False only while it is made, or after a crash in the middle of it.
    """

    path: Path
    branch: str
    base_sha: str
    name: str = ""
    slug: str = ""
    ready: bool = True


@dataclass(frozen=True)
class Rescued:
    """Work that was saved before its workspace went.

    Attributes:
        ref: below refs/waggle/rescue/, in the mirror.
        at: when it was saved.
    """

    ref: str
    sha: str
    at: datetime

    @property
    def workspace(self) -> str:
        """The name of the workspace that it lay in, such as `t-12`."""
        return self.ref.split("/")[3]

    @property
    def label(self) -> str:
        """What tells it from the others of its workspace: the attempt's number, or why it was saved."""
        return self.ref.split("/", 4)[4]


@dataclass(frozen=True)
class MergeCheck:
    """Whether two commits merge without a conflict, and the files that conflict if not."""

    clean: bool
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class History:
    """What a range of commits would publish: their changes and their words. `cut` when there is more of either."""

    patches: str
    messages: str
    cut: bool = False


@dataclass(frozen=True)
class Hit:
    """A line of a file that holds a searched word; `line` counts from 1."""

    path: str
    line: int
    text: str
