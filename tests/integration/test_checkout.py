"""`waggle checkout`: a person stands in the task's branch afterwards, or reads why not and what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from integrations.git import Repositories, Worktree
from scheduler.commands import Actor, new_request
from scheduler.lifecycle import PullState
from scheduler.policy import Policy
from scheduler.registry import PullRequest, Task
from tests.integration.git_world import SLUG, World, git, new_world
from tests.integration.test_cli import NOW, Terminal

BRANCH = "waggle/t-1-prufung"


class Desk:
    """A person with a clone of the repository that task T-1 is about, beside a Waggle home."""

    def __init__(self, root: Path) -> None:
        self.terminal = Terminal(root)
        made = new_world(root)
        self.world: World = replace(made, repositories=Repositories(self.terminal.home))
        (root / "waggle.toml").write_text(f'[[repository]]\nslug = "{SLUG}"\nremote = "{self.world.upstream}"\n')
        self.terminal.env["WAGGLE_CONFIG"] = str(root / "waggle.toml")
        self.terminal.env["GIT_CONFIG_GLOBAL"] = "/dev/null"
        self.clone = root / "größe 新"
        git("clone", "-q", str(self.world.upstream), str(self.clone), cwd=root)
        self.registry = self.terminal.registry()
        self.registry.write_now(self._task)
        self.terminal.directory = self.clone

    def _task(self, session) -> None:
        said = new_request(
            session, NOW, Policy(), Actor("U0ANA"), text="Prüfung", source="slack", dedupe_key="1", channel="C"
        )
        task = session.get(Task, said.task_id)
        task.repo, task.branch, task.base_branch = SLUG, BRANCH, "main"

    def workspace(self, commit: str = "agent's work") -> Worktree:
        tree = self.world.workspace("t-1", BRANCH)
        self.world.work(tree, {"neu-新.txt": "x\n"}, commit)
        return tree

    def publish(self, tree: Worktree) -> str:
        sha = self.world.repositories.collect(SLUG, BRANCH)
        self.world.repositories.push(self.world.remote, sha, BRANCH, None)
        self.world.repositories.fetch(self.world.remote)
        return sha

    def push_on_top(self) -> None:
        """Somebody else pushes to the task's branch."""
        git("fetch", "-q", cwd=self.world.checkout)
        git("checkout", "-q", "-B", "other", f"origin/{BRANCH}", cwd=self.world.checkout)
        self.world.push({"theirs.txt": "1"}, BRANCH)

    def head(self) -> tuple[str, str]:
        return git("branch", "--show-current", cwd=self.clone), git("rev-parse", "HEAD", cwd=self.clone)


@pytest.fixture
def desk(tmp_path: Path):
    desk = Desk(tmp_path)
    yield desk
    desk.registry.close()


def test_pushed_work_is_checked_out_and_follows_the_remote(desk: Desk) -> None:
    sha = desk.publish(desk.workspace())
    (desk.clone / "docs").mkdir(exist_ok=True)
    desk.terminal.directory = desk.clone / "docs"
    said = desk.terminal("checkout", "t-1")
    assert desk.head() == (BRANCH, sha) and BRANCH in said and "Waggle follows" in said
    assert git("rev-parse", "--abbrev-ref", "@{upstream}", cwd=desk.clone) == f"origin/{BRANCH}"
    desk.push_on_top()
    git("checkout", "-q", "main", cwd=desk.clone)
    assert desk.terminal.json("checkout", "T-1")["source"] == "remote"
    assert (desk.clone / "theirs.txt").exists() and (desk.clone / "neu-新.txt").exists()


def test_unpushed_work_comes_from_waggles_own_copy(desk: Desk) -> None:
    tree = desk.workspace()
    (tree.path / "left.txt").write_text("uncommitted")
    said = desk.terminal.json("checkout", "T-1")
    assert said["source"] == "unpushed" and desk.head() == (BRANCH, desk.world.repositories.head(tree.path))
    assert said["notes"] == [f"Uncommitted work lies in {tree.path}.", "This work is not pushed yet."]
    assert (desk.clone / "neu-新.txt").exists() and not (desk.clone / "left.txt").exists()


