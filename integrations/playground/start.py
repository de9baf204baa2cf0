"""Finding the playground of a home, or starting it as a process of its own that outlives us."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from integrations.fault import IntegrationError
from integrations.playground.lock import ALREADY_RUNNING, PORT_IN_USE, Running, is_held, running
from integrations.playground.place import Place

LOG = "playground.log"
_START_S, _STOP_S, _KILL_S, _LOOK_S = 30.0, 8.0, 3.0, 0.03
_ROOT = Path(__file__).parents[2]
# What it may see of our environment: it runs the tests of repositories, and credentials are none of its business.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "SSL_CERT_FILE")


class PlaygroundError(IntegrationError):
    """The playground did not start, or did not end."""


def ensure_playground(home: Path, port: int | None = None) -> Place:
    """The running playground of a home, started when there is none. Blocking: from a loop, use a thread.

    Parameters:
        home: where it keeps everything; made when missing.
        port: where it has to listen; None for the port of last time, or any free one.

    Raises:
        PlaygroundError: it did not start, or listens on another port; the message has the cure.
    """
    home = home.expanduser().resolve()
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    deadline = time.monotonic() + _START_S
    child: subprocess.Popen[bytes] | None = None
    while time.monotonic() < deadline:
        found = running(home)
        if found is not None and _answers(found):
            if child is not None and child.pid != found.pid:
                _end(child)  # somebody was faster; left alone, ours would take the lock when theirs ends
            return _on_port(found, port)
        if child is None and not is_held(home):
            child = _spawn(home, port)
        if child is not None and child.poll() is not None:
            if child.returncode != ALREADY_RUNNING:  # somebody else may have been faster; then theirs is ours
                raise _failed(home, port, child.returncode)
            child = None
        time.sleep(_LOOK_S)
    if child is not None:
        _end(child)
    raise PlaygroundError(f"The playground did not answer within {_START_S:g} s. Its log is {home / LOG}.")


def stop_playground(home: Path) -> bool:
    """End the playground of a home and wait until it is gone; what it remembers stays.

    Returns:
        False when none was running.

    Raises:
        PlaygroundError: it is still there.
    """
    found = running(home.expanduser().resolve())
    if found is None:
        return False
    for sign, patience in ((signal.SIGTERM, _STOP_S), (signal.SIGKILL, _KILL_S)):
        try:
            os.kill(found.pid, sign)
        except ProcessLookupError:
            return True
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            _bury(found.pid)
            if not is_held(found.place.home):
                return True
            time.sleep(_LOOK_S)
    raise PlaygroundError(f"The playground (process {found.pid}) does not end.")


def _spawn(home: Path, port: int | None) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "integrations.playground", "--home", str(home)]
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    with (home / LOG).open("ab") as log:
        return subprocess.Popen(
            argv + (["--port", str(port)] if port else []),
            cwd=home,
            env=environment | {"PYTHONPATH": str(_ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            close_fds=True,
        )


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()


def _answers(found: Running) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{found.place.url}/health", timeout=2) as response:
            return bool(json.load(response)["pid"] == found.pid)
    except (OSError, ValueError, KeyError):
        return False


def _on_port(found: Running, port: int | None) -> Place:
    if port and not found.place.url.endswith(f":{port}"):
        raise PlaygroundError(
            f"The playground of this home already listens on {found.place.url}, not on port {port}. "
            f"Leave the port out, or end it first: kill {found.pid}"
        )
    return found.place


def _failed(home: Path, port: int | None, code: int) -> PlaygroundError:
    if code == PORT_IN_USE:
        return PlaygroundError(f"Port {port} is in use. Name another one, or leave it out to get a free one.")
    lines = (home / LOG).read_text(errors="replace").strip().splitlines()
    return PlaygroundError(
        f"The playground ended with exit code {code}: {lines[-1] if lines else 'it said nothing'} "
        f"(its log is {home / LOG})"
    )


def _bury(pid: int) -> None:
    """Take note of the death of a child of ours; somebody else's child is theirs to bury."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
