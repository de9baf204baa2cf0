"""What can be wrong with a remote: each has its own error, with the cure in it."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from integrations.git import (
    AuthRefused,
    BadName,
    EmptyRepository,
    GitMissing,
    NoDefaultBranch,
    NotARepository,
    Remote,
    Repositories,
    RepositoryBusy,
    Unreachable,
)
from integrations.git.command import GitCommand
from tests.integration.git_world import SLUG, World, git, new_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return new_world(tmp_path)


class Answers(BaseHTTPRequestHandler):
    """A git server that always says the same, and remembers what it was asked with."""

    status = 401
    asked: list[dict[str, str]]

    def do_GET(self) -> None:
        self.asked.append(dict(self.headers))
        self.send_response(self.status)
        self.send_header("WWW-Authenticate", 'Basic realm="git"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def server(status: int) -> Iterator[tuple[str, list[dict[str, str]]]]:
    asked: list[dict[str, str]] = []
    handler = type("Handler", (Answers,), {"status": status, "asked": asked})
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}/acme/site.git", asked
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join(5)


@pytest.mark.parametrize(
    ("status", "error", "hint"),
    [
        (401, AuthRefused, "GITHUB_TOKEN"),
        (403, AuthRefused, "GITHUB_TOKEN"),
        (404, NotARepository, "waggle.toml"),
        (500, Unreachable, "cannot be reached"),
        (503, Unreachable, "cannot be reached"),
    ],
)
def test_each_refusal_of_a_server_has_its_own_error(
    tmp_path: Path, status: int, error: type[Exception], hint: str
) -> None:
    repositories = Repositories(tmp_path / "home")
    with server(status) as (url, asked), pytest.raises(error) as refused:
        repositories.ensure(Remote(SLUG, url, lambda: "ghs_thewrongtokenthatisrefused"))

    assert hint in refused.value.user_message  # type: ignore[attr-defined]  # every GitError has one
    assert "ghs_thewrong" not in f"{refused.value} {refused.value.user_message}"  # type: ignore[attr-defined]
    assert asked[0]["Authorization"].startswith("Basic ")


def test_the_credential_is_written_nowhere(tmp_path: Path) -> None:
    repositories = Repositories(tmp_path / "home")
    with server(401) as (url, _), pytest.raises(AuthRefused):
        repositories.ensure(Remote(SLUG, url, lambda: "ghs_averysecrettoken"))

    for file in (path for path in (tmp_path / "home").rglob("*") if path.is_file()):
        assert b"ghs_averysecrettoken" not in file.read_bytes()
        assert b"eC1hY2Nlc3MtdG9rZW4" not in file.read_bytes()  # base64 of x-access-token


def test_an_empty_token_is_refused_before_anybody_is_asked(tmp_path: Path) -> None:
    repositories = Repositories(tmp_path / "home")
    with server(200) as (url, asked), pytest.raises(AuthRefused):
        repositories.ensure(Remote(SLUG, url, lambda: " "))

    assert asked == []


def test_a_server_that_is_not_there_may_be_tried_again(tmp_path: Path) -> None:
    repositories = Repositories(tmp_path / "home")
    with server(200) as (url, _):
        pass

    with pytest.raises(Unreachable) as refused:
        repositories.ensure(Remote(SLUG, url))

    assert refused.value.retryable


def test_a_host_that_does_not_exist_may_be_tried_again(tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        Repositories(tmp_path / "home").ensure(Remote(SLUG, "https://no-such-host.invalid/acme/site.git"))


def test_a_path_without_a_repository_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotARepository) as refused:
        Repositories(tmp_path / "home").ensure(Remote(SLUG, str(tmp_path / "nothing.git")))

    assert str(tmp_path / "nothing.git") in refused.value.user_message


def test_an_empty_repository_asks_for_a_first_commit_and_works_after_it(tmp_path: Path) -> None:
    git("init", "-q", "--bare", "-b", "main", "up.git", cwd=tmp_path)
    remote = Remote(SLUG, str(tmp_path / "up.git"))
    repositories = Repositories(tmp_path / "home")

    with pytest.raises(EmptyRepository) as refused:
        repositories.ensure(remote)
    with pytest.raises(EmptyRepository):
        repositories.default_branch(remote)
    assert "first commit" in refused.value.user_message

    git("clone", "-q", "up.git", "clone", cwd=tmp_path)
    git("commit", "-q", "--allow-empty", "-m", "one", cwd=tmp_path / "clone")
    git("push", "-q", "origin", "HEAD:refs/heads/main", cwd=tmp_path / "clone")
    repositories.ensure(remote)
    assert repositories.default_branch(remote) == "main"


def test_a_default_branch_that_does_not_exist_is_named(world: World) -> None:
    git("symbolic-ref", "HEAD", "refs/heads/nothing", cwd=world.upstream)

    with pytest.raises(NoDefaultBranch) as refused:
        world.repositories.default_branch(world.remote)

    assert "waggle.toml" in refused.value.user_message
    world.repositories.ensure(world.remote)


def test_a_default_branch_of_any_name_is_found(world: World) -> None:
    world.push({"x.txt": "1"}, branch="größe/新")
    git("symbolic-ref", "HEAD", "refs/heads/größe/新", cwd=world.upstream)

    assert world.repositories.default_branch(world.remote) == "größe/新"


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch%20/tmp/x",
        "--upload-pack=touch",
        "https://user:secret@github.com/acme/site.git",
        "https://token@github.com/acme/site.git",
        "relative/path",
        "git://github.com/acme/site.git",
        "ssh://-oProxyCommand=x/y",
        "https://github.com/a\nb",
    ],
)
def test_an_address_that_could_do_harm_is_not_given_to_git(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadName):
        Repositories(tmp_path / "home").ensure(Remote(SLUG, url))


@pytest.mark.parametrize("slug", ["acme", "acme/site/x", "../x", "acme/..", "-a/b", "a/b\n", ""])
def test_a_repository_has_an_owner_and_a_name(world: World, slug: str) -> None:
    with pytest.raises(BadName):
        world.repositories.ensure(Remote(slug, str(world.upstream)))


def test_a_first_fetch_that_fails_is_done_again(world: World) -> None:
    away = world.upstream.rename(world.root / "away.git")
    with pytest.raises(NotARepository):
        world.repositories.ensure(world.remote)
    away.rename(world.upstream)

    world.repositories.ensure(world.remote)

    assert len(world.repositories.resolve(SLUG, "main")) == 40


@pytest.mark.proves("30", "G")
def test_a_lock_that_a_killed_git_left_behind_does_not_stop_fetching(world: World) -> None:
    world.ready()
    lock = world.mirror / "refs" / "remotes" / "origin" / "main.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    newer = world.push({"x.txt": "1"})
    with pytest.raises(RepositoryBusy) as refused:
        world.repositories.fetch(world.remote)
    assert refused.value.retryable
    os.utime(lock, (1, 1))

    world.repositories.fetch(world.remote)

    assert world.repositories.resolve(SLUG, "main") == newer


def test_locks_of_a_killed_agent_do_not_stop_its_work_from_being_saved(world: World) -> None:
    tree = world.workspace()
    world.work(tree, {"a.txt": "1"})
    admin = world.repositories.places.admin(SLUG, tree.name)
    locks = [
        admin / "index.lock",
        admin / "HEAD.lock",
        world.pool / "packed-refs.lock",
        world.pool / "refs" / "heads" / f"{tree.branch}.lock",
    ]
    for lock in locks:
        lock.touch()
    with pytest.raises(RepositoryBusy):
        world.repositories.commit_leftovers(tree.path, "x")
    for lock in locks:
        os.utime(lock, (1, 1))

    assert world.repositories.commit_leftovers(tree.path, "x") == world.repositories.head(tree.path)
    world.repositories.remove_workspace(SLUG, tree.name, tree.branch)
    assert world.repositories.workspaces(SLUG) == []


def test_without_git_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin/nothing-here")

    with pytest.raises(GitMissing) as refused:
        Repositories(tmp_path / "home").git_version()

    assert "Install git" in refused.value.user_message


def test_a_server_that_accepts_and_never_answers_is_unreachable(tmp_path: Path) -> None:
    """It may be tried again, like one that is not there; nothing waits for it longer than it was told."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        remote = Remote(SLUG, f"http://127.0.0.1:{silent.getsockname()[1]}/x.git")
        with pytest.raises(Unreachable) as hung:
            GitCommand(tmp_path).talk(["ls-remote", "origin"], remote, timeout_s=1.0)
    assert hung.value.retryable and "took longer" in hung.value.user_message
