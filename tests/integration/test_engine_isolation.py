"""Behind walls a run sees what it was given, and nothing else; and it dies whole."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from integrations.engines import EngineError, RunState, RunView
from integrations.engines.walls import Walls, behind_walls, bubblewrap_problem
from tests.integration.engine_world import FAMILY, PATH, World, gone, until

PROBLEM = bubblewrap_problem()
pytestmark = pytest.mark.skipif(PROBLEM is not None, reason=str(PROBLEM))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    (made.root / "tree").mkdir()
    (made.root / "secret").write_text("planted-secret")
    yield made
    made.close()


def start(world: World, script: str, walls: Walls | None = None, **more: object) -> None:
    tree = world.root / "tree"
    given = {"cwd": tree, "env": {"PATH": PATH, "HOME": str(Path.home())}, **more}
    world.engine.start(behind_walls(world.spec("t-1-a1", script, **given), walls or Walls(write=(tree,))))


def play(world: World, script: str, walls: Walls | None = None, **more: object) -> RunView:
    start(world, script, walls, **more)
    return world.until_over("t-1-a1")


def rc(view: RunView) -> int | None:
    assert view.exit is not None
    return view.exit.rc


def test_it_works_in_its_own_tree_and_its_exit_code_comes_through(world: World) -> None:
    assert rc(play(world, "cat; echo made > file; exit 7", stdin=b"prompt\n")) == 7
    assert world.events("t-1-a1") == ("prompt",)
    assert (world.root / "tree" / "file").read_text() == "made\n"


def test_it_sees_nothing_beside_what_it_was_given(world: World) -> None:
    script = f"cat {world.root}/secret; ls -A {world.root} $HOME /tmp; ls -d /root/* /home/* /var/lib /etc/shadow 2>&1"
    play(world, script)
    seen = "\n".join(world.events("t-1-a1"))
    assert "planted-secret" not in seen
    lines = [line for line in world.events("t-1-a1") if line and not line.endswith(":") and "cannot access" not in line]
    # The way to its own tree and to the Python that runs the tests, with nothing beside them.
    ways = {*world.root.parts, *Path(sys.prefix).parts, *Path(sys.base_prefix).parts}
    assert set(lines) <= {"tree", *ways}


def test_what_it_may_read_it_may_not_write(world: World) -> None:
    shared, tree = world.root / "shared", world.root / "tree"
    shared.mkdir()
    (shared / "file").write_text("known\n")
    (tree / "config").write_text("set\n")
    walls = Walls(write=(tree,), read=(shared,), keep=(tree / "config",))
    play(world, f"cat {shared}/file config; echo x > {shared}/file; echo x > config; rm -f config", walls)
    assert world.events("t-1-a1") == ("known", "set")
    assert (shared / "file").read_text() == "known\n"
    assert (tree / "config").read_text() == "set\n"


def test_nothing_of_the_environment_outside_can_be_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "planted-token")
    play(world, "cat /proc/[0-9]*/environ | tr '\\0' '\\n'; ls -d /proc/[0-9]* | wc -l")
    lines = world.events("t-1-a1")
    assert "WAGGLE_RUN=t-1-a1" in lines
    assert "planted-token" not in "\n".join(lines)
    assert int(lines[-1]) < 8  # its own processes only


@pytest.mark.parametrize("network", [True, False])
def test_the_network_is_as_the_settings_say(world: World, network: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        reach = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
        walls = Walls(write=(world.root / "tree",), network=network)
        view = play(world, "", walls, argv=("python3", "-c", reach), env={"PATH": "/usr/bin:/bin"})
    assert (rc(view) == 0) is network


def test_a_program_of_ones_own_is_found_behind_walls(world: World) -> None:
    (world.root / "tool").write_text("#!/bin/sh\necho tool\n")
    (world.root / "tool").chmod(0o755)
    play(world, "", argv=("tool",), env={"PATH": f"{world.root}:/usr/bin:/bin"})
    assert world.events("t-1-a1") == ("tool",)


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="these tests do not run in a virtual environment")
def test_a_virtual_environment_is_one_behind_walls_too(world: World) -> None:
    play(world, "", argv=(sys.executable, "-c", "import sys, pytest; print(sys.prefix)"))
    assert world.events("t-1-a1") == (sys.prefix,)


def test_a_stop_leaves_time_to_end_and_none_of_five_survivors(world: World) -> None:
    polite = f"trap 'echo bye; exit 9' TERM\n{FAMILY.replace('sleep 1004', 'sleep 1004 & wait $!')}"
    start(world, polite, env={"PATH": "/usr/bin:/bin"})
    world.until_said("t-1-a1", "family")
    family = world.alive("t-1-a1")
    assert len(family) >= 5
    view = world.engine.stop("t-1-a1", 5.0)
    assert world.events("t-1-a1")[-1] == "bye"
    assert rc(view) == 9
    assert all(gone(pid) for pid in family)


def test_the_whole_tree_dies_with_its_runner(world: World) -> None:
    start(world, FAMILY, env={"PATH": "/usr/bin:/bin"})
    world.until_said("t-1-a1", "family")
    family = world.alive("t-1-a1")
    os.kill(world.runner("t-1-a1"), signal.SIGKILL)
    until(lambda: all(gone(pid) for pid in family))
    assert world.engine.find("t-1-a1").state is RunState.LOST


def test_work_is_committed_in_a_worktree_whose_git_settings_cannot_be_changed(world: World) -> None:
    pool, tree = world.root / "pool.git", world.root / "work"
    who = ("-c", "user.name=w", "-c", "user.email=w@x")
    for argv in (
        ("init", "-q", "--bare", "-b", "main", str(pool)),
        ("-C", str(pool), "commit-tree", "-m", "begin", "4b825dc642cb6eb9a060e54bf8d69288fbee4904"),
    ):
        done = subprocess.run(["git", *who, *argv], check=True, capture_output=True, text=True)
    first = done.stdout.strip()
    subprocess.run(["git", "-C", str(pool), "worktree", "add", "-q", "-b", "t", str(tree), first], check=True)
    walls = Walls(write=(tree, pool), keep=(pool / "config", pool / "hooks"))
    script = """
        git config user.name w || git config --worktree user.name w || echo "no settings"
        echo new > file && git add file && git -c user.name=w -c user.email=w@x commit -qm work && echo committed
        echo evil > "$(git rev-parse --git-common-dir)/hooks/post-commit" || echo "no hooks"
    """
    play(world, script, walls, cwd=tree)
    assert world.events("t-1-a1") == ("no settings", "committed", "no hooks")
    log = subprocess.run(
        ["git", "-C", str(pool), "log", "--format=%s", "t"], check=True, capture_output=True, text=True
    )
    assert log.stdout.split() == ["work", "begin"]


@pytest.mark.parametrize("place", ["write", "read", "keep"])
def test_a_link_that_an_earlier_run_may_have_laid_is_not_followed(world: World, place: str) -> None:
    link = world.root / "tree" / "link"
    link.symlink_to("/etc")
    with pytest.raises(EngineError, match="it is a link"):
        start(world, "true", Walls(**{"write": (world.root / "tree",), place: (link,)}))


def test_what_is_not_there_is_named(world: World) -> None:
    with pytest.raises(EngineError, match="it is not there"):
        start(world, "true", Walls(write=(world.root / "nowhere",)))
    with pytest.raises(EngineError, match="no-such-agent is not on the PATH"):
        start(world, "", argv=("no-such-agent",))
