"""Files that a repository needs and that are not in git, such as `.env`: copied into a workspace, hidden from git.

They hold what nobody may publish, and they are written where an agent could have laid links. So each is read only
where it really lies below the directory that a person named, and written without following a link.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from integrations.git.command import GitCommand
from integrations.git.errors import NotIncluded
from integrations.git.places import Places
from integrations.git.records import Record

LARGEST = 20 * 2**20  #: bytes
_SPECIAL = re.compile(r"([\\*?\[\]!# ])")


@dataclass(frozen=True)
class _File:
    name: str
    content: bytes
    mode: int


class Included:
    """Brings such files into workspaces. The caller holds the repository's lock."""

    def __init__(self, git: GitCommand, places: Places) -> None:
        self._git = git
        self._places = places

    def bring(self, record: Record, source: Path, names: Sequence[str]) -> None:
        """Copy files into a workspace over what stands there, and let git ignore them.

        Raises NotIncluded: one is missing, leads out of `source`, is in git, or its place in the workspace is taken.
        """
        tracked = self._tracked(record, names)
        if tracked:
            raise NotIncluded(tracked[0], f"is in git at {record.base_sha[:8]}", "Take it out of `include`.")
        files = [_read(source, name) for name in names]
        self._hide(record.slug, names)
        for one in files:
            self._put(self._places.workspace(record.name), one)

    def _tracked(self, record: Record, names: Sequence[str]) -> list[str]:
        found = self._git.run(
            ["ls-tree", "-z", "--name-only", record.base_sha, "--", *names], git_dir=self._places.mirror(record.slug)
        )
        return [os.fsdecode(name) for name in found.out.split(b"\0") if name]

    def _hide(self, slug: str, names: Sequence[str]) -> None:
        """Name them in the pool's `info/exclude`, which git reads for each of its worktrees."""
        pool = self._places.pool(slug)
        wanted = ["/" + _SPECIAL.sub(r"\\\1", name) for name in names]
        exclude = pool / "info" / "exclude"
        known = exclude.read_text(errors="replace") if exclude.is_file() and not exclude.is_symlink() else ""
        missing = [line for line in wanted if line not in known.splitlines()]
        if missing:
            text = "\n".join([*known.splitlines(), *missing, ""])
            self._put(pool, _File("info/exclude", text.encode(errors="replace"), 0o644))

    def _put(self, root: Path, file: _File) -> None:
        """Write one file below `root`, whole or not at all; what cannot be half-seen is not half-published."""
        rooms = self._places.home / "tmp"
        rooms.mkdir(parents=True, exist_ok=True)
        with _directory(root, file.name) as (parent, last), tempfile.TemporaryDirectory(dir=rooms) as made:
            draft = Path(made) / "file"
            draft.touch(0o600)
            draft.write_bytes(file.content)
            draft.chmod(file.mode)
            try:
                os.rename(draft, last, dst_dir_fd=parent)
            except (IsADirectoryError, NotADirectoryError) as taken:
                raise NotIncluded(file.name, "has a directory in its place", "Remove it there.") from taken


@contextlib.contextmanager
def _directory(root: Path, name: str) -> Iterator[tuple[int, str]]:
    """The open directory of a file below `root`, made where it is missing, and the file's own name."""
    *above, last = PurePosixPath(name).parts
    opened = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        for part in above:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=opened)
            try:
                below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=opened)
            except OSError as why:
                raise NotIncluded(name, f"cannot be put into place: {part} is no directory", "Remove it.") from why
            os.close(opened)
            opened = below
        yield opened, last
    finally:
        os.close(opened)


def _read(source: Path, name: str) -> _File:
    try:
        root = source.resolve(strict=True)
        path = (root / name).resolve(strict=True)
        if not path.is_relative_to(root):
            raise NotIncluded(name, f"leads out of {source}", "Put the file itself there.")
        kind = path.stat()
        if not stat.S_ISREG(kind.st_mode) or kind.st_size > LARGEST:
            raise NotIncluded(name, f"is no file of at most {LARGEST >> 20} MB", "Take it out of `include`.")
        return _File(name, path.read_bytes(), stat.S_IMODE(kind.st_mode) & 0o755)
    except FileNotFoundError as why:
        raise NotIncluded(name, f"is not in {source}", "Put it there, or take it out of `include`.") from why
    except OSError as why:
        raise NotIncluded(name, f"cannot be read in {source}: {why.strerror}", "Mend its permissions.") from why
