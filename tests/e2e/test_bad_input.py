"""What a person may get wrong when they start Waggle: one clear message with the cure, and a failing exit code."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from integrations.playground.lock import is_held
from integrations.playground.start import ensure_playground
from tests.e2e.terminal import Terminal

REAL = """
[[repository]]
slug = "acme/ledgerline"
[routes]
default = [{ agent = "claude-code" }]
"""


def test_a_malformed_config_names_every_line(terminal: Terminal) -> None:
    terminal.config('[waggle]\naprove_plans = true\n[retries]\nfailures = "x"\n')
    told = terminal.refused()
    assert "waggle.toml:2" in told and "Did you mean `approve_plans`?" in told
    assert "waggle.toml:4" in told and "2 mistakes" in told


def test_a_config_that_is_named_and_missing(terminal: Terminal) -> None:
    told = terminal.refused(WAGGLE_CONFIG="none.toml")
    assert "none.toml" in told and "no such file" in told and "WAGGLE_CONFIG" in told


def test_a_token_in_the_wrong_variable(terminal: Terminal) -> None:
    told = terminal.refused(SLACK_BOT_TOKEN="xapp-1-secret", SLACK_APP_TOKEN="xoxb-secret")
    assert "swapped" in told and "secret" not in told


def test_a_github_token_that_is_refused(terminal: Terminal, elsewhere: Path) -> None:
    url = ensure_playground(elsewhere).github_api_url
    terminal.config(REAL)
    told = terminal.refused(GITHUB_TOKEN="ghp_wrongwrongwrongwrong", GITHUB_API_URL=url)
    assert "token" in told.lower() and "GITHUB_TOKEN" in told
    assert "wrongwrong" not in told


def test_a_repository_that_does_not_exist(terminal: Terminal, elsewhere: Path) -> None:
    there = ensure_playground(elsewhere)
    terminal.config(REAL.replace("acme/ledgerline", "acme/nowhere"))
    told = terminal.refused(GITHUB_TOKEN=there.github_token, GITHUB_API_URL=there.github_api_url)
    assert "acme/nowhere" in told
    assert there.github_token not in told


def test_a_real_repository_without_a_token_and_the_other_way_round(terminal: Terminal, elsewhere: Path) -> None:
    terminal.config(REAL)
    told = terminal.refused()
    assert "acme/ledgerline is not of the playground" in told and "GITHUB_TOKEN" in told
    there = ensure_playground(elsewhere)
    terminal.config(REAL.replace("slug =", "playground = true\nslug ="))
    told = terminal.refused(GITHUB_TOKEN=there.github_token, GITHUB_API_URL=there.github_api_url)
    assert "acme/ledgerline is of the playground" in told and "Remove" in told


def test_slack_tokens_that_are_refused(terminal: Terminal, elsewhere: Path) -> None:
    there = ensure_playground(elsewhere)
    wrong = {"SLACK_BOT_TOKEN": "xoxb-wrong", "SLACK_APP_TOKEN": there.slack_app_token}
    told = terminal.refused(SLACK_API_URL=there.slack_api_url, **wrong)
    assert "SLACK_BOT_TOKEN" in told and "xoxb-wrong" not in told
    wrong = {"SLACK_BOT_TOKEN": there.slack_bot_token, "SLACK_APP_TOKEN": "xapp-wrong"}
    told = terminal.refused(SLACK_API_URL=there.slack_api_url, **wrong)
    assert "SLACK_APP_TOKEN" in told and "xapp-wrong" not in told


def test_a_remote_that_is_no_repository(terminal: Terminal, elsewhere: Path, tmp_path: Path) -> None:
    there = ensure_playground(elsewhere)
    (tmp_path / "empty").mkdir()
    second = f'[[repository]]\nslug = "acme/other"\nremote = "{tmp_path / "empty"}"\n'
    terminal.config(REAL + second)
    told = terminal.refused(GITHUB_TOKEN=there.github_token, GITHUB_API_URL=there.github_api_url)
    assert "acme/ledgerline cannot be used" in told, "this server has no repositories at the root of its address"
    assert "acme/other cannot be used" in told


def test_a_port_in_use(terminal: Terminal) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = terminal.refused("--port", str(port))
    assert f"ort {port} is in use" in told and "Name another one" in told


def test_an_address_for_webhooks_that_is_in_use(terminal: Terminal) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        told = terminal.refused(GITHUB_WEBHOOK_SECRET="a secret that nobody guesses", GITHUB_WEBHOOK_LISTEN=listen)
    assert f"Nothing can listen on {listen}" in told and "GITHUB_WEBHOOK_LISTEN" in told


@pytest.mark.proves("30")
def test_a_second_waggle_on_the_same_home(terminal: Terminal) -> None:
    first = terminal.running()
    second = terminal.start()
    told = terminal.told(second)
    assert second.returncode == 1
    assert f"process {first.pid}" in told and "WAGGLE_HOME" in told
    assert first.poll() is None


@pytest.mark.proves("30", "H")
def test_a_damaged_registry_is_left_alone_and_the_copy_is_named(terminal: Terminal) -> None:
    (terminal.home / "copies").mkdir(parents=True)
    kept = terminal.home / "copies" / "registry-20260301T090000Z-daily.db"
    kept.write_bytes(b"")
    damaged = terminal.home / "registry.db"
    damaged.write_bytes(b"not a database" * 1000)
    told = terminal.refused()
    assert "damaged" in told and str(kept) in told
    assert damaged.read_bytes() == b"not a database" * 1000


def test_a_home_that_is_a_file_or_cannot_be_made(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "is a file" in terminal.refused(WAGGLE_HOME=str(tmp_path / "file"))
    assert "cannot be used" in terminal.refused(WAGGLE_HOME=str(tmp_path / "file" / "below"))


def test_ctrl_c_ends_waggle_and_its_playground(terminal: Terminal) -> None:
    process = terminal.running()
    process.send_signal(signal.SIGINT)
    told = terminal.told(process)
    assert process.returncode == 0 and "Traceback" not in told
    assert "token=" in told and "@waggle customers want CSV export of invoices" in told
    assert not is_held(terminal.home / "playground")
    assert not (terminal.home / "running.json").exists()
