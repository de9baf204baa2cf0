"""Pictures that a repository's screenshot command makes: a room to put them in, and a place where they are kept.

The command is the repository's own code, so nothing it leaves is believed: only regular files that are pictures by
their first bytes are taken, of a sane size and number, and no link is followed.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST = 12
LARGEST = 5 * 2**20
_ROOM = ".waggle-pictures"
_MAGIC = {b"\x89PNG\r\n\x1a\n": ".png", b"\xff\xd8\xff": ".jpg", b"GIF8": ".gif"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")


@dataclass(frozen=True)
class Picture:
    """One picture that was kept.

    Attributes:
        name: what it shows, as the command called its file, without the ending.
    """

    name: str
    path: Path

    def read(self) -> bytes:
        return self.path.read_bytes()


class Pictures:
    """Keeps the pictures of tasks. Blocks.

    Parameters:
        root: directory of our own; `<task>/<commit>/` holds the pictures of one commit.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def room(self, workspace: Path) -> Path:
        """An empty directory inside the workspace, which git does not see."""
        room = workspace / _ROOM
        self._clear(room)
        room.mkdir()
        (room / ".gitignore").write_text("*\n")
        return room

    def keep(self, workspace: Path, task: str, commit: str) -> tuple[Picture, ...]:
        """Take the pictures out of the workspace's room, which is then removed."""
        room, kept = workspace / _ROOM, self._root / task / commit
        self._clear(kept)
        kept.mkdir(parents=True)
        left = MOST
        for path in sorted(room.iterdir()) if room.is_dir() and not room.is_symlink() else ():
            data = _read(path)
            ending = next((end for magic, end in _MAGIC.items() if data.startswith(magic)), "")
            if left and ending and _NAME.fullmatch(path.stem):
                (kept / f"{path.stem}{ending}").write_bytes(data)
                left -= 1
        self._clear(room)
        return self.kept(task, commit)

    def kept(self, task: str, commit: str) -> tuple[Picture, ...]:
        """The pictures of one commit, by name."""
        folder = self._root / task / commit
        return tuple(Picture(path.stem, path) for path in sorted(folder.iterdir())) if folder.is_dir() else ()

    def has(self, task: str) -> bool:
        """Whether anything of a task is kept."""
        return (self._root / task).exists()

    def forget(self, task: str) -> None:
        """Remove every picture of a task."""
        self._clear(self._root / task)

    def _clear(self, place: Path) -> None:
        if place.is_symlink() or place.is_file():
            place.unlink()
        elif place.exists():
            shutil.rmtree(place, onerror=_unless_gone)


def _unless_gone(_call: Any, _path: str, failure: tuple[Any, BaseException, Any]) -> None:
    """What somebody else deletes at the same time, such as a git of an earlier life, is as gone as it should be."""
    if not isinstance(failure[1], FileNotFoundError):
        raise failure[1]


def _read(path: Path) -> bytes:
    """A regular file of sane size; nothing for anything else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
            return b""
        return file.read(LARGEST)
