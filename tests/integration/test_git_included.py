"""Files that are not in git come into a workspace from where their owner keeps them, and never leave it again."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from integrations.git import NotIncluded, Worktree
from tests.integration.git_world import SLUG, World, git, new_world

NAMES = (".env", "config/local [1].yml")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return new_world(tmp_path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    directory = tmp_path / "kept" / "shop"
    (directory / "config").mkdir(parents=True)
    (directory / ".env").write_text("KEY=one\n")
    (directory / ".env").chmod(0o600)
    (directory / "config" / "local [1].yml").write_text("port: 1\n")
    return directory


def bring(world: World, tree: Worktree, source: Path, *names: str) -> None:
    world.repositories.include(tree.path, source, names or NAMES)


def test_they_are_there_unseen_by_git_and_as_they_are_now(world: World, source: Path) -> None:
    tree, other = world.workspace(), world.workspace("t-2", "waggle/t-2-work")
    bring(world, tree, source)
    (source / ".env").write_text("KEY=two\n")
    bring(world, tree, source)

    assert (tree.path / ".env").read_text() == "KEY=two\n"
    assert stat.S_IMODE((tree.path / ".env").stat().st_mode) == 0o600
    assert (tree.path / "config" / "local [1].yml").read_text() == "port: 1\n"
    assert git("status", "--porcelain", cwd=tree.path) == "" and not world.repositories.dirty(tree.path)
    assert git("ls-files", "--others", "--exclude-standard", cwd=tree.path) == ""
    world.work(tree, {"a.txt": "1"}, commit="everything")
    assert set(git("ls-files", cwd=tree.path).split("\n")) >= {"a.txt"} and ".env" not in git("ls-files", cwd=tree.path)
    assert world.repositories.rescue(SLUG, tree.path, "refs/waggle/rescue/t-1/0") is not None
    assert ".env" not in world.files_at(world.mirror_ref("refs/waggle/rescue/t-1/0"))
    world.work(other, {"config/local 1.yml": "another file", "sub/.env": "another one"})
    assert world.repositories.dirty(other.path), "only these very files are hidden"
    assert (world.pool / "info" / "exclude").read_text().count("/.env\n") == 1
    assert not list((world.root / "home" / "tmp").iterdir()), "no copy is left beside"


@pytest.mark.parametrize("where", ["file", "directory"])
def test_a_link_that_an_agent_laid_is_not_followed(world: World, source: Path, where: str) -> None:
    tree = world.workspace()
    outside = world.root / "outside"
    outside.mkdir()
    (outside / "local [1].yml").write_text("somebody's own")
    (outside / "env").write_text("somebody's own")
    if where == "file":
        (tree.path / ".env").symlink_to(outside / "env")
        bring(world, tree, source)
        assert not (tree.path / ".env").is_symlink() and (tree.path / ".env").read_text() == "KEY=one\n"
    else:
        (tree.path / "config").symlink_to(outside)
        with pytest.raises(NotIncluded, match="config is no directory"):
            bring(world, tree, source)
    assert {one.read_text() for one in outside.iterdir()} == {"somebody's own"}


def test_nothing_comes_from_outside_of_the_directory_that_was_named(world: World, source: Path) -> None:
    tree = world.workspace()
    (source.parent / "secret").write_text("not yours")
    (source / "above").symlink_to("../secret")
    (source / "linked").symlink_to(".env")
    os.mkfifo(source / "pipe")
    for name, why in (("above", "leads out"), ("gone", "is not in"), ("config", "is no file"), ("pipe", "is no file")):
        with pytest.raises(NotIncluded, match=why) as refused:
            bring(world, tree, source, ".env", name)
        assert name in refused.value.user_message and "waggle.toml" in refused.value.user_message
        assert not (tree.path / ".env").exists(), "all of them, or none"
    bring(world, tree, source, "linked")
    assert (tree.path / "linked").read_text() == "KEY=one\n"


def test_a_file_that_is_in_git_is_not_written_over(world: World, source: Path) -> None:
    world.push({".env": "KEY=shared\n"})
    tree = world.workspace()
    with pytest.raises(NotIncluded, match="is in git"):
        bring(world, tree, source)
    assert (tree.path / ".env").read_text() == "KEY=shared\n"


def test_a_directory_in_the_place_of_one_is_left_alone(world: World, source: Path) -> None:
    tree = world.workspace()
    world.work(tree, {".env/work.txt": "an agent's"})
    with pytest.raises(NotIncluded, match="has a directory in its place"):
        bring(world, tree, source)
    assert (tree.path / ".env" / "work.txt").exists()
