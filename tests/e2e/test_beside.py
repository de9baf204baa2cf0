"""What happens beside a running Waggle: other commands, edits of its file, the death of its playground."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from bot.playground_config import Pace, playground_toml
from bot.services import Services
from integrations.playground.lock import running
from tests.e2e.terminal import Terminal, eventually

TICK_KEYS = {"requests", "rows_written", "processes", "ms", "cpu_ms", "tokens", "seen", "did"}


def printed(terminal: Terminal) -> str:
    return terminal.output.read_text()


def write_config(terminal: Terminal, more: str = "") -> None:
    services = Services(slack=False, github=False, anthropic=False, openai=False)
    terminal.config(playground_toml(services, Pace(ready=1.0, review=0.5, speed=8.0)) + more)


def test_commands_reach_the_waggle_that_runs(terminal: Terminal) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    terminal.env |= {"GITHUB_WEBHOOK_SECRET": "a secret that nobody guesses", "GITHUB_WEBHOOK_LISTEN": listen}
    terminal.running()
    assert set(terminal.json("tick")) == TICK_KEYS
    assert terminal.json("tick")["tokens"] == 0
    terminal.waggle("alive")
    terminal.waggle("new", "customers want CSV export of invoices")
    eventually("it is scoped", lambda: terminal.json("tasks")[0]["state"] == "planned")
    checks = {one["check"]: one for one in terminal.json("doctor")}
    assert "running" in checks["playground"]["detail"]
    assert checks["repository acme/ledgerline"]["ok"]
    assert checks["github webhooks"]["detail"] == f"heard at http://{listen}/github/webhooks"


def test_a_tick_without_a_running_waggle_is_made_here_and_leaves_nothing_behind(terminal: Terminal) -> None:
    terminal.waggle("alive", rc=1)
    assert set(terminal.json("tick")) == TICK_KEYS
    assert running(terminal.home / "playground") is None


def test_an_edit_is_in_force_at_once_and_a_bad_one_is_told_and_ignored(terminal: Terminal) -> None:
    write_config(terminal)
    terminal.running()
    write_config(terminal, "\n[retries]\nfailures = 'many'\n")
    eventually("the mistake is told", lambda: "last good version stays in force" in printed(terminal))
    assert "failures: a whole number is wanted" in printed(terminal)
    write_config(terminal, "\n[[repository]]\nslug = 'acme/second'\nplayground = true\n")
    eventually("the edit is told", lambda: "its changes are in force" in printed(terminal))
    assert terminal.json("new", "x", "--repo", "acme/second")["ok"]


def test_a_playground_that_is_killed_comes_back_at_its_address(terminal: Terminal) -> None:
    terminal.running()
    home: Path = terminal.home / "playground"
    before = running(home)
    assert before is not None
    os.kill(before.pid, signal.SIGKILL)

    def back() -> bool:
        found = running(home)
        return found is not None and found.pid != before.pid and found.place.url == before.place.url

    eventually("it is back", back)
    eventually("its page is told", lambda: "was started again" in printed(terminal))


@pytest.mark.proves("30", "G")
def test_a_killed_waggle_finds_its_playground_again(terminal: Terminal) -> None:
    first = terminal.running()
    there = running(terminal.home / "playground")
    first.kill()
    first.wait()
    (terminal.home / "running.json").unlink()
    terminal.running()
    again = running(terminal.home / "playground")
    assert there is not None and again is not None and again.pid == there.pid
