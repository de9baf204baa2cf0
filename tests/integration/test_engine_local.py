"""The local engine with real processes: what a run is given, leaves behind, and how it ends."""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from integrations.engines import EngineError, RunState
from integrations.engines.local import LocalEngine
from tests.integration.engine_world import FAMILY, World, gone, until


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def test_a_run_is_given_its_prompt_and_leaves_both_streams_and_its_exit_code(world: World) -> None:
    prompt = b"do it\n" * 80_000
    world.engine.start(world.spec("t-1-a1", "wc -c; echo trouble >&2; exit 3", stdin=prompt))
    view = world.until_over("t-1-a1")
    assert view.state is RunState.ENDED
    assert view.exit is not None
    assert (view.exit.rc, view.exit.why) == (3, "exited")
    assert world.events("t-1-a1") == (str(len(prompt)),)
    assert world.engine.stderr_tail("t-1-a1") == "trouble\n"
    assert view.exit.peak_rss_bytes > 0


def test_a_run_sees_the_environment_it_was_given_and_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-planted")
    world.engine.start(world.spec("t-1-a1", "env", env={"PATH": os.environ["PATH"], "MODEL_KEY": "planted-key"}))
    world.until_over("t-1-a1")
    names = {line.partition("=")[0] for line in world.events("t-1-a1")}
    assert names - {"PWD", "SHLVL", "_", "OLDPWD"} == {"PATH", "MODEL_KEY", "WAGGLE_RUN", "WAGGLE_RUN_DIR"}


def test_a_secret_in_the_environment_stands_in_no_file_and_no_argument(world: World) -> None:
    env = {"PATH": os.environ["PATH"], "MODEL_KEY": "planted-key"}
    world.engine.start(world.spec("t-1-a1", "echo up; sleep 1000", env=env))
    world.until_said("t-1-a1", "up")
    written = [file for file in world.files("t-1-a1").path.iterdir() if file.is_file()]
    assert {"spec.json", "prompt", "state.json"} <= {file.name for file in written}
    for file in written:
        assert b"planted-key" not in file.read_bytes()
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0
    for pid in (world.runner("t-1-a1"), *world.alive("t-1-a1")):
        assert b"planted-key" not in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_an_agent_inherits_no_descriptor_and_no_file_mode_of_the_runner(world: World) -> None:
    leak = os.open(world.root, os.O_RDONLY)
    os.set_inheritable(leak, True)
    try:
        world.engine.start(world.spec("t-1-a1", "umask; ls /proc/self/fd | wc -l"))
        world.until_over("t-1-a1")
    finally:
        os.close(leak)
    before = os.umask(0)
    os.umask(before)
    # The fourth descriptor is the directory that `ls` itself reads.
    assert world.events("t-1-a1") == (f"{before:04o}", "4")


@pytest.mark.parametrize(
    ("argv", "cwd", "rc"),
    [
        (("no-such-program",), "", 127),
        (("/etc/hostname",), "", 126),
        (("true",), "no-such-directory", 127),
    ],
)
def test_what_cannot_be_started_ends_at_once_and_says_why(
    world: World, argv: tuple[str, ...], cwd: str, rc: int
) -> None:
    world.engine.start(world.spec("t-1-a1", argv=argv, cwd=world.root / cwd))
    view = world.until_over("t-1-a1")
    assert view.exit is not None
    assert view.exit.rc == rc
    assert (cwd or argv[0]) in world.engine.stderr_tail("t-1-a1")


@pytest.mark.parametrize("name", ["../t-1", "a/b", "", ".hidden", "T-1", "a\n", "x" * 100])
def test_a_name_that_could_leave_the_directory_is_refused(world: World, name: str) -> None:
    for act in (lambda: world.engine.start(world.spec(name)), lambda: world.engine.find(name)):
        with pytest.raises(EngineError, match="not a usable name"):
            act()
    assert list(world.runs.iterdir()) == []


def test_a_name_runs_once_until_it_is_removed(world: World) -> None:
    world.engine.start(world.spec("t-1-a1"))
    world.until_over("t-1-a1")
    with pytest.raises(EngineError, match="runs once"):
        world.engine.start(world.spec("t-1-a1"))
    world.engine.remove("t-1-a1")
    assert world.engine.find("t-1-a1").state is RunState.ABSENT
    world.engine.start(world.spec("t-1-a1"))
    assert world.until_over("t-1-a1").state is RunState.ENDED


def test_what_a_death_left_of_a_removal_goes_with_the_next_start(world: World) -> None:
    cut_short = world.runs / ".removed-t-1-a1-1-1"
    cut_short.mkdir(parents=True)
    (cut_short / "exit.json").write_text("{}")
    assert world.engine.list() == []
    world.engine.start(world.spec("t-1-a2"))
    assert not cut_short.exists()


