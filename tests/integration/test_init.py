"""`waggle init` in clones of every kind, as a person runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.git_world import git
from tests.integration.test_cli import Terminal


class Desk(Terminal):
    """A terminal that stands in a clone."""

    def __init__(self, directory: Path, *, commits: bool = True, branch: str = "main") -> None:
        super().__init__(directory)
        git("init", "-q", "-b", branch, str(directory), cwd=directory)
        if commits:
            (directory / "app.py").write_text("print()\n")
            git("add", "-A", cwd=directory)
            git("commit", "-q", "-m", "Prüfung", cwd=directory)

    def files(self) -> set[str]:
        return {one.name for one in self.directory.iterdir()} & {"waggle.toml", ".env", ".gitignore"}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    where = tmp_path / "größe 新"
    where.mkdir()
    return Desk(where)


def test_a_repository_is_set_up_and_the_doctor_says_what_comes_next(desk: Desk) -> None:
    git("remote", "add", "origin", "git@github.com:acme/shop.git", cwd=desk.directory)
    (desk.directory / "go.mod").write_text("module x\n")
    below = desk.directory / "docs"
    below.mkdir()
    desk.directory, root = below, desk.directory
    said = desk("init", "--yes", "--gitignore")
    assert "acme/shop" in said and "go test ./..." in said and "GITHUB_TOKEN" in said and "waggle doctor" in said
    assert f"(in {root})" in said
    desk.directory = root
    assert desk.files() == {"waggle.toml", ".env", ".gitignore"}
    assert (root / ".gitignore").read_text() == ".env\n"
    checks = {one["check"]: one for one in desk.json("doctor", rc=1)}
    assert checks["config"]["ok"] and checks["settings"]["ok"]
    assert [name for name, one in checks.items() if not one["ok"] and not name.startswith("agent")] == ["repositories"]
    assert "GITHUB_TOKEN is not set" in checks["repositories"]["detail"]
    assert "Next: repositories: Set it to a token" in desk("doctor", rc=1)


def test_nothing_is_overwritten_and_what_would_have_been_written_is_shown(desk: Desk) -> None:
    git("remote", "add", "origin", "https://ana:s3cret@ghe.example.com/acme/shop.git", cwd=desk.directory)
    (desk.directory / ".env").write_text("APP_SECRET=1\n")
    (desk.directory / "waggle.toml").write_text("# mine\n")
    said = desk("init", "--yes")
    assert "it was there already" in said and 'slug = "acme/shop"' in said
    assert "GITHUB_API_URL=https://ghe.example.com/api/v3" in said and "s3cret" not in said
    assert (desk.directory / ".env").read_text() == "APP_SECRET=1\n"
    assert (desk.directory / "waggle.toml").read_text() == "# mine\n"
    assert desk.files() == {"waggle.toml", ".env"} and "git sees .env" in said


def test_what_cannot_be_found_is_named_with_its_option(desk: Desk) -> None:
    desk("init", "--yes", rc=1)
    assert "no remote" in desk.err and "waggle init --remote" in desk.err
    git("remote", "add", "a", "git@github.com:acme/a.git", cwd=desk.directory)
    git("remote", "add", "b", "git@github.com:acme/b.git", cwd=desk.directory)
    desk("init", "--yes", rc=1)
    assert "several remotes (a, b)" in desk.err
    desk("init", "--yes", "--remote", "b", "--admin", "ana", rc=1)
    assert "`ana` is not a user's id" in desk.err
    assert desk.files() == set()
    assert desk.json("init", "--remote", "b", "--verify", "make 検査")["slug"] == "acme/b"
    assert desk.files() == {"waggle.toml", ".env"}


def test_a_repository_without_commits_and_one_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    empty = Desk(tmp_path / "empty", commits=False, branch="größe/新")
    said = empty.json("init", "--slug", "dev_acme/laeden")
    assert said["base_branch"] == "größe/新" and any("no commit yet" in note for note in said["notes"])
    (tmp_path / "nothing").mkdir()
    nowhere = Terminal(tmp_path / "nothing")
    nowhere("init", rc=1)
    assert "is in no git repository" in nowhere.err


def test_a_read_only_clone_is_said_to_be_one(desk: Desk) -> None:
    git("remote", "add", "origin", "git@github.com:acme/shop.git", cwd=desk.directory)
    (desk.directory / ".env").mkdir()
    (desk.directory / "waggle.toml").symlink_to("nowhere/at/all")
    said = desk("init", "--yes")
    assert said.count("it was there already") == 2
