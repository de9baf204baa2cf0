"""Waggle is killed in the middle of making, saving and publishing a workspace; the next start finishes the work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.git_world import SLUG, World, git, new_world

BRANCH = "waggle/t-1"
LIFE = """
import sys
from pathlib import Path
from integrations.git import Remote, Repositories

home, upstream = Path(sys.argv[1]), sys.argv[2]
remote = Remote("acme/site", upstream)
repositories = Repositories(home)
print("begun", flush=True)
repositories.ensure(remote)
repositories.fetch(remote)
base = repositories.resolve("acme/site", "main")
tree = repositories.create_workspace("acme/site", "t-1", "waggle/t-1", base)
(tree.path / "work.txt").write_text("work")
repositories.commit_leftovers(tree.path, "work")
repositories.rescue("acme/site", tree.path, "refs/waggle/rescue/t-1/1")
head = repositories.collect("acme/site", "waggle/t-1")
known = repositories.branches("acme/site").get("waggle/t-1")
repositories.push(remote, head, "waggle/t-1", known)
print("done", flush=True)
"""


def live(world: World, seconds: float | None) -> bool:
    """One life of the supervisor, killed after so many seconds of work. True when it came to its end."""
    process = subprocess.Popen(
        [sys.executable, "-c", LIFE, str(world.repositories.places.home), str(world.upstream)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None and process.stdout.readline() == "begun\n"
    try:
        out, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        out, _ = process.communicate()
    return "done" in out


@pytest.mark.parametrize("first_kill", [0.02, 0.05])
def test_any_number_of_kills_leaves_one_workspace_with_all_its_work(tmp_path: Path, first_kill: float) -> None:
    world = new_world(tmp_path)
    world.push({f"many/{n}.txt": "x" * 200 for n in range(300)})
    seconds = first_kill
    for _ in range(30):
        if live(world, seconds):
            break
        seconds += 0.06
    else:
        assert live(world, None)

    [tree] = world.repositories.workspaces(SLUG)
    assert tree.ready
    assert git("status", "--porcelain", "--branch", cwd=tree.path) == f"## {BRANCH}"
    assert (tree.path / "work.txt").read_text() == "work"
    assert world.remote_commit(BRANCH) == world.repositories.head(tree.path)
    assert git("rev-list", "--count", f"main..{BRANCH}", cwd=world.upstream) == "1"
    git("fsck", "--strict", cwd=world.mirror)
    assert list((world.repositories.places.home / "aside").rglob("*")) == []
