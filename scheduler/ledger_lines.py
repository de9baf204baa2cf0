"""Lines that a program adds to a file of its own, read on from where the last look ended."""

from __future__ import annotations

from pathlib import Path

_CHUNK = 8 * 2**20


def lines_after(path: Path, offset: int) -> tuple[list[str], int]:
    """Whole lines from `offset` bytes on, and the offset to read on from. A line longer than 8 MiB is stepped over.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(_CHUNK)
    end = data.rfind(b"\n") + 1
    if end == 0:
        return [], offset + len(data) if len(data) == _CHUNK else offset
    return data[: end - 1].decode(errors="replace").split("\n"), offset + end
