"""Workspaces: made, adopted, healed, removed; never a half one, never outside the root."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from integrations.git import (
    BadName,
    BranchTaken,
    GitError,
    NotAWorkspace,
    OutsideWorkspaces,
    Repositories,
    RepositoryBusy,
    UnknownRevision,
)
from tests.integration.git_world import SLUG, World, git, new_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return new_world(tmp_path)


def test_a_workspace_is_a_clean_worktree_on_its_branch(world: World) -> None:
    tree = world.workspace()

    assert git("status", "--porcelain", "--branch", cwd=tree.path) == f"## {tree.branch}"
    assert world.repositories.head(tree.path) == tree.base_sha == world.repositories.resolve(SLUG, "main")
    assert (tree.path / "docs" / "größe 新.md").read_text() == "Prüfung\n"
    assert not world.repositories.dirty(tree.path)
    assert world.repositories.workspaces(SLUG) == [tree]
    assert "locked" in git("worktree", "list", "--porcelain", cwd=tree.path)


def test_agents_see_the_base_branch_and_cannot_push(world: World) -> None:
    tree = world.workspace()

    assert git("rev-parse", "origin/main", cwd=tree.path) == tree.base_sha
    world.work(tree, {"a.txt": "1"}, commit="one")
    git("push", "origin", "HEAD:main", cwd=tree.path, check=False)

    assert world.remote_commit("main") == tree.base_sha
    assert world.mirror_ref("refs/heads/main") == ""


def test_agents_can_fetch_the_newest_base_without_a_credential(world: World) -> None:
    tree = world.workspace()
    newer = world.push({"b.txt": "2"})
    world.repositories.fetch(world.remote)

    git("fetch", "-q", "origin", cwd=tree.path)

    assert git("rev-parse", "origin/main", cwd=tree.path) == newer


def test_creating_again_adopts_the_work_in_it(world: World) -> None:
    tree = world.workspace()
    made = world.work(tree, {"a.txt": "1"}, commit="one")
    world.work(tree, {"b.txt": "uncommitted"})
    world.push({"later.txt": "x"})

    again = world.repositories.create_workspace(SLUG, tree.name, tree.branch, world.ready())

    assert again == tree
    assert world.repositories.head(tree.path) == made
    assert (tree.path / "b.txt").read_text() == "uncommitted"


@pytest.mark.proves("28")
def test_eight_workspaces_at_once_all_succeed(world: World) -> None:
    base = world.ready()
    names = [f"t-{n}" for n in range(8)]
    start = threading.Barrier(len(names))

    def make(name: str) -> str:
        start.wait(20)
        tree = world.repositories.create_workspace(SLUG, name, f"waggle/{name}", base)
        return git("status", "--porcelain", "--branch", cwd=tree.path)

    with ThreadPoolExecutor(len(names)) as pool:
        seen = list(pool.map(make, names))

    assert seen == [f"## waggle/{name}" for name in names]
    assert {tree.name for tree in world.repositories.workspaces(SLUG)} == set(names)


def test_two_processes_do_not_write_one_repository_at_once(world: World) -> None:
    world.ready()
    other = Repositories(world.repositories.places.home, patience_s=0.2)

    with world.repositories._lock(SLUG).held(), pytest.raises(RepositoryBusy) as refused:
        other.fetch(world.remote)

    assert refused.value.retryable


@pytest.mark.parametrize("left", ["record", "registered", "files"])
def test_a_half_made_workspace_is_completed(world: World, left: str) -> None:
    """A kill after the record, after `worktree add`, or in the middle of the checkout."""
    tree = world.workspace()
    record = world.repositories.places.record(tree.name)
    record.write_text(record.read_text().replace("true", "false"))
    if left == "record":
        world.repositories.remove_workspace(SLUG, tree.name, tree.branch)
        record.write_text(
            f'{{"name": "{tree.name}", "slug": "{SLUG}", "branch": "{tree.branch}", "base_sha": "{tree.base_sha}"}}'
        )
    elif left == "registered":
        (tree.path / "app.py").unlink()
        (world.repositories.places.admin(SLUG, tree.name) / "index").unlink()
    else:
        (tree.path / "app.py").write_text("half a fi")
    assert [seen.ready for seen in world.repositories.workspaces(SLUG)] == [False]

    again = world.repositories.create_workspace(SLUG, tree.name, tree.branch, tree.base_sha)

    assert again == tree
    assert git("status", "--porcelain", "--branch", cwd=tree.path) == f"## {tree.branch}"
    assert (tree.path / "app.py").read_text() == "print('hello')\n"


def test_a_deleted_directory_comes_back_on_its_branch(world: World) -> None:
    tree = world.workspace()
    made = world.work(tree, {"a.txt": "1"}, commit="one")
    git("worktree", "unlock", str(tree.path), cwd=tree.path)
    for file in sorted(tree.path.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    tree.path.rmdir()

    again = world.repositories.create_workspace(SLUG, tree.name, tree.branch, tree.base_sha)

    assert again == tree
    assert world.repositories.head(tree.path) == made
    assert (tree.path / "a.txt").read_text() == "1"


def test_unknown_files_in_the_way_are_moved_aside_not_deleted(world: World) -> None:
    base = world.ready()
    stray = world.repositories.places.workspace("t-1")
    stray.mkdir(parents=True)
    (stray / "notes.txt").write_text("somebody's")

    tree = world.repositories.create_workspace(SLUG, "t-1", "waggle/t-1", base)

    assert not (tree.path / "notes.txt").exists()
    kept = list((world.repositories.places.home / "aside").rglob("notes.txt"))
    assert [file.read_text() for file in kept] == ["somebody's"]


@pytest.mark.proves("27")
def test_a_failed_creation_leaves_nothing_behind(world: World) -> None:
    base = world.ready()
    blocker = world.pool / "refs" / "heads" / "waggle"
    blocker.parent.mkdir(parents=True, exist_ok=True)
    blocker.write_text(base + "\n")  # a branch "waggle" makes "waggle/t-1" impossible

    with pytest.raises(GitError):
        world.repositories.create_workspace(SLUG, "t-1", "waggle/t-1", base)

    assert world.repositories.workspaces(SLUG) == []
    assert not world.repositories.places.workspace("t-1").exists()
    assert not world.repositories.places.admin(SLUG, "t-1").exists()
    assert git("--git-dir", str(world.pool), "branch", "--format=%(refname:short)", cwd=world.root) == "waggle"


@pytest.mark.proves("28")
def test_a_branch_of_the_remote_is_not_ours(world: World) -> None:
    world.push({"theirs.txt": "1"}, branch="waggle/t-1-work")
    base = world.ready()

    with pytest.raises(BranchTaken) as refused:
        world.repositories.create_workspace(SLUG, "t-1", "waggle/t-1-work", base)

    assert refused.value.free_name == "waggle/t-1-work-2"
    assert "waggle/t-1-work-2 is free" in refused.value.user_message
    assert world.repositories.workspaces(SLUG) == []


def test_a_pushed_branch_is_resumed_from_its_own_commit(world: World) -> None:
    tip = world.push({"theirs.txt": "1"}, branch="waggle/t-1-work")
    world.ready()

    tree = world.repositories.create_workspace(SLUG, "t-1", "waggle/t-1-work", tip)

    assert world.repositories.head(tree.path) == tip


def test_a_branch_that_another_agent_made_is_not_ours(world: World) -> None:
    tree = world.workspace("t-1", "waggle/t-1")
    world.work(tree, {"a.txt": "1"}, commit="one")
    git("branch", "waggle/t-2", cwd=tree.path)

    with pytest.raises(BranchTaken):
        world.repositories.create_workspace(SLUG, "t-2", "waggle/t-2", tree.base_sha)


def test_removing_takes_directory_registration_and_branch(world: World) -> None:
    tree = world.workspace()
    world.work(tree, {"sub/a.txt": "1"}, commit="one")
    (tree.path / "sub").chmod(0o500)

    world.repositories.remove_workspace(SLUG, tree.name, tree.branch)
    world.repositories.remove_workspace(SLUG, tree.name, tree.branch)

    assert not tree.path.exists()
    assert world.repositories.workspaces(SLUG) == []
    assert git("--git-dir", str(world.pool), "branch", "--list", cwd=world.root) == ""
    assert len(git("--git-dir", str(world.pool), "worktree", "list", cwd=world.root).splitlines()) == 1


REMOVE_AND_DIE = """
import os, signal, sys
from pathlib import Path
from integrations.git import Repositories

