"""Each level of isolation, through the door that the rest of the code uses: what dies, what is seen, what is bound."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from integrations.engines import RunState, RunView
from integrations.engines.bounds import find
from integrations.engines.environment import ForbiddenVariable
from integrations.engines.isolation import Given, Isolation, Level, Network, confine
from integrations.engines.walls import bubblewrap_problem
from tests.integration.engine_world import FAMILY, PATH, World, gone, until

WALLS = bubblewrap_problem()
HERE = [Level.WORKTREE, pytest.param(Level.BUBBLEWRAP, marks=pytest.mark.skipif(WALLS is not None, reason=str(WALLS)))]
BEHIND_WALLS = pytest.mark.skipif(WALLS is not None, reason=str(WALLS))
NAME = "t-1-a1"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    (made.root / "tree").mkdir()
    yield made
    made.close()


def start(world: World, isolation: Isolation, script: str = "true", **more: object) -> None:
    tree = world.root / "tree"
    spec = world.spec(NAME, script, **{"cwd": tree, "env": {"PATH": "/usr/bin:/bin"}, **more})
    world.engine.start(confine(spec, isolation, Given(write=(tree,)), os.environ))


def killed(view: RunView) -> str:
    assert view.exit is not None
    return view.exit.why


@pytest.mark.parametrize("level", HERE)
def test_a_stop_leaves_none_of_five_survivors(world: World, level: Level) -> None:
    start(world, Isolation(level), FAMILY)
    world.until_said(NAME, "family")
    family = world.alive(NAME)
    assert len(family) >= 5
    assert killed(world.engine.stop(NAME, 0.0)) == "stopped"
    assert [pid for pid in family if not gone(pid)] == []


@pytest.mark.parametrize("level", HERE)
def test_the_five_survivors_die_too_when_the_runner_was_killed_first(world: World, level: Level) -> None:
    start(world, Isolation(level), FAMILY)
    world.until_said(NAME, "family")
    family = world.alive(NAME)
    os.kill(world.runner(NAME), signal.SIGKILL)
    until(lambda: world.engine.find(NAME).state is RunState.LOST)
    world.engine.stop(NAME, 0.0)
    assert [pid for pid in family if not gone(pid)] == []


@pytest.mark.parametrize("level", HERE)
def test_a_frozen_tree_stands_still_with_its_deadline_and_goes_on_when_it_thaws(world: World, level: Level) -> None:
    counting = "n=0; while :; do n=$((n + 1)); echo $n; sleep 0.02; done"
    start(world, Isolation(level), counting, deadline_s=3600)
    until(lambda: world.engine.find(NAME).event_bytes > 0)
    world.engine.freeze(NAME)
    until(lambda: {_state(pid) for pid in world.alive(NAME)} == {"T"})
    said = world.engine.find(NAME)
    assert said.state is RunState.RUNNING and said.frozen
    size = said.event_bytes
    again = type(world.engine)(world.runs)  # a Waggle that was started anew
    assert again.find(NAME).event_bytes == size
    again.thaw(NAME)
    until(lambda: world.engine.find(NAME).event_bytes > size)
    numbers = [int(line) for line in world.events(NAME)]
    assert numbers == list(range(1, len(numbers) + 1)), "it went on from where it stood"


def test_time_in_the_frost_does_not_count_against_the_deadline(world: World) -> None:
    start(world, Isolation(), "echo up; sleep 1000", deadline_s=1.0)
    world.until_said(NAME, "up")
    world.engine.freeze(NAME)
    threading.Event().wait(1.2)
    assert world.engine.find(NAME).state is RunState.RUNNING
    world.engine.thaw(NAME)
    assert killed(world.until_over(NAME)) == "timeout"


def test_what_is_frozen_can_be_stopped(world: World) -> None:
    start(world, Isolation(), FAMILY)
    world.until_said(NAME, "family")
    family = world.alive(NAME)
    world.engine.freeze(NAME)
    assert killed(world.engine.stop(NAME, 30.0)) == "stopped"
    assert [pid for pid in family if not gone(pid)] == []


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"


def test_further_variables_are_given_by_name_and_some_never(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPM_REGISTRY", "https://npm.example")
    start(world, Isolation(environment=("NPM_REGISTRY", "NOT_SET")), "env")
    world.until_over(NAME)
    assert "NPM_REGISTRY=https://npm.example" in world.events(NAME)
    assert not [line for line in world.events(NAME) if line.startswith("NOT_SET")]
    with pytest.raises(ForbiddenVariable):
        start(world, Isolation(environment=("GITHUB_TOKEN",)))


@BEHIND_WALLS
def test_a_list_of_hosts_is_the_whole_network(world: World) -> None:
    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(f"hello from {self.path}".encode())

        def log_message(self, *_: object) -> None:
            return

    program = """
import socket, urllib.error, urllib.request
for address in ADDRESSES:
    try:
        print(urllib.request.urlopen(address, timeout=20).read().decode())
    except urllib.error.HTTPError as problem:
        print(problem.code)
try:
    socket.create_connection(("127.0.0.1", PORT), 5)
    print("reached without asking")
