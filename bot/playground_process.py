"""The playground as a process of its own: started when it is needed, found again when it already runs.

It outlives a killed Waggle on purpose, as a real Slack would, and keeps everything in its own directory.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from integrations.playground.lock import is_held, read_address, running
from integrations.playground.place import Place

_START_S = 30.0
_STOP_S = 10.0
_LOOK_S = 0.05


class PlaygroundError(Exception):
    """The playground could not be started; the message says why and what to do."""


@dataclass(frozen=True)
class PlaygroundProcess:
    """A running playground.

    Attributes:
        pid: its process.
        started: this process started it; it was not found running.
    """

    place: Place
    pid: int
    started: bool

    def alive(self) -> bool:
        return is_held(self.place.home)

    async def stop(self) -> None:
        """End it and wait until it is gone; what it keeps stays."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        for _ in range(int(_STOP_S / _LOOK_S)):
            _reap(self.pid)
            if not self.alive():
                return
            await asyncio.sleep(_LOOK_S)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


def find_playground(home: Path) -> PlaygroundProcess | None:
    """The playground that runs on `home` now, if one does and is ready."""
    found = running(home)
    return None if found is None else PlaygroundProcess(found.place, found.pid, started=False)


async def ensure_playground(home: Path, *, environment: Mapping[str, str], port: int = 0) -> PlaygroundProcess:
    """Find the playground of `home`, or start it and wait until it listens.

    Parameters:
        environment: all that it sees of the environment; it runs the repositories' tests, so no secrets.
        port: where it has to listen; 0 for the port it had before, or any free one.

    Raises:
        PlaygroundError: it did not start, such as because the port is in use.
    """
    found = find_playground(home)
    if found is not None:
        wanted = f"http://127.0.0.1:{port}"
        if port and found.place.url != wanted:
            raise PlaygroundError(
                f"The playground of this home already listens on {found.place.url}, not on port {port}. "
                f"Leave --port out, or end it first: kill {found.pid}"
            )
        return found
    log = home / "playground.log"
    process, written_before = await asyncio.to_thread(_spawn, home, log, port, environment)
    for _ in range(int(_START_S / _LOOK_S)):
        if process.poll() is not None:
            break
        address = read_address(home)
        if address is not None and address.pid == process.pid:
            return PlaygroundProcess(address.place, process.pid, started=True)
        await asyncio.sleep(_LOOK_S)
    else:
        process.kill()
        raise PlaygroundError(f"The playground did not answer within {_START_S:g} s. Its log: {log}")
    found = find_playground(home)
    if found is not None:  # somebody else started it in the same moment
        return found
    said = log.read_bytes()[written_before:].decode(errors="replace").strip().splitlines()
    why = said[-1] if said else f"exit code {process.returncode}"
    raise PlaygroundError(f"The playground did not start: {why}\nIts log: {log}")


def _spawn(home: Path, log: Path, port: int, environment: Mapping[str, str]) -> tuple[subprocess.Popen[bytes], int]:
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    argv = [sys.executable, "-m", "integrations.playground", "--home", str(home)]
    argv += ["--port", str(port)] if port else []
    with log.open("ab") as output:
        written_before = output.tell()
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            close_fds=True,
            cwd=home,
            env=dict(environment),
        )
    return process, written_before


def _reap(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
