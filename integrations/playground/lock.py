"""One playground for each home: a lock that lives as long as the process, and the file that says where it is."""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from integrations.playground.place import Place

_LOCK, _ADDRESS = "lock", "playground.json"
_PATIENCE_S = 1.0
#: exit codes of the process; here, so that whoever starts it does not load all of it
ALREADY_RUNNING, PORT_IN_USE = 3, 4


class AlreadyRunning(Exception):
    """Another process holds the lock of this home."""


@dataclass(frozen=True)
class Running:
    """A playground that answers, or did a moment ago."""

    pid: int
    started: float
    place: Place


class Lock:
    """Held until the process ends, however it ends: the system lets go of it.

    Raises:
        AlreadyRunning: somebody else holds it.
    """

    def __init__(self, home: Path) -> None:
        # The descriptor is close-on-exec, so that no child keeps the lock beyond our death.
        self._fd = os.open(home / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + _PATIENCE_S  # a look at the lock holds it for a moment
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(self._fd)
                    raise AlreadyRunning(str(home)) from None
                time.sleep(0.02)

    def release(self) -> None:
        os.close(self._fd)


def is_held(home: Path) -> bool:
    """Whether a playground lives in this home."""
    try:
        fd = os.open(home / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def write_address(place: Place, pid: int, started: float) -> None:
    """Say where the playground is, for its owner's eyes only; readers see the old file or the new one."""
    values = {name: value for name, value in asdict(place).items() if name != "home"}
    values |= {"pid": pid, "started": started, "page_url": place.page_url}
    fresh = place.home / f".{_ADDRESS}.{pid}"
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(values, file, indent=2)
    fresh.replace(place.home / _ADDRESS)


def read_address(home: Path) -> Running | None:
    """What the last playground of this home wrote; it may be over. None when there is nothing to read."""
    try:
        values = json.loads((home / _ADDRESS).read_text(encoding="utf-8"))
        return Running(
            int(values["pid"]),
            float(values["started"]),
            Place(
                home=home,
                url=values["url"],
                page_token=values["page_token"],
                slack_bot_token=values["slack_bot_token"],
                slack_app_token=values["slack_app_token"],
                github_token=values["github_token"],
                model_key=values["model_key"],
                sentry_token=values["sentry_token"],
            ),
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def running(home: Path) -> Running | None:
    """The playground that lives in this home now."""
    return read_address(home) if is_held(home) else None
