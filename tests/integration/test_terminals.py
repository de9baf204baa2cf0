"""Terminals beside agents, with the real tmux: what people see, what they must not see, and that nothing is left."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlmodel import Session
from sqlmodel import select as rows

from bot.follow import viewer
from bot.home import Home
from integrations.engines import RunSpec, RunState
from integrations.engines.local import LocalEngine
from integrations.redact import MARK
from integrations.terminals import Terminal, TmuxTerminals, short_place
from scheduler.lifecycle import AttemptState
from scheduler.registry import Attempt
from scheduler.steps import StepName, Steps
from scheduler.terminals import TerminalKeeper
from tests.conftest import Clock
from tests.integration.test_cli import Terminal as CommandLine
from tests.integration.test_cli import worked_on

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed here")

PLANTED = "planted-homegrown-token"
SAYS = f"echo 'reading {PLANTED}'; echo 'and going on'; exec sleep 600"
FIRST, SECOND = Terminal("waggle/T-1", "t-1-a1"), Terminal("waggle/T-1", "t-1-a2")


def eventually(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError("the condition never held")


@dataclass
class Watched:
    """A machine with agents and terminals."""

    engine: LocalEngine
    terminals: TmuxTerminals
    place: Path

    def agent(self, name: str) -> None:
        self.engine.start(RunSpec(name, ("sh", "-c", SAYS), self.place, {"PATH": os.environ["PATH"]}, grace_s=0.1))

    def tmux(self, *arguments: str) -> str:
        command = ["tmux", "-S", str(self.terminals.socket), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def screen(self, name: str = "waggle/T-1") -> str:
        return self.tmux("capture-pane", "-p", "-t", f"={name}:")

    def pids(self) -> list[int]:
        """The server and what runs in its panes."""
        return [int(line) for line in self.tmux("list-panes", "-a", "-F", "#{pid}\n#{pane_pid}").split()]


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.setenv("SLACK_BOT_TOKEN", PLANTED)
    directory, runs = short_place(tmp_path / "terminals", tmp_path), tmp_path / "runs"
    engine = LocalEngine(runs)
    made = Watched(engine, TmuxTerminals(directory, runs, viewer, os.environ, (PLANTED,)), tmp_path)
    try:
        yield made
    finally:
        for view in engine.list():
            engine.stop(view.name, 0.1)
        made.tmux("kill-server")
        if directory.parent != tmp_path:
            shutil.rmtree(directory, ignore_errors=True)


def test_an_agent_is_shown_live_without_secrets_and_the_terminal_goes_with_it(watched: Watched) -> None:
    watched.agent("t-1-a1")
    for _ in range(2):  # opening it again changes nothing
        watched.terminals.show(FIRST, "mini", str(watched.place))
    assert watched.terminals.known() == [FIRST]
    shown = eventually(lambda: "going on" in watched.screen() and watched.screen())
    assert f"reading {MARK}" in shown and PLANTED not in shown
    socket = watched.terminals.socket
    assert socket.parent.stat().st_mode & 0o077 == 0 and len(os.fsencode(socket)) < 100
    pids = watched.pids()
    assert len(pids) == 2
    for pid in pids:
        for file in ("environ", "cmdline"):
            assert PLANTED.encode() not in Path(f"/proc/{pid}/{file}").read_bytes()
    assert not [file for file in socket.parent.iterdir() if file.is_file() and PLANTED in file.read_text()]
    watched.engine.stop("t-1-a1", 0.1)
    eventually(lambda: watched.terminals.known() == [])
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


def test_the_next_attempt_takes_the_place_of_the_last(watched: Watched) -> None:
    for terminal in (FIRST, SECOND):
        watched.agent(terminal.run)
        watched.terminals.show(terminal, "mini", "")
        assert watched.terminals.known() == [terminal]
    watched.terminals.end("waggle/T-1")
    watched.terminals.end("waggle/T-1")
    assert watched.terminals.known() == []
    assert watched.engine.find("t-1-a2").state is RunState.RUNNING


@dataclass
class Observer:
    steps: list[tuple[StepName, str]] = field(default_factory=list)

    def before(self, name: StepName, subject: str) -> None:
        self.steps.append((name, subject))

    def after(self, name: StepName, subject: str) -> None:
        """Nothing more to note."""


def attempts(*names: str) -> Sequence[Attempt]:
    return [Attempt(task_id=1, n=n, name=name, agent="mini", prompt="") for n, name in enumerate(names, 1)]


async def test_a_lost_terminal_harms_nothing_and_is_opened_again(watched: Watched, clock: Clock) -> None:
    observer = Observer()
    out: Any = SimpleNamespace(terminals=watched.terminals, steps=Steps(observer), clock=clock)
    keeper = TerminalKeeper(out)
    watched.agent("t-1-a1")
    running = attempts("t-1-a1")
    assert keeper.due(running) and keeper.seen("t-1-a1") is None
    await keeper.keep()
    assert keeper.seen("t-1-a1") == (True, clock.now) and not keeper.due(running)
    watched.tmux("kill-server")
    assert watched.engine.find("t-1-a1").state is RunState.RUNNING
    clock.advance(30)
    assert keeper.due(running)
    await keeper.keep()
    assert watched.terminals.known() == [FIRST] and not watched.terminals.leftovers()
    assert keeper.due([])
    await TerminalKeeper(out).keep()  # another life, in which nothing runs any more
    assert watched.terminals.known() == [] and not watched.terminals.socket.parent.exists()
    assert observer.steps == [*[(StepName.TERMINAL, "t-1-a1")] * 3, (StepName.TERMINAL, "leftovers")]


async def test_a_tmux_that_refuses_is_no_harm_and_no_fact(watched: Watched, clock: Clock) -> None:
    blocked = watched.place / "blocked"
    blocked.write_text("a file where the directory should be")
    broken = TmuxTerminals(blocked, watched.place / "runs", viewer, os.environ)
    out: Any = SimpleNamespace(terminals=broken, steps=Steps(), clock=clock)
    keeper = TerminalKeeper(out)
    assert keeper.due(attempts("t-1-a1"))
    await keeper.keep()
    assert keeper.seen("t-1-a1") is None


def test_a_socket_has_a_short_path_wherever_the_home_lies(tmp_path: Path) -> None:
    near = tmp_path / "home"
    assert short_place(Path("/srv/waggle/terminals"), near) == Path("/srv/waggle/terminals")
    far = short_place(tmp_path / ("x" * 90) / "terminals", near)
    assert len(os.fsencode(far / "tmux")) < 100 and far == short_place(tmp_path / ("x" * 90), near)
    assert far != short_place(tmp_path / ("x" * 90), tmp_path)


def working(home: CommandLine) -> None:
    """Its second attempt works."""
    worked_on(home)
    registry = home.registry()

    def work(session: Session) -> None:
        row = session.exec(rows(Attempt).where(Attempt.name == "t-1-a2")).one()
        row.state, row.outcome, row.agent = AttemptState.RUNNING, "", "mini"
        session.add(row)

    registry.write_now(work)
    registry.close()


def test_a_person_joins_the_terminal_and_leaves_it(tmp_path: Path) -> None:
    home = CommandLine(tmp_path)
    working(home)
    terminals = TmuxTerminals(Home(home.home).terminals, home.home / "runs", viewer, os.environ)
    watched = Watched(LocalEngine(home.home / "runs"), terminals, tmp_path)
    watched.agent("t-1-a2")
    pid, screen = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        command = [sys.executable, "-m", "bot", "attach", "T-1"]
        os.execve(sys.executable, command, {**home.env, "TERM": "xterm", "TMUX": "/elsewhere,1,0"})
    try:
        seen = b""
        while b"going on" not in seen:
            assert select.select([screen], [], [], 30)[0], seen
            seen += os.read(screen, 65536)
        watched.tmux("send-keys", "-t", "=waggle/T-1:", "C-c")  # ends nothing
        watched.tmux("detach-client", "-s", "=waggle/T-1")
        with contextlib.suppress(OSError):  # the end of a terminal is an error
            while os.read(screen, 65536):
                pass
        assert os.waitpid(pid, 0)[1] == 0
        assert watched.engine.find("t-1-a2").state is RunState.RUNNING and watched.terminals.known() == [SECOND]
    finally:
        watched.engine.stop("t-1-a2", 0.1)
        watched.tmux("kill-server")
        os.close(screen)


def test_who_cannot_join_is_told_what_to_do_instead(tmp_path: Path) -> None:
    home = CommandLine(tmp_path)
    worked_on(home)
    home("attach", "T-1", rc=1)
    assert "`waggle logs T-1`" in home.err
    working_again = tmp_path / "again"
    working_again.mkdir()
    home = CommandLine(working_again)
    working(home)
    home("attach", "T-1", rc=1)
    assert "no terminal" in home.err and "`waggle logs -f T-1`" in home.err
    (working_again / "bin").mkdir()
    home("attach", "T-1", rc=1, PATH=str(working_again / "bin"))
    assert "tmux is not installed" in home.err and "`waggle logs -f T-1`" in home.err