def test_commits_on_top_of_what_was_pushed_come_along(desk: Desk) -> None:
    tree = desk.workspace()
    desk.publish(tree)
    newer = desk.world.work(tree, {"b.txt": "2"}, "more")
    said = desk.terminal.json("checkout", "T-1")
    assert said["commit"] == newer and said["notes"] == ["Its last commits are not pushed yet."]


def test_rescued_work_is_listed_and_taken_by_name(desk: Desk) -> None:
    tree = desk.workspace()
    (tree.path / "left.txt").write_text("uncommitted")
    saved = desk.world.repositories.rescue(SLUG, tree.path, "refs/waggle/rescue/t-1/2")
    desk.world.repositories.remove_workspace(SLUG, "t-1", BRANCH)
    desk.terminal("checkout", "T-1", rc=1)
    assert "holds nothing, on the remote or here" in desk.terminal.err
    assert "waggle checkout T-1 --rescue 2" in desk.terminal.err
    said = desk.terminal.json("checkout", "T-1", "--rescue", "2")
    assert (said["source"], said["commit"], said["branch"]) == ("rescued", saved, f"{BRANCH}-rescued-2")
    assert (desk.clone / "left.txt").read_text() == "uncommitted"
    assert [one["name"] for one in said["rescued"]] == ["2"]
    desk.terminal("checkout", "T-1", "--rescue", "9", rc=1)
    assert "no rescued work `9`. There is: 2." in desk.terminal.err


def test_a_dirty_clone_is_not_touched(desk: Desk) -> None:
    desk.publish(desk.workspace())
    (desk.clone / "app.py").write_text("mine\n")
    before = desk.head()
    desk.terminal("checkout", "T-1", rc=1)
    assert "uncommitted changes (app.py)" in desk.terminal.err and "git stash" in desk.terminal.err
    assert desk.head() == before and (desk.clone / "app.py").read_text() == "mine\n"


def test_a_persons_own_commits_on_the_branch_are_kept(desk: Desk) -> None:
    tree = desk.workspace()
    desk.publish(tree)
    desk.terminal("checkout", "T-1")
    git("commit", "-q", "--allow-empty", "-m", "mine", cwd=desk.clone)
    mine = desk.head()
    assert desk.terminal.json("checkout", "T-1")["commit"] == mine[1]
    desk.push_on_top()
    desk.terminal("checkout", "T-1", rc=1)
    assert f"git branch -m {BRANCH} {BRANCH}-mine" in desk.terminal.err and desk.head() == mine


def test_elsewhere_and_too_early_say_what_to_do(desk: Desk, tmp_path: Path) -> None:
    desk.terminal("checkout", "T-1", rc=1)
    assert "T-1 has no branch yet" in desk.terminal.err
    desk.terminal("checkout", "T-9", rc=1)
    assert "There is no task T-9" in desk.terminal.err
    desk.workspace()
    desk.terminal.directory = tmp_path
    desk.terminal("checkout", "T-1", rc=1)
    assert f"git clone {desk.world.upstream} site && cd site && waggle checkout T-1" in desk.terminal.err


def test_a_remote_that_does_not_answer_and_a_branch_that_is_gone(desk: Desk) -> None:
    sha = desk.publish(desk.workspace())
    git("remote", "set-url", "origin", f"https://127.0.0.1:9/{SLUG}.git", cwd=desk.clone)
    said = desk.terminal.json("checkout", "T-1")
    assert said["commit"] == sha and "The remote could not be asked" in said["notes"][0]

    def merged(session) -> None:
        task = session.get(Task, 1)
        task.state = "merged"
        session.add(PullRequest(
            task_id=1, repo=SLUG, number=7, node_id="n", url="u", branch=BRANCH, state=PullState.MERGED,
            head_sha=sha, merge_commit="c" * 40, head_since=NOW, created_at=NOW,
        ))  # fmt: skip

    desk.registry.write_now(merged)
    git("remote", "set-url", "origin", str(desk.world.upstream), cwd=desk.clone)
    git("push", "-q", "origin", "--delete", BRANCH, cwd=desk.world.checkout)
    notes = " ".join(desk.terminal.json("checkout", "T-1")["notes"])
    assert "merged, as cccccccc" in notes and "gone from the remote" in notes
