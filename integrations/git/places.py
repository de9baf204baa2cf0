"""Where everything of git lives under Waggle's home, and which names are allowed there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from integrations.git.errors import BadName, OutsideWorkspaces
from integrations.git.values import Remote

#: GitHub's own rule; an owner's one underscore stands before the short code of an enterprise. It holds no `__`, so that
#: the flat name of a mirror is read in one way only.
_SLUG = re.compile(r"(?=.{3,200}$)[A-Za-z0-9][A-Za-z0-9-]*(?:_[A-Za-z0-9-]*[A-Za-z0-9])?/[A-Za-z0-9._-]{1,100}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHA = re.compile(r"[0-9a-f]{40}")
#: What `git check-ref-format` forbids, plus a leading dash, which git would read as an option.
_BAD_IN_BRANCH = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|(^|/)\.|\.lock(/|$)|[./]$|^[-/]|^@$")


@dataclass(frozen=True)
class Places:
    """The directories of one home. `home` is resolved once, so that symbolic links above it do not matter later."""

    home: Path

    @classmethod
    def under(cls, home: Path) -> Places:
        return cls(home.resolve())

    @property
    def work(self) -> Path:
        """The workspace root: every workspace is a direct child of it."""
        return self.home / "work"

    def mirror(self, slug: str) -> Path:
        """Only the supervisor reads and writes here."""
        return self.home / "mirrors" / f"{_flat(slug)}.git"

    def slugs(self) -> list[str]:
        """Every repository that has a mirror here."""
        flat = (one.name.removesuffix(".git") for one in (self.home / "mirrors").glob("*.git"))
        return sorted(name.replace("__", "/", 1) for name in flat if "__" in name)

    def pool(self, slug: str) -> Path:
        """Agents can write here: it is the common directory of their worktrees."""
        return self.home / "pool" / f"{_flat(slug)}.git"

    def caches(self, slug: str) -> Path:
        """What package managers downloaded for the repository's workspaces; it may be deleted at any time."""
        return self.home / "caches" / _flat(slug)

    def lock(self, slug: str) -> Path:
        return self.home / "locks" / f"{_flat(slug)}.lock"

    def workspace_lock(self, name: str) -> Path:
        self.workspace(name)
        return self.home / "locks" / f"workspace-{name}.lock"

    def workspace(self, name: str) -> Path:
        """The path of a workspace. Raises BadName for a name that could lead out of the workspace root."""
        if not _NAME.fullmatch(name) or ".." in name:
            raise BadName(f"{name!r} cannot be a workspace's name")
        return self.work / name

    def record(self, name: str) -> Path:
        self.workspace(name)
        return self.home / "workspaces" / f"{name}.json"

    def admin(self, slug: str, name: str) -> Path:
        """The pool's directory for one worktree: HEAD, index, state of a rebase."""
        self.workspace(name)
        return self.pool(slug) / "worktrees" / name

    def name_of(self, path: Path) -> str:
        """The workspace's name for its path.

        Raises OutsideWorkspaces for anything but a real direct child of the workspace root.
        """
        whole = Path(path).absolute()
        if whole.parent.resolve() != self.work or whole.is_symlink() or not _NAME.fullmatch(whole.name):
            raise OutsideWorkspaces(f"{path} is not a workspace under {self.work}; it was not touched")
        return whole.name


def check_branch(branch: str) -> str:
    """The branch's name, if git would take it and it cannot be read as an option. Raises BadName."""
    if not branch or len(branch.encode()) > 200 or _BAD_IN_BRANCH.search(branch):
        raise BadName(f"{branch!r} cannot be a branch's name")
    return branch


def check_sha(sha: str) -> str:
    """A full commit id. Raises BadName: a name means something else in each place, a commit is the same in all."""
    if not _SHA.fullmatch(sha):
        raise BadName(f"{sha!r} is not a full commit id")
    return sha


def check_remote(remote: Remote) -> Remote:
    """The remote, if its address is of a kind that Waggle talks to and holds no credential. Raises BadName."""
    _flat(remote.slug)
    url = remote.url
    parts = urlsplit(url) if "://" in url else None
    scp = re.fullmatch(r"[A-Za-z0-9_.-]+@[A-Za-z0-9.-]+:[^-].*", url)
    if parts is not None:
        known = parts.scheme in ("https", "http", "ssh", "file") and not (parts.hostname or "").startswith("-")
        secret = parts.password is not None or (parts.scheme.startswith("http") and parts.username is not None)
        if secret:
            raise BadName(
                f"the address of {remote.slug} holds a credential",
                user_message=f"Take the credential out of the address of {remote.slug} and put it into GITHUB_TOKEN: "
                "git would write it where agents can read it.",
            )
    else:
        known = scp is not None or Path(url).is_absolute()
    if not known or any(ord(char) < 33 for char in url):
        raise BadName(f"{url!r} is not an address that git is given; use https, ssh or an absolute path")
    return remote


def is_slug(text: str) -> bool:
    """Whether it is a repository's name, owner/name, as GitHub allows them: letters, digits and `.`, `_`, `-`."""
    return _SLUG.fullmatch(text) is not None and text.split("/")[1] not in (".", "..")


def _flat(slug: str) -> str:
    if not is_slug(slug):
        raise BadName(f"{slug!r} is not of the form owner/name")
    return slug.replace("/", "__")
