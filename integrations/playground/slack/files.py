"""Files: what is known about them in the store, their bytes in a directory of their own."""

from __future__ import annotations

import mimetypes
import secrets
import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from integrations.playground.slack.store import Store, pack, unpack

MAX_BYTES = 25 * 1024 * 1024

# Without these, the answer depends on the machine's own table of types.
_TYPES = {".vtt": "text/vtt", ".srt": "application/x-subrip", ".md": "text/markdown", ".txt": "text/plain"}


@dataclass(frozen=True)
class File:
    """A file. `ready` says that its bytes arrived and that it was shared; `channels` says where."""

    id: str
    name: str
    title: str
    mimetype: str
    size: int
    user: str
    created: int
    channels: tuple[str, ...] = ()
    ready: bool = False

    @property
    def filetype(self) -> str:
        return Path(self.name).suffix.lstrip(".").lower() or "text"

    @property
    def url_name(self) -> str:
        return quote(self.name, safe="") or "file"


class Files:
    """Parameters: `directory` holds the bytes, a file for each id."""

    def __init__(self, store: Store, directory: Path) -> None:
        self._store = store
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def announce(self, name: str, size: int, user: str, now: float) -> File:
        """A file whose bytes are still to come."""
        kind = _TYPES.get(Path(name).suffix.lower()) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        file = File(f"F{secrets.token_hex(5).upper()}", name, name, kind, size, user, int(now))
        self._put(file)
        return file

    def get(self, file_id: str) -> File | None:
        row = self._store.row("SELECT * FROM files WHERE id=?", file_id)
        return _file(row) if row else None

    def many(self, ids: tuple[str, ...]) -> list[File]:
        return [file for file in map(self.get, ids) if file is not None]

    def receive(self, file: File, content: bytes) -> File:
        self.path(file).write_bytes(content)
        file = replace(file, size=len(content))
        self._put(file)
        return file

    def arrived(self, file: File) -> bool:
        return self.path(file).exists()

    def share(self, file: File, title: str, channel: str) -> File:
        channels = tuple(dict.fromkeys((*file.channels, *([channel] if channel else []))))
        file = replace(file, title=title or file.name, ready=True, channels=channels)
        self._put(file)
        return file

    def path(self, file: File) -> Path:
        return self._directory / file.id

    def _put(self, file: File) -> None:
        self._store.run(
            "INSERT OR REPLACE INTO files VALUES (?,?,?,?,?,?,?,?,?)",
            file.id,
            file.name,
            file.title,
            file.mimetype,
            file.size,
            file.user,
            file.created,
            pack(list(file.channels)),
            file.ready,
        )


def _file(row: sqlite3.Row) -> File:
    values = dict(zip(row.keys(), row, strict=True))
    return File(**{**values, "channels": tuple(unpack(values["channels"])), "ready": bool(values["ready"])})