except OSError:
    print("no other way")
raise SystemExit(7)
"""
    with HTTPServer(("127.0.0.1", 0), Site) as site:
        port = site.server_address[1]
        threading.Thread(target=site.serve_forever, daemon=True).start()
        text = program.replace("PORT", str(port)).replace(
            "ADDRESSES", repr([f"http://127.0.0.1:{port}/a", f"http://localhost:{port}/b", "http://example.org/"])
        )
        isolation = Isolation(Level.BUBBLEWRAP, Network.HOSTS, hosts=(f"127.0.0.1:{port}",))
        start(world, isolation, argv=("python3", "-c", text))
        view = world.until_over(NAME)
        site.shutdown()
    assert world.events(NAME) == ("hello from /a", "403", "403", "no other way")
    assert view.exit is not None and view.exit.rc == 7


@BEHIND_WALLS
def test_behind_a_list_of_hosts_a_stop_leaves_time_to_end_and_nobody(world: World) -> None:
    polite = f"trap 'echo bye; exit 9' TERM\n{FAMILY.replace('sleep 1004', 'sleep 1004 & wait $!')}"
    start(world, Isolation(Level.BUBBLEWRAP, Network.HOSTS, hosts=("pypi.org",)), polite)
    world.until_said(NAME, "family")
    family = world.alive(NAME)
    view = world.engine.stop(NAME, 20.0)
    assert world.events(NAME)[-1] == "bye"
    assert view.exit is not None and view.exit.rc == 9
    assert [pid for pid in family if not gone(pid)] == []


DOCKER = """#!/bin/sh
printf '%s\\n' "$*" >> {log}
case "$1" in run) shift; echo up; exec sleep 1000;; esac
"""


@pytest.fixture
def docker(world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A client that writes down what it is told; there is no engine here."""
    log, program = world.root / "docker.log", world.root / "docker"
    program.write_text(DOCKER.format(log=log))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{world.root}:{PATH}")
    return log


def test_a_container_is_given_its_directories_and_limits_and_no_value_in_an_argument(
    world: World, docker: Path
) -> None:
    tree = world.root / "tree"
    (tree / "config").write_text("x")
    spec = world.spec(NAME, "true", cwd=tree, env={"PATH": "/usr/bin", "ANTHROPIC_API_KEY": "planted-key"})
    isolation = Isolation(
        Level.DOCKER, Network.OFF, read=(Path("/opt"),), image="acme/agents:1", memory_bytes=2**30, processes=200
    )
    made = confine(spec, isolation, Given(write=(tree,), keep=(tree / "config",)), {})
    line = " ".join(made.argv)
    assert line.startswith("docker run --rm --init --interactive --name waggle-t-1-a1 ")
    assert f"--volume {tree}:{tree} --volume /opt:/opt:ro --volume {tree}/config:{tree}/config:ro" in line
    assert "--memory 1073741824 --memory-swap 1073741824" in line and "--pids-limit 800" in line
    assert "--network none" in line and "--cap-drop ALL --security-opt no-new-privileges" in line
    assert "--env ANTHROPIC_API_KEY " in line and "planted-key" not in line
    assert line.endswith(f"--workdir {tree} acme/agents:1 /bin/sh -c true")
    assert made.env["ANTHROPIC_API_KEY"] == "planted-key"


def test_a_container_is_paused_and_removed_with_its_run(world: World, docker: Path) -> None:
    start(world, Isolation(Level.DOCKER, image="acme/agents:1"), env={"PATH": os.environ["PATH"]})
    world.until_said(NAME, "up")
    world.engine.freeze(NAME)
    until(lambda: "pause waggle-t-1-a1" in docker.read_text().splitlines())
    world.engine.thaw(NAME)
    until(lambda: "unpause waggle-t-1-a1" in docker.read_text().splitlines())
    world.engine.stop(NAME, 0.0)
    assert docker.read_text().splitlines()[-1] == "rm --force waggle-t-1-a1"


def test_a_container_whose_runner_was_killed_is_removed_when_that_is_seen(world: World, docker: Path) -> None:
    start(world, Isolation(Level.DOCKER, image="acme/agents:1"), env={"PATH": os.environ["PATH"]})
    world.until_said(NAME, "up")
    os.kill(world.runner(NAME), signal.SIGKILL)
    until(lambda: world.engine.find(NAME).state is RunState.LOST)
    world.engine.stop(NAME, 0.0)
    assert docker.read_text().splitlines()[-1] == "rm --force waggle-t-1-a1"


def test_nothing_of_a_run_stays_in_the_kernels_tree_of_groups(world: World) -> None:
    start(world, Isolation(memory_bytes=2**30), "exec sleep 1000")
    until(lambda: world.engine.find(NAME).bounds)
    view = world.engine.find(NAME)
    run_dir = str(world.files(NAME).path)
    assert json.loads((world.files(NAME).path / "state.json").read_text())["bounds"] == view.bounds
    assert (view.bounds == "watchdog") == (find(run_dir).groups == {})
    world.engine.stop(NAME, 0.0)
    assert find(run_dir).groups == {}
