"""A workspace follows what a person pushed to its branch, and what lay in it beside that is rescued first."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from scheduler.registry import Event, PullRequest, Registry, Task
from scheduler.workspaces import Workspaces
from tests.conftest import Clock
from tests.integration.git_world import SLUG, World, git, new_world
from tests.unit.supervised import Stand

BRANCH = "waggle/t-1-x"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return new_world(tmp_path)


def rows(registry: Registry, clock: Clock, world: World, ours: str) -> tuple[Stand, Task, PullRequest]:
    """A task whose pull request stands at `ours`, over real git."""
    stand = Stand(registry, clock)
    task = stand.task_in("verifying")  # type: ignore[arg-type]  # the enum is a string

    def at_home(session: Any) -> None:
        for row in (session.get(Task, 1), session.get(PullRequest, 1)):
            row.repo = SLUG
            session.add(row)
        session.get(PullRequest, 1).head_sha = session.get(PullRequest, 1).pushed_sha = ours

    stand.change(at_home)
    stand.repositories = cast(Any, world.repositories)
    stand._parts()
    return stand, stand.task(task.id or 1), stand.pull


def person_pushes(world: World, files: dict[str, str], on: str) -> str:
    git("fetch", "-q", "origin", cwd=world.checkout)
    git("checkout", "-q", "--detach", on, cwd=world.checkout)
    made = world.push(files, branch=BRANCH, message="a person's")
    world.repositories.fetch(world.remote)
    return made


def published(world: World) -> tuple[Path, str]:
    """A workspace whose one commit is on the remote."""
    tree = world.workspace(branch=BRANCH)
    head = world.work(tree, {"mine.txt": "1"}, "mine")
    world.repositories.collect_head(tree.path)
    world.repositories.push(world.remote, head, BRANCH, None)
    return tree.path, head


@pytest.mark.parametrize("collected", [False, True])
def test_commits_beside_a_persons_are_rescued_and_the_workspace_goes_on_from_the_persons(
    world: World, registry: Registry, clock: Clock, collected: bool
) -> None:
    path, ours = published(world)
    stand, task, pull = rows(registry, clock, world, ours)
    (path / "unpublished.txt").write_text("2")
    git("add", "-A", cwd=path)
    git("commit", "-q", "-m", "never published", cwd=path)
    lost = world.repositories.head(path)
    if collected:
        world.repositories.collect_head(path)
    (path / "uncommitted.txt").write_text("3")
    theirs = pull.head_sha = person_pushes(world, {"theirs.txt": "1"}, ours)

    Workspaces(stand.outside).follow(task, "t-1-a2", path, pull)

    assert world.repositories.head(path) == theirs
    saved = world.mirror_ref(f"refs/waggle/rescue/t-1/before-{theirs[:12]}")
    assert {"unpublished.txt", "uncommitted.txt"} <= world.files_at(saved).keys()
    assert world.repositories.is_ancestor(SLUG, lost, saved)
    assert [event.what for event in stand.rows(Event)] == ["followed"]


def test_work_on_top_of_a_persons_commit_stays(world: World, registry: Registry, clock: Clock) -> None:
    path, ours = published(world)
    stand, task, pull = rows(registry, clock, world, ours)
    pull.head_sha = person_pushes(world, {"theirs.txt": "1"}, ours)
    Workspaces(stand.outside).follow(task, "t-1-a2", path, pull)
    (path / "more.txt").write_text("2")
    git("add", "-A", cwd=path)
    git("commit", "-q", "-m", "on top", cwd=path)
    head = world.repositories.head(path)

    Workspaces(stand.outside).follow(task, "t-1-a3", path, pull)

    assert world.repositories.head(path) == head


def test_commits_that_are_still_to_be_published_stay_while_nobody_else_pushed(
    world: World, registry: Registry, clock: Clock
) -> None:
    path, ours = published(world)
    stand, task, pull = rows(registry, clock, world, ours)
    git("commit", "-q", "--amend", "-m", "better said", cwd=path)
    head = world.repositories.head(path)

    Workspaces(stand.outside).follow(task, "t-1-a2", path, pull)

    assert world.repositories.head(path) == head
