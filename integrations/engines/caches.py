"""Warm caches of package managers, for the runs of one repository.

They lie beside its workspaces, on the same filesystem, so that a second installation downloads nothing. By default uv
and pnpm make an installed file a hard link into their cache, and an edit of it would appear in every other workspace
and in all that are made later. So they are told to clone files where the filesystem can, and to copy them elsewhere;
npm and pip always unpack. Repositories have caches apart: what one repository's code puts there, no other installs.
"""

from __future__ import annotations

import fcntl
import tempfile
from functools import lru_cache
from pathlib import Path

_FICLONE = 0x40049409  #: linux/fs.h


def cache_variables(directory: Path) -> dict[str, str]:
    """What package managers are told of their caches below `directory`, which are made where they are missing."""
    clones = can_clone(directory)
    import_method = "clone-or-copy" if clones else "copy"
    caches = {name: directory / name for name in ("uv", "pip", "npm", "pnpm")}
    for one in caches.values():
        one.mkdir(parents=True, exist_ok=True)
    return {
        "UV_CACHE_DIR": str(caches["uv"]),
        "UV_LINK_MODE": "clone" if clones else "copy",
        "PIP_CACHE_DIR": str(caches["pip"]),
        "npm_config_cache": str(caches["npm"]),
        "PNPM_HOME": str(caches["pnpm"]),  # its store lies there
        "npm_config_package_import_method": import_method,
        "pnpm_config_package_import_method": import_method,  # as pnpm reads it from version 11 on
    }


def can_clone(directory: Path) -> bool:
    """Whether files there can share their content until one of them is changed (btrfs, xfs)."""
    directory.mkdir(parents=True, exist_ok=True)
    return _device_clones(directory.stat().st_dev, directory)


@lru_cache(maxsize=16)
def _device_clones(_device: int, directory: Path) -> bool:
    with tempfile.TemporaryFile(dir=directory) as one, tempfile.TemporaryFile(dir=directory) as other:
        one.write(b"x" * 4096)
        one.flush()
        try:
            fcntl.ioctl(other.fileno(), _FICLONE, one.fileno())
        except OSError:
            return False
        return True
