"""The small files of a run directory. Standard library only; the runner imports it by path."""
# ruff: noqa: PTH105, PTH116, PTH120, PTH123 - importing pathlib would double the runner's start-up time

from __future__ import annotations

import json
import os
import time

TYPE_CHECKING = False  # known to type checkers; importing `typing` for it would cost more than all the rest
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def write_json(path: str, value: Mapping[str, object], *, durable: bool = True) -> None:
    """Write a file, readable by its owner only, that is either there whole or not at all.

    Parameters:
        durable: also after a power cut; costs a few milliseconds.
    """
    new = f"{path}.{os.getpid()}-{time.monotonic_ns()}"  # of this writer alone: there may be others
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(json.dumps(value).encode())
        file.flush()
        if durable:
            os.fsync(descriptor)
    os.replace(new, path)
    if durable:
        directory = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def read_json(path: str) -> dict[str, Any] | None:
    """What `write_json` wrote; None when it is not there or was torn by a power cut."""
    try:
        with open(path, "rb") as file:
            value = json.loads(file.read())
    except (FileNotFoundError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def size_of(path: str) -> int:
    """Its size in bytes; 0 when it is not there."""
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def close_log(path: str, most: int) -> None:
    """Cut a log that outgrew `most` bytes, and end its last line, so that readers of whole lines get it too."""
    if size_of(path) > most:
        os.truncate(path, most)
    with open(path, "ab+") as file:
        if file.tell() == 0:
            return
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")
