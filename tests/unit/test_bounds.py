"""Control groups as the kernel shows them, in both versions, on a tree of ordinary files."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations.engines import bounds
from integrations.engines.egress import allowed
from integrations.engines.watchdog import LOOK_S, Watchdog

RUN = "/home/waggle/runs/t-1-a1"


def tree(root: Path, *files: str) -> None:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")


def test_version_2_bounds_memory_and_processes_in_one_group(tmp_path: Path) -> None:
    name = bounds.name_for(RUN)
    tree(tmp_path, "cgroup.controllers", f"app/{name}/memory.max", f"app/{name}/pids.max", f"app/{name}/cgroup.procs")
    (tmp_path / "own").write_text("0::/app\n")
    made = bounds.make(RUN, 2**30, 100, str(tmp_path), str(tmp_path / "own"))
    group = tmp_path / "app" / name
    assert made.kind == "cgroup v2" and made.memory
    assert (group / "memory.max").read_text() == str(2**30)
    assert int((group / "pids.max").read_text()) >= 100
    (group / "memory.stat").write_text("anon 1000\nfile 5000\nshmem 24\n")
    (group / "memory.events").write_text("low 0\noom 1\noom_kill 2\n")
    (group / "cgroup.procs").write_text("41\n42\n")
    assert (made.used(), made.killed_for_memory(), made.pids()) == (1024, True, [41, 42])
    assert bounds.find(RUN, str(tmp_path), str(tmp_path / "own")).groups == made.groups


def test_version_1_counts_what_belongs_to_processes_and_not_the_files_kept_at_hand(tmp_path: Path) -> None:
    name = bounds.name_for(RUN)
    tree(tmp_path, f"memory/job/{name}/memory.limit_in_bytes", f"pids/{name}/pids.max")
    (tmp_path / "own").write_text("8:pids:/\n4:memory:/job\n0::/\n")
    made = bounds.make(RUN, 2**30, 100, str(tmp_path), str(tmp_path / "own"))
    group = tmp_path / "memory" / "job" / name
    assert made.kind == "cgroup v1" and set(made.groups) == {"memory", "pids"}
    (group / "memory.stat").write_text("cache 900\nrss 1\ntotal_rss 1000\ntotal_shmem 24\n")
    (group / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 0\n")
    assert (made.used(), made.killed_for_memory()) == (1024, False)


@pytest.mark.parametrize("own", ["", "0::/\n", "4:memory:/job\n"])
def test_where_no_group_can_be_made_there_is_the_watchdog(tmp_path: Path, own: str) -> None:
    (tmp_path / "own").write_text(own)
    made = bounds.make(RUN, 2**30, 100, str(tmp_path), str(tmp_path / "own"))
    assert (made.kind, made.groups, made.used(), made.pids()) == ("watchdog", {}, None, [])


def test_killing_begins_with_nobody_being_born_any_more(tmp_path: Path) -> None:
    tree(tmp_path, "pids.max")
    bounds.Bounds("cgroup v2", {"pids": str(tmp_path)}).hold()
    assert (tmp_path / "pids.max").read_text() == "0"
    bounds.Bounds("watchdog", {}).hold()


@pytest.mark.parametrize(
    ("looks", "over", "quick"),
    [
        ([(10, 5, 100)], "", False),
        ([(10, 5, 100), (10, 5, 300)], "", False),  # grown by 200 in a look, it is at 700 two looks later
        ([(10, 5, 100), (10, 5, 500)], "", True),
        ([(10, 5, 100), (10, 5, 500), (10, 5, 500)], "", False),  # it stopped growing
        ([(10, 5, 900), (10, 5, 100)], "", False),
        ([(10, 5, 1001)], "memory", True),
        ([(10, 51, 0)], "processes", True),
        ([(101, 51, 1001)], "output", True),
        ([(50, 5, 0), (100, 5, 0)], "", True),
    ],
)
def test_who_comes_near_a_limit_is_looked_at_more_often(
    looks: list[tuple[int, int, int]], over: str, quick: bool
) -> None:
    dog = Watchdog({"max_output_bytes": 100, "max_processes": 50, "max_rss_bytes": 1000})
    for n, (output, processes, memory) in enumerate(looks, start=1):
        said = dog.over({"output": output, "processes": processes, "memory": memory}, n * LOOK_S)
    assert (said, dog.pause_s < LOOK_S) == (over, quick)


def test_what_is_not_limited_is_never_passed() -> None:
    dog = Watchdog({"max_rss_bytes": None, "max_processes": 10})
    assert dog.over({"output": 10**12, "processes": 1, "memory": 10**12}, 1.0) == ""


@pytest.mark.parametrize(
    ("host", "port", "listed", "yes"),
    [
        ("pypi.org", 443, "pypi.org", True),
        ("PyPI.org.", 443, "pypi.org", True),
        ("evil-pypi.org", 443, "pypi.org", False),
        ("pypi.org.evil.com", 443, "pypi.org", False),
        ("registry.npmjs.org", 443, "*.npmjs.org", True),
        ("npmjs.org", 443, "*.npmjs.org", False),
        ("localhost", 8080, "localhost:8080", True),
        ("localhost", 8081, "localhost:8080", False),
    ],
)
def test_only_hosts_on_the_list_are_reached(host: str, port: int, listed: str, yes: bool) -> None:
    assert allowed(host, port, (listed,)) is yes
