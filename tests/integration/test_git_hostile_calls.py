"""Every public operation on git is carried out on a poisoned pool, one by one, and runs nothing of the poison."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from integrations.git import Repositories, Worktree
from tests.integration.git_world import SLUG, World, git, new_world
from tests.integration.test_git_hostile import RESCUE, Trap, poison


@dataclass(frozen=True)
class Ground:
    """A poisoned pool with one workspace that has a commit and something uncommitted."""

    world: World
    tree: Worktree
    base: str
    head: str

    @property
    def git(self) -> Repositories:
        return self.world.repositories

    def included(self) -> object:
        kept = self.world.root / "kept"
        kept.mkdir()
        (kept / ".env.local").write_text("KEY=one\n")
        self.git.include(self.tree.path, kept, [".env.local"])
        return (self.tree.path / ".env.local").read_text()

    def rescued(self) -> object:
        assert self.git.rescue(SLUG, self.tree.path, RESCUE)
        return self.git.rescued(SLUG)

    def drop_rescued(self) -> None:
        self.git.rescue(SLUG, self.tree.path, RESCUE)
        for one in self.git.rescued(SLUG):
            self.git.drop_rescued(SLUG, one)

    def delete_remote_branch(self) -> None:
        self.git.push(self.world.remote, self.head, self.tree.branch, None)
        self.git.delete_remote_branch(self.world.remote, self.tree.branch, self.head)


#: One call of each public operation. A new one fails the test below until it stands here.
CALLS: dict[str, Callable[[Ground], object]] = {
    "git_version": lambda on: on.git.git_version(),
    "ensure": lambda on: on.git.ensure(on.world.remote),
    "fetch": lambda on: on.git.fetch(on.world.remote),
    "default_branch": lambda on: on.git.default_branch(on.world.remote),
    "branches": lambda on: on.git.branches(SLUG),
    "pool_branches": lambda on: on.git.pool_branches(SLUG),
    "resolve": lambda on: on.git.resolve(SLUG, "main"),
    "create_workspace": lambda on: on.git.create_workspace(SLUG, "t-2", "waggle/t-2", on.head),
    "remove_workspace": lambda on: on.git.remove_workspace(SLUG, on.tree.name, on.tree.branch),
    "workspaces": lambda on: on.git.workspaces(SLUG),
    "every_workspace": lambda on: on.git.every_workspace(),
    "strange_directories": lambda on: on.git.strange_directories(),
    "known": lambda on: on.git.known(),
    "slug_of": lambda on: on.git.slug_of(on.tree.path),
    "head": lambda on: on.git.head(on.tree.path),
    "current_branch": lambda on: on.git.current_branch(on.tree.path),
    "in_progress": lambda on: on.git.in_progress(on.tree.path),
    "dirty": lambda on: on.git.dirty(on.tree.path),
    "changed_at": lambda on: on.git.changed_at(on.tree.path),
    "include": Ground.included,
    "commit_leftovers": lambda on: on.git.commit_leftovers(on.tree.path, "leftovers"),
    "rescue": lambda on: on.git.rescue(SLUG, on.tree.path, RESCUE),
    "rescued": Ground.rescued,
    "drop_rescued": Ground.drop_rescued,
    "collect": lambda on: on.git.collect(SLUG, on.tree.branch),
    "collect_head": lambda on: on.git.collect_head(on.tree.path),
    "push": lambda on: on.git.push(on.world.remote, on.head, on.tree.branch, None),
    "add_files": lambda on: on.git.add_files(on.world.remote, "waggle-pictures", {"a.png": b"x"}, "pictures"),
    "delete_remote_branch": Ground.delete_remote_branch,
    "merge_check": lambda on: on.git.merge_check(SLUG, on.base, on.head),
    "changed_files": lambda on: on.git.changed_files(SLUG, on.base, on.head),
    "changed_together": lambda on: on.git.changed_together(SLUG, on.base, 50),
    "diff": lambda on: on.git.diff(SLUG, on.base, on.head, 10_000),
    "history": lambda on: on.git.history(SLUG, on.base, on.head, 10_000),
    "ahead_behind": lambda on: on.git.ahead_behind(SLUG, on.base, on.head),
    "is_ancestor": lambda on: on.git.is_ancestor(SLUG, on.base, on.head),
    "read_file": lambda on: on.git.read_file(SLUG, on.head, "a.txt"),
    "list_files": lambda on: on.git.list_files(SLUG, on.head),
    "grep": lambda on: on.git.grep(SLUG, on.head, ["print"]),
}


def public(of: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(of, inspect.isfunction) if not name.startswith("_")}


def test_every_operation_has_its_hostile_call() -> None:
    assert public(Repositories) == CALLS.keys()


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """Made once: what one call leaves behind is only more of the same for the next."""
    root = tmp_path_factory.mktemp("hostile")
    world = new_world(root)
    tree = world.workspace()
    world.work(tree, {".gitattributes": "* filter=evil diff=evil merge=evil\n", "a.txt": "1\n"}, commit="one")
    head = world.repositories.collect(SLUG, tree.branch)
    return Ground(world, tree, tree.base_sha, head)


@pytest.fixture(scope="module")
def trap(ground: Ground) -> Trap:
    made = Trap(ground.world.root)
    poison(ground.world, ground.tree, made)
    return made


#: `remove_workspace` comes last: it takes away what the others stand on.
@pytest.mark.parametrize("name", sorted(CALLS, key=lambda name: name == "remove_workspace"))
def test_an_operation_on_a_poisoned_pool_runs_nothing_of_it(ground: Ground, trap: Trap, name: str) -> None:
    (ground.tree.path / "a.txt").write_text(f"changed before {name}\n")
    git("status", cwd=ground.tree.path, check=False)
    assert trap.sprung, "the trap is not armed"
    trap.reset()
    CALLS[name](ground)
    assert trap.sprung == ""


def test_git_is_started_in_two_places_only() -> None:
    """The hardened one that everything above goes through, and a person's own clone, whose configuration is theirs."""
    room = Path(inspect.getfile(Repositories)).parent
    starts = re.compile(r"^(?:import|from) (?:subprocess|git)\b|^    from git\b", re.MULTILINE)
    assert {file.name for file in room.glob("*.py") if starts.search(file.read_text())} == {"clone.py", "command.py"}
