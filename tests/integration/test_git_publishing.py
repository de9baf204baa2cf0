"""From a workspace to the remote: collect, compare, push with a lease, read."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations.git import BranchTaken, MergeCheck, PushRejected, UnknownRevision
from tests.integration.git_world import SLUG, World, git, new_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return new_world(tmp_path)


def test_an_agents_commit_reaches_the_remote(world: World) -> None:
    tree = world.workspace()
    made = world.work(tree, {"export.py": "rows = []\n"}, commit="export")

    head = world.repositories.collect(SLUG, tree.branch)
    world.repositories.push(world.remote, head, tree.branch, None)

    assert head == made == world.remote_commit(tree.branch)
    assert world.repositories.changed_files(SLUG, tree.base_sha, head) == ("export.py",)
    assert world.repositories.ahead_behind(SLUG, tree.base_sha, head) == (1, 0)
    assert "+rows = []" in world.repositories.diff(SLUG, tree.base_sha, head, 10_000)


def test_pushing_twice_is_as_good_as_once(world: World) -> None:
    tree = world.workspace()
    world.work(tree, {"a.txt": "1"}, commit="one")
    head = world.repositories.collect(SLUG, tree.branch)

    world.repositories.push(world.remote, head, tree.branch, None)
    world.repositories.push(world.remote, head, tree.branch, None)

    assert world.remote_commit(tree.branch) == head


def test_a_rewritten_branch_is_pushed_when_the_lease_holds(world: World) -> None:
    tree = world.workspace()
    world.work(tree, {"a.txt": "1"}, commit="one")
    first = world.repositories.collect(SLUG, tree.branch)
    world.repositories.push(world.remote, first, tree.branch, None)
    git("commit", "-q", "--amend", "-m", "better words", cwd=tree.path)
    second = world.repositories.collect(SLUG, tree.branch)

    world.repositories.push(world.remote, second, tree.branch, first)

    assert world.remote_commit(tree.branch) == second != first


def test_what_a_person_pushed_is_never_overwritten(world: World) -> None:
    tree = world.workspace()
    world.work(tree, {"a.txt": "1"}, commit="one")
    first = world.repositories.collect(SLUG, tree.branch)
    world.repositories.push(world.remote, first, tree.branch, None)
    theirs = world.push({"theirs.txt": "1"}, branch="people")
    git("--git-dir", str(world.upstream), "update-ref", f"refs/heads/{tree.branch}", theirs, cwd=world.root)
    world.work(tree, {"b.txt": "2"}, commit="two")
    second = world.repositories.collect(SLUG, tree.branch)

    with pytest.raises(PushRejected):
        world.repositories.push(world.remote, second, tree.branch, first)
    with pytest.raises(PushRejected):
        world.repositories.delete_remote_branch(world.remote, tree.branch, first)

    assert world.remote_commit(tree.branch) == theirs


def test_somebody_elses_branch_of_the_same_name_is_refused_with_a_free_one(world: World) -> None:
    tree = world.workspace()
    world.work(tree, {"a.txt": "1"}, commit="one")
    head = world.repositories.collect(SLUG, tree.branch)
    theirs = world.push({"theirs.txt": "1"}, branch=tree.branch)
    world.push({"theirs.txt": "2"}, branch=f"{tree.branch}-2")

    with pytest.raises(BranchTaken) as refused:
        world.repositories.push(world.remote, head, tree.branch, None)

    assert refused.value.free_name == f"{tree.branch}-3"
    assert world.remote_commit(tree.branch) == theirs


def test_deleting_a_remote_branch_twice_is_fine(world: World) -> None:
    tree = world.workspace()
    world.work(tree, {"a.txt": "1"}, commit="one")
    head = world.repositories.collect(SLUG, tree.branch)
    world.repositories.push(world.remote, head, tree.branch, None)

    world.repositories.delete_remote_branch(world.remote, tree.branch, head)
    git("--git-dir", str(world.mirror), "update-ref", f"refs/remotes/origin/{tree.branch}", head, cwd=world.root)
    world.repositories.delete_remote_branch(world.remote, tree.branch, head)

    assert world.remote_commit(tree.branch) == ""
    assert tree.branch not in world.repositories.branches(SLUG), "as of the last fetch it was there, and it is not"


def test_only_commits_of_the_mirror_are_pushed(world: World) -> None:
    tree = world.workspace()
    uncollected = world.work(tree, {"a.txt": "1"}, commit="one")

    with pytest.raises(UnknownRevision):
        world.repositories.push(world.remote, uncollected, tree.branch, None)


def test_a_conflict_names_its_files(world: World) -> None:
    tree = world.workspace()
    world.work(tree, {"app.py": "print('agent')\n", "docs/größe 新.md": "Agent\n", "new.txt": "1"}, commit="agent")
    head = world.repositories.collect(SLUG, tree.branch)
    world.push({"app.py": "print('person')\n", "docs/größe 新.md": "Person\n"})
    base = world.ready()

    assert world.repositories.merge_check(SLUG, tree.base_sha, head) == MergeCheck(clean=True)
    assert world.repositories.merge_check(SLUG, base, head) == MergeCheck(False, ("app.py", "docs/größe 新.md"))
    assert world.repositories.ahead_behind(SLUG, base, head) == (1, 1)


def test_a_commit_that_is_not_there_is_no_conflict(world: World) -> None:
    base = world.ready()

    with pytest.raises(UnknownRevision):
        world.repositories.merge_check(SLUG, base, "0" * 39 + "1")
    with pytest.raises(UnknownRevision):
        world.repositories.is_ancestor(SLUG, base, "0" * 39 + "1")
    with pytest.raises(UnknownRevision):
        world.repositories.collect(SLUG, "waggle/t-9-nothing")


def test_unrelated_histories_do_not_merge(world: World) -> None:
    base = world.ready()
    git("checkout", "-q", "--orphan", "other", cwd=world.checkout)
    other = world.push({"other.txt": "1"}, branch="other")
    world.repositories.fetch(world.remote)

    assert not world.repositories.merge_check(SLUG, base, other).clean


def test_a_renamed_file_counts_with_both_names(world: World) -> None:
    tree = world.workspace()
    git("mv", "app.py", "main.py", cwd=tree.path)
    world.work(tree, {}, commit="rename")
    head = world.repositories.collect(SLUG, tree.branch)

    assert world.repositories.changed_files(SLUG, tree.base_sha, head) == ("app.py", "main.py")


def test_a_long_diff_is_cut_and_says_so(world: World) -> None:
    tree = world.workspace()
    world.work(tree, {"big.txt": "line\n" * 5000}, commit="big")
    head = world.repositories.collect(SLUG, tree.branch)

    shown = world.repositories.diff(SLUG, tree.base_sha, head, 2_000)

    assert len(shown) < 2_200
    assert "longer than 2000 bytes" in shown


def test_files_are_found_by_words_at_a_commit(world: World) -> None:
    base = world.ready()

    hits = world.repositories.grep(SLUG, base, ["HELLO", "prüfung", "--open-files-in-pager=touch x"])

    assert [(hit.path, hit.line, hit.text) for hit in hits] == [
        ("app.py", 1, "print('hello')"),
        ("docs/größe 新.md", 1, "Prüfung"),
    ]
    assert world.repositories.list_files(SLUG, base) == ("app.py", "docs/größe 新.md")
    assert world.repositories.read_file(SLUG, base, "docs/größe 新.md") == "Prüfung\n"
    assert world.repositories.read_file(SLUG, base, "nothing.md") is None
    assert world.repositories.read_file(SLUG, base, "docs") is None
    assert world.repositories.grep(SLUG, base, [" ", ""]) == []


def test_a_ref_is_a_remote_branch_a_full_ref_or_a_commit(world: World) -> None:
    base = world.ready()

    assert world.repositories.resolve(SLUG, "main") == base
    assert world.repositories.resolve(SLUG, base) == base
    assert world.repositories.resolve(SLUG, "refs/remotes/origin/main") == base
    with pytest.raises(UnknownRevision):
        world.repositories.resolve(SLUG, "nothing")


def test_a_branch_that_is_deleted_in_the_remote_is_gone_after_a_fetch(world: World) -> None:
    world.push({"x.txt": "1"}, branch="short-lived")
    world.ready()
    assert "short-lived" in world.repositories.branches(SLUG)
    git("push", "-q", "origin", ":short-lived", cwd=world.checkout)

    world.repositories.fetch(world.remote)

    assert "short-lived" not in world.repositories.branches(SLUG)
    assert "short-lived" not in git("branch", "-r", cwd=world.workspace().path)


def test_what_changed_together_is_read_from_history(world: World) -> None:
    world.push({"a b.py": "1", "ü.txt": "1"})
    world.push({"a b.py": "2"})
    base = world.ready()

    assert world.repositories.changed_together(SLUG, base, 2) == (("a b.py",), ("a b.py", "ü.txt"))
    assert len(world.repositories.changed_together(SLUG, base, 50)) == 3