removed = []

def hear(event, arguments):
    if event == "os.remove" and arguments[0] in ("app.py", ".git"):
        removed.append(arguments[0])
        if len(removed) == 2:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hear)
Repositories(Path(sys.argv[1])).remove_workspace(*sys.argv[2:])
"""


@pytest.mark.parametrize("wanted_again", [True, False])
def test_a_removal_that_is_cut_short_is_no_workspace_with_deleted_files(world: World, wanted_again: bool) -> None:
    tree = world.workspace()
    world.work(tree, {"new.py": "x = 1\n"}, commit="work")
    home = world.repositories.places.home

    died = subprocess.run([sys.executable, "-c", REMOVE_AND_DIE, str(home), SLUG, tree.name, tree.branch], check=False)
    assert died.returncode == -signal.SIGKILL
    assert not tree.path.exists()
    assert [one.name for one in world.repositories.workspaces(SLUG)] == [tree.name], "it is known that one was here"

    if wanted_again:
        again = world.repositories.create_workspace(SLUG, tree.name, tree.branch, tree.base_sha)
        assert not world.repositories.dirty(again.path)
        assert (again.path / "app.py").exists()
    world.repositories.remove_workspace(SLUG, tree.name, tree.branch)
    assert list(tree.path.parent.iterdir()) == [] == world.repositories.workspaces(SLUG)


def test_a_link_in_a_workspace_is_removed_and_not_followed(world: World) -> None:
    tree = world.workspace()
    outside = world.root / "outside"
    outside.mkdir()
    (outside / "keep.txt").write_text("kept")
    (tree.path / "link").symlink_to(outside)

    world.repositories.remove_workspace(SLUG, tree.name, tree.branch)

    assert (outside / "keep.txt").read_text() == "kept"


@pytest.mark.parametrize("name", ["..", "../outside", "/etc", "a/b", "", ".git", "-rf", "x\0y"])
@pytest.mark.proves("26")
def test_a_name_that_leads_out_of_the_root_is_refused(world: World, name: str) -> None:
    base = world.ready()
    (world.root / "outside").mkdir()

    with pytest.raises(BadName):
        world.repositories.create_workspace(SLUG, name, "waggle/x", base)
    with pytest.raises(BadName):
        world.repositories.remove_workspace(SLUG, name, "waggle/x")

    assert (world.root / "outside").exists()


@pytest.mark.proves("26")
def test_a_workspace_that_is_a_link_is_not_touched(world: World) -> None:
    base = world.ready()
    outside = world.root / "outside"
    outside.mkdir()
    (outside / "keep.txt").write_text("kept")
    link = world.repositories.places.workspace("t-9")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside)

    with pytest.raises(OutsideWorkspaces):
        world.repositories.remove_workspace(SLUG, "t-9", "waggle/t-9")
    with pytest.raises(OutsideWorkspaces):
        world.repositories.create_workspace(SLUG, "t-9", "waggle/t-9", base)
    with pytest.raises(OutsideWorkspaces):
        world.repositories.dirty(link)

    assert (outside / "keep.txt").read_text() == "kept"


@pytest.mark.proves("26")
def test_a_path_elsewhere_is_refused(world: World) -> None:
    world.ready()
    for path in (world.root, world.checkout, world.repositories.places.work, world.repositories.places.work / ".."):
        with pytest.raises((OutsideWorkspaces, NotAWorkspace)):
            world.repositories.head(path)


def test_removing_another_tasks_branch_is_refused(world: World) -> None:
    tree = world.workspace()

    with pytest.raises(BadName):
        world.repositories.remove_workspace(SLUG, tree.name, "main")

    assert tree.path.exists()


@pytest.mark.parametrize(
    "branch", ["-D", "--upload-pack=x", "a..b", "a b", "a~1", "x.lock", "x/", "/x", "@", "a\nb", "a@{1}", "x/.y", ""]
)
def test_a_name_that_git_would_misread_is_no_branch(world: World, branch: str) -> None:
    base = world.ready()

    with pytest.raises(BadName):
        world.repositories.create_workspace(SLUG, "t-1", branch, base)


def test_a_base_that_does_not_exist_is_named(world: World) -> None:
    world.ready()

    with pytest.raises(UnknownRevision):
        world.repositories.create_workspace(SLUG, "t-1", "waggle/t-1", "0" * 39 + "1")


def test_a_branch_with_letters_of_other_alphabets_works(world: World) -> None:
    tree = world.workspace("t-1", "waggle/t-1-größe-新")
    made = world.work(tree, {"naïve — 新.txt": "1"}, commit="Ünïcödé")

    assert world.repositories.collect(SLUG, tree.branch) == made
    world.repositories.push(world.remote, made, tree.branch, None)

    assert world.remote_commit(tree.branch) == made
    assert world.repositories.changed_files(SLUG, tree.base_sha, made) == ("naïve — 新.txt",)


@pytest.mark.proves("9")
def test_head_follows_an_agent_that_switched_branches(world: World) -> None:
    tree = world.workspace()
    git("checkout", "-q", "-b", "my-own", cwd=tree.path)
    made = world.work(tree, {"a.txt": "1"}, commit="elsewhere")

    assert world.repositories.head(tree.path) == made
    assert world.repositories.current_branch(tree.path) == "my-own"
    assert world.repositories.collect_head(tree.path) == made
    assert world.mirror_ref(f"refs/waggle/collected/{tree.branch}") == made


def test_packed_branches_are_read(world: World) -> None:
    tree = world.workspace()
    made = world.work(tree, {"a.txt": "1"}, commit="one")
    git("pack-refs", "--all", cwd=tree.path)
    git("gc", "-q", "--prune=now", cwd=tree.path)

    assert world.repositories.head(tree.path) == made
    assert world.repositories.collect(SLUG, tree.branch) == made
