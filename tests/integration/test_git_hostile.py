"""A repository that an agent poisoned runs nothing of its own in any git call of ours."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from integrations.git import GitError, OutsideWorkspaces, UnknownRevision, UnsafeObjects, Worktree
from tests.integration.git_world import SLUG, World, git, new_world

RESCUE = "refs/waggle/rescue/t-1/1"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return new_world(tmp_path)


class Trap:
    """A program that leaves a trace when it runs."""

    def __init__(self, root: Path) -> None:
        self.trace = root / "trace"
        self.program = root / "payload.sh"
        self.program.write_text(f'#!/bin/sh\necho "$0 $*" >> {self.trace}\ncat\n')
        self.program.chmod(0o755)

    @property
    def sprung(self) -> str:
        return self.trace.read_text() if self.trace.exists() else ""

    def reset(self) -> None:
        self.trace.unlink(missing_ok=True)


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    return Trap(tmp_path)


def poison(world: World, tree: Worktree, trap: Trap) -> None:
    """Everything that an agent can set from inside its worktree; all of it lands in the shared configuration."""
    program = str(trap.program)
    settings = {
        "core.fsmonitor": program,
        "core.sshCommand": program,
        "core.gitProxy": program,
        "core.askPass": program,
        "core.editor": program,
        "core.pager": program,
        "core.alternateRefsCommand": program,
        "credential.helper": f"!{program}",
        "diff.external": program,
        "diff.evil.command": program,
        "diff.evil.textconv": program,
        "filter.evil.clean": program,
        "filter.evil.smudge": program,
        "filter.evil.process": program,
        "filter.evil.required": "true",
        "merge.evil.driver": f"{program} %O %A %B",
        "gpg.program": program,
        "commit.gpgSign": "true",
        "uploadpack.packObjectsHook": program,
        "receive.procReceiveRefs": "refs",
        "alias.status": f"!{program}",
        "alias.worktree": f"!{program}",
        "alias.update-ref": f"!{program}",
        "remote.origin.uploadpack": program,
        "remote.origin.receivepack": program,
        "remote.origin.promisor": "true",
        "remote.origin.vcs": "evil",
        "url.ext::sh -c touch%20x %.insteadOf": str(world.mirror),
        "protocol.ext.allow": "always",
        "submodule.recurse": "true",
        "status.submoduleSummary": "true",
    }
    for name, value in settings.items():
        git("config", name, value, cwd=tree.path)
    hooks = world.pool / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in (
        "post-checkout",
        "pre-commit",
        "reference-transaction",
        "pre-push",
        "post-index-change",
        "update",
        "commit-msg",
        "prepare-commit-msg",
        "post-commit",
        "pre-auto-gc",
        "fsmonitor-watchman",
    ):
        (hooks / hook).write_text(trap.program.read_text())
        (hooks / hook).chmod(0o755)
    git("config", "core.hooksPath", str(hooks), cwd=tree.path)
    (world.pool / "info").mkdir(exist_ok=True)
    (world.pool / "info" / "attributes").write_text("* filter=evil diff=evil merge=evil\n")
    trap.reset()


def test_nothing_of_a_poisoned_pool_runs(world: World, trap: Trap) -> None:
    tree = world.workspace()
    world.work(tree, {".gitattributes": "* filter=evil diff=evil merge=evil\n", "a.txt": "1\n"}, commit="one")
    poison(world, tree, trap)
    git("status", cwd=tree.path, check=False)
    assert trap.sprung, "the trap is not armed"
    trap.reset()
    world.push({"app.py": "print('base moved')\n"})
    (tree.path / "a.txt").write_text("2\n")
    (tree.path / "new.txt").write_text("3\n")
    (tree.path / "app.py").write_text("print('conflict')\n")
    repositories = world.repositories

    repositories.fetch(world.remote)
    base = repositories.resolve(SLUG, "main")
    assert repositories.default_branch(world.remote) == "main"
    assert repositories.dirty(tree.path)
    assert not repositories.in_progress(tree.path)
    saved = repositories.rescue(SLUG, tree.path, RESCUE)
    assert saved is not None
    left = repositories.commit_leftovers(tree.path, "leftovers")
    assert left == repositories.head(tree.path)
    head = repositories.collect(SLUG, tree.branch)
    assert not repositories.merge_check(SLUG, base, head).clean
    repositories.changed_files(SLUG, base, head)
    repositories.diff(SLUG, base, head, 100_000)
    repositories.grep(SLUG, head, ["print"])
    repositories.ahead_behind(SLUG, base, head)
    repositories.push(world.remote, head, tree.branch, None)
    other = repositories.create_workspace(SLUG, "t-2", "waggle/t-2", base)
    third = repositories.create_workspace(SLUG, "t-3", "waggle/t-3", head)
    repositories.workspaces(SLUG)
    for made in (tree, other, third):
        repositories.remove_workspace(SLUG, made.name, made.branch)
    repositories.delete_remote_branch(world.remote, tree.branch, head)

    assert trap.sprung == ""
    assert world.files_at(saved) == world.files_at(left)
    assert world.files_at(head)["new.txt"] == "3\n"


def test_a_hostile_repository_inside_the_workspace_runs_nothing(world: World, trap: Trap) -> None:
    """As an untracked directory, and as a link that is committed without a .gitmodules."""
    tree = world.workspace()
    inner = tree.path / "vendor" / "inner"
    inner.mkdir(parents=True)
    git("init", "-q", cwd=inner)
    (inner / "work.txt").write_text("inside\n")
    (inner / ".gitattributes").write_text("* filter=evil\n")
    git("add", "-A", cwd=inner)
    git("commit", "-q", "-m", "inner", cwd=inner)
    git("add", "vendor/inner", cwd=tree.path)
    git("commit", "-q", "-m", "a submodule by hand", cwd=tree.path)
    other = tree.path / "vendor" / "other"
    other.mkdir()
    git("init", "-q", cwd=other)
    (other / "deep").mkdir()
    (other / "deep" / "work.txt").write_text("inside too\n")
    for repository in (inner, other):
        git("config", "core.fsmonitor", str(trap.program), cwd=repository)
        git("config", "filter.evil.clean", str(trap.program), cwd=repository)
        git("config", "core.worktree", "/etc", cwd=repository)
    (inner / "work.txt").write_text("changed\n")
    trap.reset()

    assert world.repositories.dirty(tree.path)
    saved = world.repositories.rescue(SLUG, tree.path, RESCUE)
    head = world.repositories.commit_leftovers(tree.path, "leftovers") or world.repositories.head(tree.path)
    world.repositories.collect(SLUG, tree.branch)
    world.repositories.diff(SLUG, tree.base_sha, head, 10_000)
    world.repositories.remove_workspace(SLUG, tree.name, tree.branch)

    assert trap.sprung == ""
    assert saved is not None
    assert world.repositories.read_file(SLUG, saved, "vendor/other/deep/work.txt") == "inside too\n"


def declare_submodule(tree: Worktree, text: str) -> None:
    (tree.path / ".gitmodules").write_text(f'[submodule "x"]\n\tpath = x\n{text}')
    git("add", ".gitmodules", cwd=tree.path)
    git("update-index", "--add", "--cacheinfo", f"160000,{tree.base_sha},x", cwd=tree.path)
    git("commit", "-q", "-m", "submodule", cwd=tree.path)


def test_a_declared_submodule_is_never_fetched(world: World, trap: Trap) -> None:
    tree = world.workspace()
    declare_submodule(tree, f"\turl = ext::{trap.program}\n")

    head = world.repositories.collect(SLUG, tree.branch)
    world.repositories.push(world.remote, head, tree.branch, None)
    world.repositories.fetch(world.remote)
    again = world.repositories.create_workspace(SLUG, "t-2", "waggle/t-2", head)

    assert trap.sprung == ""
    assert not world.repositories.dirty(again.path)


def test_a_submodule_that_would_run_a_command_is_not_published_but_is_kept(world: World, trap: Trap) -> None:
    tree = world.workspace()
    declare_submodule(tree, f"\turl = https://example.com/x.git\n\tupdate = !{trap.program}\n")

    with pytest.raises(UnsafeObjects) as refused:
        world.repositories.collect(SLUG, tree.branch)
    saved = world.repositories.rescue(SLUG, tree.path, RESCUE)

    assert "gitmodulesUpdate" in refused.value.user_message
    assert saved == world.repositories.head(tree.path)
    assert trap.sprung == ""


def test_links_are_stored_as_links(world: World) -> None:
    secret = world.root / "secret.txt"
    secret.write_text("outside")
    tree = world.workspace()
    (tree.path / "leak").symlink_to(secret)
    (tree.path / "docs" / "größe 新.md").unlink()
    (tree.path / "docs").rmdir()
    (tree.path / "docs").symlink_to(world.root)

    saved = world.repositories.rescue(SLUG, tree.path, RESCUE)
    made = world.repositories.commit_leftovers(tree.path, "links")

    assert saved is not None and made is not None
    assert world.files_at(saved) == {"app.py": "print('hello')\n", "docs": str(world.root), "leak": str(secret)}


def test_a_workspace_whose_git_file_points_elsewhere_is_read_through_its_record(world: World) -> None:
    tree = world.workspace()
    world.work(tree, {"a.txt": "1"})
    (tree.path / ".git").write_text(f"gitdir: {world.checkout / '.git'}\n")

    saved = world.repositories.rescue(SLUG, tree.path, RESCUE)
    world.repositories.remove_workspace(SLUG, tree.name, tree.branch)

    assert saved is not None and world.files_at(saved)["a.txt"] == "1"
    assert (world.checkout / "app.py").exists()


@pytest.mark.parametrize("how", ["pipe", "link", "directory", "garbage", "gone"])
def test_a_head_that_is_no_file_is_an_error_and_no_hang(world: World, how: str) -> None:
    tree = world.workspace()
    head = world.repositories.places.admin(SLUG, tree.name) / "HEAD"
    head.unlink()
    if how == "pipe":
        os.mkfifo(head)
    elif how == "link":
        head.symlink_to("/etc/hostname")
    elif how == "directory":
        head.mkdir()
    elif how == "garbage":
        head.write_bytes(b"\xff\x00ref: refs/heads/../../x")

    with pytest.raises(UnknownRevision):
        world.repositories.head(tree.path)
    with pytest.raises(GitError):
        world.repositories.dirty(tree.path)

    world.repositories.remove_workspace(SLUG, tree.name, tree.branch)
    assert not tree.path.exists()


def test_a_broken_index_does_not_hide_work(world: World) -> None:
    tree = world.workspace()
    world.work(tree, {"a.txt": "1"})
    (world.repositories.places.admin(SLUG, tree.name) / "index").write_bytes(b"not an index")

    saved = world.repositories.rescue(SLUG, tree.path, RESCUE)

    assert saved is not None and world.files_at(saved)["a.txt"] == "1"


def test_the_environment_of_this_process_does_not_reach_git(
    world: World, trap: Trap, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = world.ready()
    monkeypatch.setenv("GIT_DIR", str(world.checkout / ".git"))
    monkeypatch.setenv("GIT_SSH_COMMAND", str(trap.program))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(trap.program))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.fsmonitor")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(trap.program))
    monkeypatch.setenv("GIT_INDEX_FILE", "/nonexistent/index")
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-not-for-git")

    tree = world.repositories.create_workspace(SLUG, "t-1", "waggle/t-1", base)
    (tree.path / "a.txt").write_text("1")

    assert world.repositories.dirty(tree.path)
    assert world.repositories.commit_leftovers(tree.path, "leftovers") is not None
    assert trap.sprung == ""


def test_a_place_outside_is_not_made_a_workspace_by_a_link_above_it(world: World, tmp_path: Path) -> None:
    tree = world.workspace()
    alias = tmp_path / "alias"
    alias.symlink_to(tree.path)

    with pytest.raises(OutsideWorkspaces):
        world.repositories.head(alias)
