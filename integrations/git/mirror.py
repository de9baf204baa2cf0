"""The two places of a repository: the mirror, which only the supervisor touches, and the pool beside it."""

from __future__ import annotations

import contextlib
import logging
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from integrations.git import leftover_locks
from integrations.git.command import GitCommand
from integrations.git.errors import CommandFailed, EmptyRepository, NoDefaultBranch, RepositoryBusy, UnknownRevision
from integrations.git.places import Places, check_branch, check_remote
from integrations.git.records import write_whole
from integrations.git.refs import read_branch, read_refs
from integrations.git.values import Remote

log = logging.getLogger(__name__)

FETCH_S = 300.0
#: A first fetch brings the whole history.
FIRST_FETCH_S = 1800.0
#: A default branch hardly ever changes, and every attempt asks for it.
DEFAULT_BRANCH_S = 300.0
#: A directory made for one operation that is older than any operation takes was left by a killed one.
STALE_ROOM_S = 3600.0
#: Where a finished branch is kept in the mirror.
COLLECTED = "refs/waggle/collected/"
#: Written into a mirror when it has been fetched whole for the first time.
_FETCHED = "waggle-fetched"


class Mirrors:
    """Creates, fetches and reads mirrors and pools. The caller holds the repository's lock for what writes."""

    def __init__(self, git: GitCommand, places: Places) -> None:
        self._git = git
        self._places = places
        self._default_branches: dict[str, tuple[str, float]] = {}

    def ensure(self, remote: Remote) -> None:
        """Make both places if they are not there, and fetch once. A half-made one is completed."""
        check_remote(remote)
        mirror, pool = self._places.mirror(remote.slug), self._places.pool(remote.slug)
        if not (mirror / "HEAD").exists():
            self._init(mirror, "[core]\n\tbare = true\n\tlogAllRefUpdates = false\n")
        if not (pool / "HEAD").exists():
            self._init(pool, _pool_config(mirror), alternates=mirror / "objects")
        if not (mirror / _FETCHED).exists():
            self.fetch(remote)

    def fetch(self, remote: Remote) -> None:
        """Bring the mirror's remote branches up to date, and show them to the pool as origin/*.

        Raises EmptyRepository, AuthRefused, NotARepository, Unreachable.
        """
        check_remote(remote)
        mirror = self._places.mirror(remote.slug)
        self.drop_locks(remote.slug)
        self._drop_stale_rooms()
        options = ["--prune", "--no-tags", "--no-auto-maintenance", "--no-write-fetch-head", "--no-recurse-submodules"]
        patience = FETCH_S if (mirror / _FETCHED).exists() else FIRST_FETCH_S
        self._git.talk(["fetch", "--quiet", *options, "origin"], remote, git_dir=mirror, timeout_s=patience)
        branches = self.branches(remote.slug)
        if not branches:
            raise _empty(remote)
        self._show_to_pool(remote.slug, branches)
        (mirror / _FETCHED).touch()

    def drop_locks(self, slug: str) -> None:
        """Remove the locks that killed processes left in the mirror and among what the pool shows of the remote."""
        mirror, pool = self._places.mirror(slug), self._places.pool(slug)
        leftover_locks.drop(leftover_locks.of_mirror(mirror), mirror)
        leftover_locks.drop(leftover_locks.of_pool(pool), pool)

    def default_branch(self, remote: Remote) -> str:
        """Ask the remote which branch its HEAD names; the answer is kept for five minutes.

        Raises EmptyRepository, NoDefaultBranch, and what talking to a remote can raise.
        """
        known = self._default_branches.get(remote.slug)
        if known is not None and time.monotonic() - known[1] < DEFAULT_BRANCH_S:
            return known[0]
        said = self._git.talk(["ls-remote", "--symref", "origin", "HEAD"], check_remote(remote), timeout_s=60).text
        named = re.search(r"^ref: refs/heads/(.+)\tHEAD$", said, re.MULTILINE)
        if named is None or not re.search(r"^[0-9a-f]{40}\tHEAD$", said, re.MULTILINE):
            raise self._why_no_default(remote)
        self._default_branches[remote.slug] = (named[1], time.monotonic())
        return named[1]

    def _why_no_default(self, remote: Remote) -> EmptyRepository | NoDefaultBranch:
        if not self._git.talk(["ls-remote", "--heads", "origin"], remote, timeout_s=60).line:
            return _empty(remote)
        return NoDefaultBranch(
            f"HEAD of {remote.slug} names no branch that exists",
            user_message=f"{remote.slug} has no default branch that exists. Choose one in the repository's "
            "settings, or name a base branch in waggle.toml.",
        )

    def branches(self, slug: str) -> dict[str, str]:
        """The remote's branches as of the last fetch: name to commit."""
        return read_refs(self._places.mirror(slug), "refs/remotes/origin")

    def resolve(self, slug: str, ref: str) -> str:
        """The commit that a remote branch, a full ref or a commit id means in the mirror. Raises UnknownRevision."""
        # What an attempt starts from is nearly always the tip of a branch, and no process need be started to see that.
        tips = self.branches(slug)
        if re.fullmatch(r"[0-9a-f]{40}", ref):
            if ref in tips.values():
                return ref
        elif ref in tips and not re.fullmatch(r"[0-9a-f]{7,40}", ref):
            return tips[ref]
        if ref.startswith("refs/"):
            candidates = [ref]
        else:
            candidates = [f"refs/remotes/origin/{check_branch(ref)}"]
            if re.fullmatch(r"[0-9a-f]{7,40}", ref):
                candidates.insert(0, ref)
        for candidate in candidates:
            found = self._git.run(
                ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{candidate}^{{commit}}"],
                git_dir=self._places.mirror(slug),
                ok=(0, 1, 128),
            )
            if found.rc == 0:
                return found.line.splitlines()[-1]
        raise UnknownRevision(
            f"{slug} has no {ref}",
            user_message=f"{slug} has no branch or commit {ref}, as of the last fetch.",
        )

    def collect(self, slug: str, branch: str, sha: str | None = None) -> str:
        """Bring a finished branch from the pool into the mirror, at refs/waggle/collected/<branch>.

        Parameters:
            sha: the commit to collect instead of the branch's, for a workspace whose HEAD is elsewhere.

        Raises UnknownRevision when the pool has no such branch, UnsafeObjects when git's check refuses a commit in it.
        """
        tip = sha or read_branch(self._places.pool(slug), check_branch(branch))
        if tip is None:
            raise UnknownRevision(f"the pool of {slug} has no branch {branch}")
        self.bring(slug, [tip], strict=True)
        self.set_ref(slug, f"{COLLECTED}{branch}", tip)
        return tip

    def bring(self, slug: str, tips: Sequence[str], *, strict: bool) -> None:
        """Copy the objects of `tips` from the pool into the mirror.

        Parameters:
            strict: also hold each object against git's own check of what could do harm. What is only kept, and never
                published, need not pass it.

        Not `git fetch <pool>`: that would start `git upload-pack` in the pool, which reads the pool's configuration
        and drops our settings from its environment (`local_repo_env` in git's connect.c).
        """
        mirror = self._places.mirror(slug)
        known = self._git.run(["for-each-ref", "--format=^%(objectname)"], git_dir=mirror).text.split()
        wanted = "\n".join([*tips, *dict.fromkeys(known), ""])
        (self._places.home / "tmp").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self._places.home / "tmp") as pack:
            self._git.run(
                ["pack-objects", "--revs", "--thin", "--stdout", "--quiet", "--delta-base-offset"],
                git_dir=mirror,
                env=self.with_pool(slug),
                stdin=wanted.encode(),
                into=pack,
                timeout_s=FETCH_S,
            )
            pack.seek(0)
            checked = ["--strict"] if strict else []
            self._git.run(
                ["index-pack", "--stdin", "--fix-thin", *checked], git_dir=mirror, stdin=pack, timeout_s=FETCH_S
            )

    def set_ref(self, slug: str, ref: str, sha: str) -> None:
        self._git.run(["update-ref", "--no-deref", ref, sha], git_dir=self._places.mirror(slug))

    def with_pool(self, slug: str) -> dict[str, str]:
        """Environment in which the mirror also sees the pool's objects, and nothing else of it."""
        return {"GIT_ALTERNATE_OBJECT_DIRECTORIES": str(self._places.pool(slug) / "objects")}

    def _init(self, where: Path, config: str, alternates: Path | None = None) -> None:
        """Make a bare repository beside its place and rename it there, so that a killed start leaves no half of one."""
        where.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=where.parent, prefix=".new-") as made:
            fresh = Path(made) / "repository.git"
            self._git.run(["init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(fresh)])
            write_whole(fresh / "config", "[core]\n\trepositoryformatversion = 0\n[gc]\n\tauto = 0\n" + config)
            if alternates is not None:
                write_whole(fresh / "objects" / "info" / "alternates", f"{alternates}\n")
            if where.exists():
                shutil.rmtree(where)
            fresh.rename(where)

    def _show_to_pool(self, slug: str, branches: dict[str, str]) -> None:
        """Let agents see the base branches as origin/*; the objects are borrowed, so only names are written."""
        pool = self._places.pool(slug)
        had = read_refs(pool, "refs/remotes/origin")
        edits = [f"delete refs/remotes/origin/{name}\0\0" for name in had if name not in branches]
        edits += [
            f"update refs/remotes/origin/{name}\0{sha}\0\0" for name, sha in branches.items() if had.get(name) != sha
        ]
        if not edits:
            return
        try:
            self._git.run(["update-ref", "--no-deref", "-z", "--stdin"], git_dir=pool, stdin="".join(edits).encode())
        except (CommandFailed, RepositoryBusy) as refused:
            # An agent's own refs can stand in the way (a branch origin/a against origin/a/b). The names are a
            # convenience for agents, made good by the next fetch; everything of ours reads the mirror.
            log.warning("git: origin/* of the pool of %s not updated: %s", slug, refused)

    def _drop_stale_rooms(self) -> None:
        """Remove what a killed Waggle could not: shadows of workspaces, halves of repositories."""
        home = self._places.home
        for room in [*(home / "tmp").glob("shadow-*"), *home.glob("mirrors/.new-*"), *home.glob("pool/.new-*")]:
            with contextlib.suppress(FileNotFoundError):  # its owner lived, and removed it in this moment
                if time.time() - room.stat().st_mtime > STALE_ROOM_S:
                    log.warning("git: removed %s, left by a killed Waggle", room)
                    shutil.rmtree(room, ignore_errors=True)


def _empty(remote: Remote) -> EmptyRepository:
    return EmptyRepository(
        f"{remote.slug} has no branch",
        user_message=f"{remote.slug} is empty: it has no commit. Push a first commit to its default branch.",
    )


def _pool_config(mirror: Path) -> str:
    """Agents fetch from the mirror, which needs no credential, and cannot push: the supervisor does that."""
    return f"""[core]
\tbare = true
\tlogAllRefUpdates = true
[maintenance]
\tauto = false
[user]
\tname = waggle
\temail = waggle@localhost
[remote "origin"]
\turl = {mirror}
\tpushurl = /dev/null
\tfetch = +refs/remotes/origin/*:refs/remotes/origin/*
"""
