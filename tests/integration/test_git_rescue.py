"""No work is destroyed: whatever an agent left is in the rescue ref, and the workspace stays as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from integrations.git import BadName, DetachedHead, WorkInProgress, Worktree
from tests.integration.git_world import SLUG, World, git, new_world

RESCUE = "refs/waggle/rescue/t-1/1"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return new_world(tmp_path)


def picture(tree: Worktree) -> tuple[str, str, str]:
    """Everything a person would notice about a workspace."""
    state = git("status", "--porcelain=v2", "--branch", "--untracked-files=all", cwd=tree.path)
    files = {
        str(file.relative_to(tree.path)): file.read_bytes()
        for file in tree.path.rglob("*")
        if file.is_file() and ".git" not in file.parts
    }
    return state, git("diff", "--cached", cwd=tree.path), repr(sorted(files.items()))


def test_nothing_to_save_is_nothing(world: World) -> None:
    tree = world.workspace()

    assert world.repositories.rescue(SLUG, tree.path, RESCUE) is None
    assert world.mirror_ref(RESCUE) == ""


def test_staged_changed_deleted_and_new_files_are_saved(world: World) -> None:
    world.push({"gone.txt": "x", "changed.txt": "old", ".gitignore": "build/\n"})
    tree = world.workspace()
    world.work(tree, {"staged.txt": "staged", "changed.txt": "new", "a/b/neu-新.txt": "new", "build/x.o": "big"})
    git("add", "staged.txt", cwd=tree.path)
    (tree.path / "staged.txt").write_text("staged, then changed")
    (tree.path / "gone.txt").unlink()
    before = picture(tree)

    saved = world.repositories.rescue(SLUG, tree.path, RESCUE)

    assert saved is not None and saved == world.mirror_ref(RESCUE)
    files = world.files_at(saved)
    assert files["staged.txt"] == "staged, then changed"
    assert files["changed.txt"] == "new"
    assert files["a/b/neu-新.txt"] == "new"
    assert not {"gone.txt", "build/x.o"} & files.keys()
    assert world.files_at(world.mirror_ref(f"{RESCUE}^2"))["staged.txt"] == "staged"
    assert world.mirror_ref(f"{RESCUE}^1") == world.repositories.head(tree.path)
    assert picture(tree) == before


def test_a_file_that_lives_in_the_index_only_is_saved(world: World) -> None:
    tree = world.workspace()
    world.work(tree, {"only-staged.txt": "precious"})
    git("add", "only-staged.txt", cwd=tree.path)
    (tree.path / "only-staged.txt").unlink()

    saved = world.repositories.rescue(SLUG, tree.path, RESCUE)

    assert saved is not None
    assert world.files_at(world.mirror_ref(f"{RESCUE}^2"))["only-staged.txt"] == "precious"


def test_commits_that_were_never_pushed_are_saved(world: World) -> None:
    tree = world.workspace()
    made = world.work(tree, {"a.txt": "1"}, commit="one")

    assert world.repositories.rescue(SLUG, tree.path, RESCUE) == made
    world.repositories.remove_workspace(SLUG, tree.name, tree.branch)

    assert world.files_at(world.mirror_ref(RESCUE))["a.txt"] == "1"


def test_pushed_commits_are_safe_already(world: World) -> None:
    tree = world.workspace()
    world.work(tree, {"a.txt": "1"}, commit="one")
    head = world.repositories.collect(SLUG, tree.branch)
    world.repositories.push(world.remote, head, tree.branch, None)

    assert world.repositories.rescue(SLUG, tree.path, RESCUE) is None


@pytest.mark.proves("9")
def test_the_middle_of_a_rebase_keeps_both_sides(world: World) -> None:
    tree = world.workspace()
    world.work(tree, {"clean.txt": "1"}, commit="first of mine")
    mine = world.work(tree, {"app.py": "print('mine')\n"}, commit="second of mine")
    theirs = world.push({"app.py": "print('theirs')\n"})
    world.repositories.fetch(world.remote)
    git("rebase", "origin/main", cwd=tree.path, check=False)
    assert world.repositories.in_progress(tree.path)
    world.work(tree, {"half-resolved.txt": "notes"})
    before = picture(tree)

    saved = world.repositories.rescue(SLUG, tree.path, RESCUE)

    assert saved is not None
    files = world.files_at(saved)
    assert "<<<<<<<" in files["app.py"] and files["half-resolved.txt"] == "notes"
    for kept in (mine, theirs, world.repositories.head(tree.path)):
        assert world.repositories.is_ancestor(SLUG, kept, saved)
    assert picture(tree) == before
    git("rebase", "--abort", cwd=tree.path)
    assert world.repositories.head(tree.path) == mine


@pytest.mark.proves("9")
def test_a_detached_head_keeps_its_commits_and_the_branchs(world: World) -> None:
    tree = world.workspace()
    on_branch = world.work(tree, {"a.txt": "1"}, commit="on the branch")
    git("checkout", "-q", "--detach", tree.base_sha, cwd=tree.path)
    detached = world.work(tree, {"b.txt": "2"}, commit="on no branch")
    world.work(tree, {"c.txt": "3"})

    saved = world.repositories.rescue(SLUG, tree.path, RESCUE)

    assert saved is not None
    assert world.files_at(saved).keys() >= {"b.txt", "c.txt"}
    assert world.repositories.is_ancestor(SLUG, on_branch, saved)
    assert world.repositories.is_ancestor(SLUG, detached, saved)


def test_a_branch_that_head_left_is_saved_without_any_change(world: World) -> None:
    tree = world.workspace()
    on_branch = world.work(tree, {"a.txt": "1"}, commit="on the branch")
    git("checkout", "-q", "--detach", tree.base_sha, cwd=tree.path)

    saved = world.repositories.rescue(SLUG, tree.path, RESCUE)

    assert saved is not None and world.repositories.is_ancestor(SLUG, on_branch, saved)


def test_unreadable_and_odd_files_do_not_stop_a_rescue(world: World) -> None:
    tree = world.workspace()
    world.work(tree, {"a.txt": "1", "line\nbreak.txt": "2"})
    os.mkfifo(tree.path / "pipe")
    (tree.path / "app.py").unlink()
    os.mkfifo(tree.path / "app.py")

    saved = world.repositories.rescue(SLUG, tree.path, RESCUE)

    assert saved is not None
    assert world.files_at(saved)["a.txt"] == "1"
    assert world.files_at(saved)["line\nbreak.txt"] == "2"


def test_a_second_rescue_replaces_the_first(world: World) -> None:
    tree = world.workspace()
    world.work(tree, {"a.txt": "1"})
    first = world.repositories.rescue(SLUG, tree.path, RESCUE)
    world.work(tree, {"a.txt": "2"})

    second = world.repositories.rescue(SLUG, tree.path, RESCUE)

    assert first != second == world.mirror_ref(RESCUE)


def test_a_rescue_goes_nowhere_but_below_its_own_refs(world: World) -> None:
    tree = world.workspace()

    with pytest.raises(BadName):
        world.repositories.rescue(SLUG, tree.path, "refs/heads/main")


def test_leftovers_become_one_commit_on_the_branch(world: World) -> None:
    tree = world.workspace()
    world.work(tree, {"a.txt": "1", "app.py": "print('changed')\n"})
    git("add", "a.txt", cwd=tree.path)

    made = world.repositories.commit_leftovers(tree.path, "Left over\n\nby the agent")

    assert made == world.repositories.head(tree.path)
    assert git("status", "--porcelain", cwd=tree.path) == ""
    assert git("log", "-1", "--format=%an <%ae> %cn|%B|%P", cwd=tree.path) == (
        f"waggle <waggle@localhost> waggle|Left over\n\nby the agent\n|{tree.base_sha}"
    )
    assert world.repositories.commit_leftovers(tree.path, "again") is None


def test_leftovers_can_carry_another_author(world: World) -> None:
    tree = world.workspace()
    world.work(tree, {"a.txt": "1"})

    world.repositories.commit_leftovers(tree.path, "x", "Ana Müller <ana@example.com>")

    assert git("log", "-1", "--format=%an <%ae>", cwd=tree.path) == "Ana Müller <ana@example.com>"


def test_what_is_excluded_locally_is_not_published(world: World) -> None:
    tree = world.workspace()
    (world.pool / "info").mkdir(exist_ok=True)
    (world.pool / "info" / "exclude").write_text(".claude/\n")
    world.work(tree, {".claude/settings.json": "{}"})

    assert not world.repositories.dirty(tree.path)
    assert world.repositories.commit_leftovers(tree.path, "x") is None


def test_leftovers_wait_for_a_rebase_and_need_a_branch(world: World) -> None:
    tree = world.workspace()
    world.work(tree, {"app.py": "print('mine')\n"}, commit="mine")
    world.push({"app.py": "print('theirs')\n"})
    world.repositories.fetch(world.remote)
    git("rebase", "origin/main", cwd=tree.path, check=False)
    with pytest.raises(WorkInProgress):
        world.repositories.commit_leftovers(tree.path, "x")
    git("rebase", "--abort", cwd=tree.path)
    git("checkout", "-q", "--detach", cwd=tree.path)
    world.work(tree, {"b.txt": "2"})

    with pytest.raises(DetachedHead):
        world.repositories.commit_leftovers(tree.path, "x")


def test_a_change_of_the_same_size_in_the_same_second_is_seen(world: World) -> None:
    tree = world.workspace()
    world.work(tree, {"a.txt": "1\n"})
    os.utime(tree.path / "a.txt", (1_700_000_000, 1_700_000_000))
    git("add", "-A", cwd=tree.path)
    git("commit", "-q", "-m", "one", cwd=tree.path)
    world.work(tree, {"a.txt": "2\n"})
    for written in (tree.path / "a.txt", world.repositories.places.admin(SLUG, tree.name) / "index"):
        os.utime(written, (1_700_000_000, 1_700_000_000))

    assert world.repositories.dirty(tree.path)
    made = world.repositories.commit_leftovers(tree.path, "x")
    assert made is not None and world.files_at(made)["a.txt"] == "2\n"


def test_what_a_killed_operation_left_behind_goes_and_what_is_in_use_stays(world: World) -> None:
    world.ready()
    home = world.repositories.places.home
    left = [home / "tmp" / "shadow-old", home / "mirrors" / ".new-old", home / "pool" / ".new-old"]
    used = [home / "tmp" / "shadow-new", home / "mirrors" / ".new-new"]
    for room in (*left, *used):
        (room / "inside").mkdir(parents=True)
    for room in left:
        os.utime(room, (0, 0))

    world.repositories.fetch(world.remote)

    assert not any(room.exists() for room in left)
    assert all(room.exists() for room in used)


def test_what_was_collected_and_never_published_is_saved_before_something_else_takes_its_place(world: World) -> None:
    tree = world.workspace()
    head = world.work(tree, {"mine.txt": "mine"}, "mine")
    world.repositories.collect_head(tree.path)

    assert world.repositories.rescue(SLUG, tree.path, RESCUE) is None, "the mirror has it"
    assert world.repositories.rescue(SLUG, tree.path, RESCUE, collected=True) == head == world.mirror_ref(RESCUE)
