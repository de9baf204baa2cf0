"""Waggle's own state: its home, the disk beneath it, who works on it, and the registry in it."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no stubs

from bot.doctor.check import Check, Surroundings, judged
from bot.home import Home, HomeError
from scheduler.registry import Registry, RegistryError, copies
from scheduler.registry.migrate import OutdatedRegistryError, require_current
from scheduler.sweeping import read_leftovers

_ROOM = 2 * 2**30
#: file systems of other machines, on which SQLite's shared memory and its locks do not hold
_REMOTE = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "afs", "ceph", "glusterfs", "fuse.glusterfs"}


def home(where: Home) -> Check:
    try:
        where.prepare()
    except HomeError as problem:
        return Check("home", False, str(problem), "Make it writable, or set WAGGLE_HOME.")
    return Check("home", True, str(where.root))


def locks(seen: Surroundings) -> Iterator[Check]:
    """Two Waggles on one home are kept apart by a lock, and so are two writers of the registry."""
    fix = "Set WAGGLE_HOME to a directory on a local disk."
    kind = _filesystem(seen.home.root)
    if kind in _REMOTE:
        yield Check("locks", False, f"{seen.home.root} lies on {kind}, where the registry can be damaged", fix)
        return
    probe = seen.home.root / f".lock-probe-{os.getpid()}"
    try:
        with probe.open("wb") as first, probe.open("rb") as second:
            fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield Check("locks", True, f"hold on {kind or 'this file system'}")
            else:
                yield Check("locks", False, f"a lock in {seen.home.root} keeps nobody out", fix)
    except OSError as problem:
        yield Check("locks", False, f"{seen.home.root} cannot lock files: {problem.strerror}", fix)
    finally:
        probe.unlink(missing_ok=True)


def room(seen: Surroundings) -> Iterator[Check]:
    free = shutil.disk_usage(seen.home.root).free
    detail = f"{free / 2**30:.1f} GiB free in {seen.home.root}"
    yield judged("disk", free >= _ROOM, detail, "Make room: a workspace and its dependencies take about 1 GiB.")


def registry(seen: Surroundings) -> Iterator[Check]:
    path = Path(seen.settings.database_url.removeprefix("sqlite:///"))
    try:
        copies.check(path, seen.home.copies)
        require_current(seen.settings.database_url)
    except OutdatedRegistryError as state:
        yield Check("registry", True, f"{state} `waggle run` brings it to this version.")
    except RegistryError as problem:
        what, _, cure = str(problem).partition("\n")
        yield Check("registry", False, what, cure.strip() or "The detail says what to do.")
    else:
        yield Check("registry", True, f"{path}, whole")


def leftovers(seen: Surroundings) -> Iterator[Check]:
    """What the last sweep left lying. It does no harm, so it is no fault; somebody may want to look."""
    try:
        require_current(seen.settings.database_url)
        registry = Registry(seen.settings.database_url)
    except RegistryError:
        return  # the registry has a line of its own
    try:
        left = registry.read_now(read_leftovers)
    finally:
        registry.close()
    fix = "`waggle tasks --orphans` lists it, each with the reason why it stays."
    yield Check("leftovers", True, f"{len(left)} that no task wants" if left else "none", fix if left else "")


def _filesystem(path: Path) -> str:
    """The kind of file system that a directory lies on; empty when it is not known."""
    real = path.resolve()
    found = [one for one in psutil.disk_partitions(all=True) if real.is_relative_to(one.mountpoint)]
    return str(max(found, key=lambda one: len(one.mountpoint)).fstype) if found else ""