def test_a_living_run_cannot_be_removed(world: World) -> None:
    world.engine.start(world.spec("t-1-a1", "sleep 1000"))
    with pytest.raises(EngineError, match="still running"):
        world.engine.remove("t-1-a1")
    assert world.engine.find("t-1-a1").state is RunState.RUNNING


@pytest.mark.proves("28")
def test_twenty_starts_at_once_are_twenty_runs(world: World) -> None:
    names = [f"t-{n}-a1" for n in range(20)]
    with ThreadPoolExecutor(20) as pool:
        views = list(pool.map(lambda name: world.engine.start(world.spec(name, "exec sleep 1000")), names))
    assert {view.state for view in views} == {RunState.RUNNING}
    assert len({view.pid for view in views}) == 20
    until(lambda: all(len(world.alive(name)) == 1 for name in names))
    assert {view.name for view in world.engine.list()} == set(names)


def test_a_name_started_twenty_times_at_once_is_one_process(world: World) -> None:
    engines = [LocalEngine(world.runs) for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        views = list(pool.map(lambda one: one.start(world.spec("t-1-a1", "echo up; exec sleep 1000")), engines))
    world.until_said("t-1-a1", "up")
    assert len({view.pid for view in views}) == 1
    assert len(world.alive("t-1-a1")) == 1
    assert world.events("t-1-a1") == ("up",)


def test_a_stop_leaves_none_of_five_survivors(world: World) -> None:
    world.engine.start(world.spec("t-1-a1", FAMILY))
    world.until_said("t-1-a1", "family")
    assert len(world.alive("t-1-a1")) >= 5
    family = world.alive("t-1-a1")
    began = time.monotonic()
    view = world.engine.stop("t-1-a1", 5.0)
    assert time.monotonic() - began < 5.0
    assert all(gone(pid) for pid in family)
    assert view.exit is not None
    assert view.exit.why == "stopped"


def test_what_ignores_a_polite_request_is_killed_when_its_time_is_over(world: World) -> None:
    stubborn = (
        "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(999)"
    )
    world.engine.start(world.python("t-1-a1", stubborn))
    world.until_said("t-1-a1", "up")
    view = world.engine.stop("t-1-a1", 0.3)
    assert view.exit is not None
    assert (view.exit.rc, view.exit.why) == (-signal.SIGKILL, "stopped")
    assert world.alive("t-1-a1") == []


def test_a_second_stop_changes_nothing(world: World) -> None:
    world.engine.start(world.spec("t-1-a1", "sleep 1000"))
    first = world.engine.stop("t-1-a1", 1.0)
    assert world.engine.stop("t-1-a1", 1.0) == first


def test_what_ended_by_itself_is_not_called_stopped(world: World) -> None:
    world.engine.start(world.spec("t-1-a1", "exit 4"))
    world.until_over("t-1-a1")
    view = world.engine.stop("t-1-a1", 1.0)
    assert view.exit is not None
    assert (view.exit.rc, view.exit.why) == (4, "exited")


def test_a_run_that_never_came_up_is_stopped_for_good(world: World) -> None:
    world.files("t-1-a1").path.mkdir()
    assert world.engine.find("t-1-a1").state is RunState.STARTING
    view = world.engine.stop("t-1-a1", 1.0)
    assert view.exit is not None
    assert (view.exit.rc, view.exit.why) == (None, "stopped")
    with pytest.raises(EngineError, match="runs once"):
        world.engine.start(world.spec("t-1-a1"))


def test_what_an_agent_leaves_running_is_killed_when_it_ends(world: World) -> None:
    world.engine.start(world.spec("t-1-a1", FAMILY.replace("sleep 1004", "exit 0")))
    view = world.until_over("t-1-a1")
    assert view.exit is not None
    assert (view.exit.rc, view.exit.why) == (0, "exited")
    assert view.exit.strays >= 4
    assert world.alive("t-1-a1") == []


def test_a_run_ends_at_its_deadline(world: World) -> None:
    world.engine.start(world.spec("t-1-a1", "sleep 1000", deadline_s=0.3))
    view = world.until_over("t-1-a1")
    assert view.exit is not None
    assert (view.exit.rc, view.exit.why) == (-signal.SIGTERM, "timeout")


def test_what_a_run_uses_is_seen_while_it_runs(world: World) -> None:
    world.engine.start(world.spec("t-1-a1", "(while :; do :; done) & sleep 1000"))
    until(lambda: (world.engine.find("t-1-a1").cpu_s or 0.0) > 0.1)
    view = world.engine.find("t-1-a1")
    assert view.processes == 3
    assert view.rss_bytes is not None and view.rss_bytes > 0
    assert view.usage_at is not None and view.started_at is not None and view.usage_at >= view.started_at


def test_two_homes_may_use_one_name(world: World, tmp_path: Path) -> None:
    other = World(tmp_path / "other")
    try:
        for one in (world, other):
            one.engine.start(one.spec("t-1-a1", "echo up; exec sleep 1000", cwd=tmp_path))
            one.until_said("t-1-a1", "up")
        world.engine.stop("t-1-a1", 1.0)
        assert other.engine.find("t-1-a1").state is RunState.RUNNING
        assert len(other.alive("t-1-a1")) == 1
    finally:
        other.close()


def test_events_come_in_whole_lines_and_only_line_feeds_end_them(world: World) -> None:
    world.engine.start(
        world.spec("t-1-a1", r"printf 'one\302\205\342\200\250still one\ntw'; echo >&2; read x; cat go; echo")
    )
    world.until_over("t-1-a1")
    chunk = world.engine.read_events("t-1-a1", 0)
    assert chunk.lines == ("one\x85\u2028still one", "tw")
    assert world.engine.read_events("t-1-a1", chunk.offset) == type(chunk)((), chunk.offset)
    assert world.engine.read_events("t-1-a1", len("one\x85\u2028still one\n".encode())).lines == ("tw",)


def test_half_a_line_waits_for_its_other_half(world: World) -> None:
    os.mkfifo(world.root / "go")
    world.engine.start(world.spec("t-1-a1", "echo one; printf tw; read x < go; echo o"))
    until(lambda: world.engine.find("t-1-a1").event_bytes == len("one\ntw"))
    chunk = world.engine.read_events("t-1-a1", 0)
    assert chunk.lines == ("one",)
    (world.root / "go").write_text("\n")
    world.until_over("t-1-a1")
    assert world.engine.read_events("t-1-a1", chunk.offset).lines == ("two",)


def test_a_command_is_run_to_its_end_with_both_streams_as_they_came(world: World) -> None:
    result = world.engine.run(world.spec("t-1-a1-install", "echo one; echo two >&2; echo three; exit 2"))
    assert (result.rc, result.why, result.output) == (2, "exited", "one\ntwo\nthree\n")


def test_only_the_tail_of_a_long_command_is_kept(world: World) -> None:
    result = world.engine.run(world.spec("t-1-a1-install", "seq 100000"))
    assert result.output.endswith("99999\n100000\n")
    assert len(result.output) <= 16_000


def test_lines_reach_a_running_agent_from_another_engine(world: World) -> None:
    echo = 'while read line; do echo "heard $line"; done; echo bye'
    world.engine.start(world.spec("t-1-a1", echo, stdin=b"prompt\n", live_input=True))
    world.until_said("t-1-a1", "heard prompt")
    LocalEngine(world.runs).send("t-1-a1", b"mind the docs")
    world.until_said("t-1-a1", "heard mind the docs")
    assert world.engine.find("t-1-a1").state is RunState.RUNNING


def test_input_ends_with_the_turn_unless_something_is_still_to_be_said(world: World) -> None:
    echo = 'while read line; do echo "{\\"type\\": \\"result\\", \\"of\\": \\"$line\\"}"; done'
    spec = world.spec("t-1-a1", echo, stdin=b"prompt\n", live_input=True, input_ends_on="result")
    world.engine.start(spec)
    view = world.until_over("t-1-a1")
    assert view.exit is not None
    assert (view.exit.rc, view.exit.why) == (0, "exited")
    with pytest.raises(EngineError, match="takes no input"):
        world.engine.send("t-1-a1", b"too late")


def test_a_long_line_arrives_whole(world: World) -> None:
    world.engine.start(world.spec("t-1-a1", "while read line; do echo ${#line}; done", stdin=b"x\n", live_input=True))
    world.until_said("t-1-a1", "1")
    world.engine.send("t-1-a1", b"y" * 300_000)
    world.until_said("t-1-a1", "300000")


def test_a_run_without_live_input_says_so(world: World) -> None:
    world.engine.start(world.spec("t-1-a1", "sleep 1000"))
    with pytest.raises(EngineError, match="takes no input"):
        world.engine.send("t-1-a1", b"hello")


def test_another_system_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(EngineError) as raised:
        LocalEngine(tmp_path)
    assert "Linux virtual machine or container" in raised.value.user_message


def test_a_stop_while_others_look_on_is_one_stop(world: World) -> None:
    world.engine.start(world.spec("t-1-a1", "sleep 1000"))
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            world.engine.find("t-1-a1")

    lookers = [threading.Thread(target=look) for _ in range(4)]
    for one in lookers:
        one.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            views = list(pool.map(lambda _: world.engine.stop("t-1-a1", 2.0), range(4)))
    finally:
        over.set()
        for one in lookers:
            one.join()
    assert {view.exit.why for view in views if view.exit} == {"stopped"}
