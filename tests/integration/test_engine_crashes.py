"""The local engine when somebody is killed at the worst moment: Waggle, the runner, or the agent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from integrations.engines import EngineError, RunState
from integrations.engines.local import LocalEngine
from tests.integration.engine_world import FAMILY, PATH, World, gone, until

ROOT = Path(__file__).parents[2]

#: Starts a run in a process of its own, which is killed with -9 at the named point of `LocalEngine.start`.
STARTER = """
import os, signal, subprocess, sys
from pathlib import Path
from integrations.engines import RunSpec, local, run_files

point, runs, script = sys.argv[1:]
die = lambda: os.kill(os.getpid(), signal.SIGKILL)
start_process, write_spec = subprocess.Popen, run_files.RunFiles.write_spec

def killed_around_popen(*given, **more):
    if point == "before-the-process":
        die()
    runner = start_process(*given, **more)
    if point == "with-the-runner":
        runner.kill()
    die()

def killed_around_spec(files, spec):
    if point == "before-the-spec":
        die()
    write_spec(files, spec)
    if point == "after-the-spec":
        die()

if point != "after-the-start":
    subprocess.Popen = killed_around_popen
    run_files.RunFiles.write_spec = killed_around_spec
engine = local.LocalEngine(Path(runs))
engine.start(RunSpec(name="t-1-a1", argv=("/bin/sh", "-c", script), cwd=Path(runs), env={"PATH": os.environ["PATH"]}))
die()
"""

POINTS = ("before-the-spec", "after-the-spec", "before-the-process", "after-the-process", "after-the-start")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def start_and_die(world: World, point: str, script: str) -> None:
    """A Waggle that is killed, with its whole process group, while it starts a run."""
    done = subprocess.run(
        [sys.executable, "-c", STARTER, point, str(world.runs), script],
        cwd=ROOT,
        env={"PATH": PATH, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("point", POINTS)
def test_a_start_that_was_cut_short_is_one_process_after_the_next(world: World, point: str) -> None:
    script = "echo up; exec sleep 1000"
    start_and_die(world, point, script)
    view = world.engine.start(world.spec("t-1-a1", script))
    assert view.state is RunState.RUNNING
    world.until_said("t-1-a1", "up")
    assert world.events("t-1-a1") == ("up",)
    assert len(world.alive("t-1-a1")) == 1


def test_a_runner_that_dies_while_it_starts_never_makes_two(world: World) -> None:
    script = "echo up; exec sleep 1000"
    start_and_die(world, "with-the-runner", script)
    until(lambda: not world.files("t-1-a1").is_locked())
    try:
        world.engine.start(world.spec("t-1-a1", script))
    except EngineError:
        assert world.engine.find("t-1-a1").state is RunState.LOST  # it had come far enough to count as used
    else:
        world.until_said("t-1-a1", "up")
    assert world.events("t-1-a1").count("up") <= 1
    assert len(world.alive("t-1-a1")) <= 1


@pytest.mark.proves("25", "F")
def test_an_agent_outlives_waggle_and_is_adopted_by_the_next(world: World) -> None:
    os.mkfifo(world.runs / "go")
    start_and_die(world, "after-the-start", "echo up; read x < go; echo done; exit 5")
    world.until_said("t-1-a1", "up")
    heir = LocalEngine(world.runs)
    adopted = heir.find("t-1-a1")
    assert adopted.state is RunState.RUNNING
    assert heir.start(world.spec("t-1-a1", "echo other")).pid == adopted.pid
    (world.runs / "go").write_text("\n")
    view = world.until_over("t-1-a1")
    assert view.exit is not None
    assert (view.exit.rc, view.exit.why) == (5, "exited")
    assert world.events("t-1-a1") == ("up", "done")


def test_a_killed_runner_takes_its_agent_along_and_is_lost(world: World) -> None:
    world.engine.start(world.spec("t-1-a1", "setsid sleep 1001 & echo $$; exec sleep 1000"))
    until(lambda: world.events("t-1-a1"))
    agent = int(world.events("t-1-a1")[0])
    until(lambda: len(world.alive("t-1-a1")) == 2)
    os.kill(world.runner("t-1-a1"), signal.SIGKILL)
    until(lambda: gone(agent))
    assert world.engine.find("t-1-a1").state is RunState.LOST  # although a tool of it lives on, with no lock inherited
    assert len(world.alive("t-1-a1")) == 1

    view = world.engine.stop("t-1-a1", 1.0)
    assert world.alive("t-1-a1") == []
    assert view.exit is not None
    assert (view.exit.rc, view.exit.why, view.exit.strays) == (None, "lost", 1)


def test_a_lost_run_is_cleared_when_it_is_removed(world: World) -> None:
    world.engine.start(world.spec("t-1-a1", FAMILY))
    world.until_said("t-1-a1", "family")
    family = world.alive("t-1-a1")
    os.kill(world.runner("t-1-a1"), signal.SIGKILL)
    until(lambda: world.engine.find("t-1-a1").state is RunState.LOST)
    world.engine.remove("t-1-a1")
    assert all(gone(pid) for pid in family)
    assert world.engine.find("t-1-a1").state is RunState.ABSENT


def test_a_lost_run_is_not_started_again_under_its_name(world: World) -> None:
    world.engine.start(world.spec("t-1-a1", "sleep 1000"))
    os.kill(world.runner("t-1-a1"), signal.SIGKILL)
    until(lambda: world.engine.find("t-1-a1").state is RunState.LOST)
    with pytest.raises(EngineError, match="runs once"):
        world.engine.start(world.spec("t-1-a1", "sleep 1000"))


def test_a_killed_agent_ends_with_its_signal_and_leaves_nothing(world: World) -> None:
    world.engine.start(world.spec("t-1-a1", f"echo $$\n{FAMILY}"))
    world.until_said("t-1-a1", "family")
    os.kill(int(world.events("t-1-a1")[0]), signal.SIGKILL)
    view = world.until_over("t-1-a1")
    assert view.exit is not None
    assert (view.exit.rc, view.exit.why) == (-signal.SIGKILL, "exited")
    assert view.exit.strays >= 4
    assert world.alive("t-1-a1") == []


def test_a_frozen_runner_does_not_keep_a_stop_waiting_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.engines.local._SEEN_S", 0.5)
    world.engine.start(world.spec("t-1-a1", "setsid sleep 1001 & exec sleep 1000"))
    until(lambda: len(world.alive("t-1-a1")) == 2)
    os.kill(world.runner("t-1-a1"), signal.SIGSTOP)
    view = world.engine.stop("t-1-a1", 0.1)
    assert view.exit is not None
    assert view.exit.why == "stopped"
    assert world.alive("t-1-a1") == []


@pytest.mark.proves("F")
def test_a_pid_that_passed_to_somebody_else_is_left_alone(world: World) -> None:
    world.engine.start(world.spec("t-1-a1", "sleep 1000"))
    files = world.files("t-1-a1")
    bystander = subprocess.Popen(["sleep", "1000"])
    try:
        os.kill(world.runner("t-1-a1"), signal.SIGKILL)
        until(lambda: not files.is_locked())
        state = (files.path / "state.json").read_text()
        (files.path / "state.json").write_text(state.replace(str(world.runner("t-1-a1")), str(bystander.pid)))
        world.engine.stop("t-1-a1", 0.1)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


@pytest.mark.proves("30", "H")
def test_torn_files_of_a_power_cut_are_read_as_missing(world: World) -> None:
    path = world.files("t-1-a1").path
    path.mkdir()
    for name in ("spec.json", "state.json", "exit.json"):
        (path / name).write_text('{"pid": 1')
    assert world.engine.find("t-1-a1").state is RunState.STARTING
    assert [view.name for view in world.engine.list()] == ["t-1-a1"]


def test_a_runner_without_its_own_waggle_leaves_no_zombie(world: World) -> None:
    world.engine.start(world.spec("t-1-a1", "true"))
    runner = world.runner("t-1-a1")
    world.until_over("t-1-a1")
    until(lambda: world.engine.list() and not Path(f"/proc/{runner}").exists())
