"""A directory in which somebody starts Waggle, and a playground of somebody else."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.playground.lock import is_held
from integrations.playground.start import ensure_playground, stop_playground
from tests import forked
from tests.forked import Forked

START_S = 60


class Terminal:
    """A directory in which somebody starts Waggle."""

    def __init__(self, directory: Path, **env: str) -> None:
        self.directory = directory
        self.home = directory / "home"
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "WAGGLE_HOME": str(self.home),
            "WAGGLE_TICK_SECONDS": "1",
            **env,
        }
        self.output = directory / "output"
        self.started: list[Forked] = []

    def start(self, *arguments: str, **env: str) -> Forked:
        process = forked.start(["run", *arguments], cwd=self.directory, env=self.env | env, stdout=self.output)
        self.started.append(process)
        return process

    def told(self, process: Forked) -> str:
        """What it said until it ended."""
        process.wait(timeout=START_S)
        return self.output.read_text()

    def refused(self, *arguments: str, **env: str) -> str:
        """Start Waggle, which must end by itself with a message."""
        process = self.start(*arguments, **env)
        told = self.told(process)
        code = process.returncode
        assert code == 1, f"exit code {code}\n{told}"
        assert "Traceback" not in told
        assert not is_held(self.home / "playground"), "the playground was left behind"
        return told

    def running(self) -> Forked:
        process = self.start()
        deadline = time.monotonic() + START_S
        while not (self.home / "running.json").exists():
            assert process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, "it did not start"
            time.sleep(0.1)
        return process

    def waggle(self, *arguments: str, rc: int = 0) -> str:
        """Another command, in another terminal."""
        done = forked.run(arguments, cwd=self.directory, env=self.env, timeout=START_S)
        assert done.returncode == rc, done.stdout + done.stderr
        return done.stdout

    def json(self, *arguments: str, rc: int = 0) -> Any:
        return json.loads(self.waggle(*arguments, "--json", rc=rc))

    def end(self) -> None:
        """End whatever was started here."""
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=30)
        stop_playground(self.home / "playground")

    def config(self, text: str) -> None:
        (self.directory / "waggle.toml").write_text(text)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    made = Terminal(tmp_path)
    yield made
    made.end()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A playground of somebody else, which stands for the outside world."""
    home = tmp_path / "elsewhere"
    ensure_playground(home)
    yield home
    stop_playground(home)


def eventually(what: str, condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Wait until `condition` gives something true, and return it."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.1)
