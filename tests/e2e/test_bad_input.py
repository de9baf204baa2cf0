"""What a person may get wrong when they start Waggle: one clear message with the cure, and a failing exit code."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from integrations.playground.lock import is_held
from integrations.playground.start import ensure_playground, stop_playground

START_S = 60


class Place:
    """A directory in which somebody starts Waggle."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.home = directory / "home"
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "WAGGLE_HOME": str(self.home),
            "WAGGLE_TICK_SECONDS": "1",
        }
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", "run", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.directory,
            env=self.env | env,
        )
        self.started.append(process)
        return process

    def refused(self, *arguments: str, **env: str) -> str:
        """Start Waggle, which must end by itself with a message."""
        told, _ = self.start(*arguments, **env).communicate(timeout=START_S)
        code = self.started[-1].returncode
        assert code == 1, f"exit code {code}\n{told}"
        assert "Traceback" not in told
        assert not is_held(self.home / "playground"), "the playground was left behind"
        return told

    def running(self) -> subprocess.Popen[str]:
        process = self.start()
        deadline = time.monotonic() + START_S
        while not (self.home / "running.json").exists():
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline, "it did not start"
            time.sleep(0.1)
        return process

    def config(self, text: str) -> None:
        (self.directory / "waggle.toml").write_text(text)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)
    stop_playground(made.home / "playground")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A playground of somebody else, which stands for the outside world."""
    home = tmp_path / "elsewhere"
    ensure_playground(home)
    yield home
    stop_playground(home)


REAL = """
[[repository]]
slug = "acme/ledgerline"
[routes]
default = [{ agent = "scripted" }]
"""


def test_a_malformed_config_names_every_line(place: Place) -> None:
    place.config('[waggle]\naprove_plans = true\n[retries]\nfailures = "x"\n')
    told = place.refused()
    assert "waggle.toml:2" in told and "Did you mean `approve_plans`?" in told
    assert "waggle.toml:4" in told and "2 mistakes" in told


def test_a_config_that_is_named_and_missing(place: Place) -> None:
    told = place.refused(WAGGLE_CONFIG="none.toml")
    assert "none.toml" in told and "no such file" in told and "WAGGLE_CONFIG" in told


def test_a_token_in_the_wrong_variable(place: Place) -> None:
    told = place.refused(SLACK_BOT_TOKEN="xapp-1-secret", SLACK_APP_TOKEN="xoxb-secret")
    assert "swapped" in told and "secret" not in told


def test_a_github_token_that_is_refused(place: Place, elsewhere: Path) -> None:
    url = ensure_playground(elsewhere).github_api_url
    place.config(REAL)
    told = place.refused(GITHUB_TOKEN="ghp_wrongwrongwrongwrong", GITHUB_API_URL=url)
    assert "token" in told.lower() and "GITHUB_TOKEN" in told
    assert "wrongwrong" not in told


def test_a_repository_that_does_not_exist(place: Place, elsewhere: Path) -> None:
    there = ensure_playground(elsewhere)
    place.config(REAL.replace("acme/ledgerline", "acme/nowhere"))
    told = place.refused(GITHUB_TOKEN=there.github_token, GITHUB_API_URL=there.github_api_url)
    assert "acme/nowhere" in told
    assert there.github_token not in told


def test_a_remote_that_is_no_repository(place: Place, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    place.config(REAL + "\n".join(["[[repository]]", 'slug = "acme/other"', f'remote = "{tmp_path / "empty"}"']))
    assert "acme/other" in place.refused()


def test_a_port_in_use(place: Place) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = place.refused("--port", str(port))
    assert f"ort {port} is in use" in told and "Name another one" in told


def test_a_second_waggle_on_the_same_home(place: Place) -> None:
    first = place.running()
    told, _ = place.start().communicate(timeout=START_S)
    assert place.started[-1].returncode == 1
    assert f"process {first.pid}" in told and "WAGGLE_HOME" in told
    assert first.poll() is None


def test_a_damaged_registry_is_left_alone_and_the_copy_is_named(place: Place) -> None:
    (place.home / "copies").mkdir(parents=True)
    kept = place.home / "copies" / "registry-20260301T090000Z-daily.db"
    kept.write_bytes(b"")
    damaged = place.home / "registry.db"
    damaged.write_bytes(b"not a database" * 1000)
    told = place.refused()
    assert "damaged" in told and str(kept) in told
    assert damaged.read_bytes() == b"not a database" * 1000


def test_a_home_that_is_a_file_or_cannot_be_made(place: Place, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "is a file" in place.refused(WAGGLE_HOME=str(tmp_path / "file"))
    assert "cannot be used" in place.refused(WAGGLE_HOME=str(tmp_path / "file" / "below"))


def test_ctrl_c_ends_waggle_and_its_playground(place: Place) -> None:
    process = place.running()
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=30)
    assert process.returncode == 0 and "Traceback" not in told
    assert "token=" in told and "@waggle customers want CSV export of invoices" in told
    assert not is_held(place.home / "playground")
    assert not (place.home / "running.json").exists()
