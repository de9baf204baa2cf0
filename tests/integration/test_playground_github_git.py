"""git over http: real clones and pushes, who may, and what follows a push."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.playground_github_world import SLUG, Host, git, running, settled


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with running(tmp_path / "playground") as started:
        await started.tiny()
        yield started


@pytest.fixture
async def clone(host: Host, tmp_path: Path) -> Path:
    rc, _, err = await git("clone", "-q", host.remote(), "clone", cwd=tmp_path)
    assert rc == 0, err
    return tmp_path / "clone"


async def _commit(clone: Path, path: str, text: str, branch: str) -> str:
    await git("checkout", "-q", "-B", branch, cwd=clone)
    (clone / path).write_text(text)
    await git("add", "-A", cwd=clone)
    rc, _, err = await git("commit", "-q", "-m", f"Change {path}", cwd=clone)
    assert rc == 0, err
    return (await git("rev-parse", "HEAD", cwd=clone))[1]


async def test_sample_repository_is_there_with_the_same_commit_every_time(tmp_path: Path) -> None:
    found = []
    for home in ("one", "another"):
        async with running(tmp_path / home, sample=True) as started:
            found += await started.world.repositories["acme/ledgerline"].commits("main")
    assert [commit.author for commit in found] == ["ana", "ana"]
    assert found[0].sha == found[1].sha


async def test_clone_and_push_move_the_real_repository(host: Host, clone: Path) -> None:
    sha = await _commit(clone, "notes.txt", "two\n", "work")
    rc, _, err = await git("push", "-q", "origin", "work", cwd=clone)
    assert rc == 0, err
    assert await host.world.repositories[SLUG].resolve("work") == sha


async def test_a_large_push_is_streamed(host: Host, clone: Path) -> None:
    (clone / "big.bin").write_bytes(os.urandom(3_000_000))  # git sends more than 1 MB in chunks
    sha = await _commit(clone, "notes.txt", "with a large file\n", "big")
    rc, _, err = await git("push", "-q", "origin", "big", cwd=clone)
    assert rc == 0, err
    assert await host.world.repositories[SLUG].resolve("big") == sha


@pytest.mark.parametrize("token", ["wrong", ""])
async def test_wrong_token_is_refused(host: Host, tmp_path: Path, token: str) -> None:
    rc, _, err = await git("clone", "-q", host.remote(token=token), "refused", cwd=tmp_path)
    assert rc == 128
    assert "Authentication failed" in err or "could not read Password" in err


async def test_bearer_token_is_accepted(host: Host, tmp_path: Path) -> None:
    header = "http.extraHeader=Authorization: Bearer ghp_playground"
    rc, _, err = await git("-c", header, "ls-remote", f"{host.url}/github/git/{SLUG}.git", cwd=tmp_path)
    assert rc == 0, err


async def test_unknown_repository_is_not_found(host: Host, tmp_path: Path) -> None:
    rc, _, err = await git("ls-remote", host.remote("acme/nothing"), cwd=tmp_path)
    assert rc == 128
    assert "not found" in err


async def test_paths_outside_the_repository_are_not_served(host: Host) -> None:
    for path in ("config", "hooks/update", "info/refs/../../config", "objects/../config"):
        answer = await host.session.get(
            f"{host.url}/github/git/{SLUG}.git/{path}", headers={"Authorization": "Bearer ghp_playground"}
        )
        assert answer.status == 404, path


async def test_the_bot_cannot_push_to_the_default_branch(host: Host, clone: Path) -> None:
    before = await host.world.repositories[SLUG].resolve("main")
    await _commit(clone, "notes.txt", "straight in\n", "work")
    rc, _, err = await git("push", "origin", "work:main", cwd=clone)
    assert rc == 1
    assert "Changes must be made through a pull request" in err
    assert await host.world.repositories[SLUG].resolve("main") == before


async def test_pull_refs_can_be_fetched_but_not_pushed(host: Host, clone: Path) -> None:
    pull = await host.opened()
    rc, _, err = await git("fetch", "-q", "origin", f"refs/pull/{pull.number}/head", cwd=clone)
    assert rc == 0, err
    rc, _, err = await git("push", "origin", f"HEAD:refs/pull/{pull.number}/head", cwd=clone)
    assert rc == 1
    assert "deny updating a hidden ref" in err


async def test_a_push_moves_the_pull_request_and_runs_ci_again(host: Host, clone: Path) -> None:
    await host.opened()
    await host.until(settled)
    await git("fetch", "-q", "origin", cwd=clone)
    await git("checkout", "-q", "work", cwd=clone)
    sha = await _commit(clone, "state.txt", "bad\n", "work")
    await git("push", "-q", "origin", "work", cwd=clone)
    [pull] = await host.visitor.pulls(SLUG)
    assert pull.head_sha == sha
    assert pull.mergeable == "UNKNOWN"
    await host.until(settled)
    [pull] = await host.visitor.pulls(SLUG)
    assert (pull.checks, pull.mergeable) == ({"tests": "failed"}, "MERGEABLE")


async def test_a_force_push_is_remembered_and_the_old_head_stays_readable(host: Host, clone: Path) -> None:
    old = (await host.opened()).head_sha
    await _commit(clone, "notes.txt", "rewritten\n", "work")
    rc, _, err = await git("push", "-q", "--force", "origin", "work", cwd=clone)
    assert rc == 0, err
    answer = await host.rest("GET", f"/repos/{SLUG}/issues/1/events")
    assert [event["event"] for event in await answer.json()] == ["head_ref_force_pushed"]
    assert (await host.rest("GET", f"/repos/{SLUG}/commits/{old}")).status == 200


async def test_deleting_the_branch_closes_its_pull_request(host: Host, clone: Path) -> None:
    await host.opened()
    rc, _, err = await git("push", "-q", "origin", ":work", cwd=clone)
    assert rc == 0, err
    [pull] = await host.visitor.pulls(SLUG)
    assert pull.state == "closed"
    answer = await host.rest("PATCH", f"/repos/{SLUG}/pulls/1", {"state": "open"})
    assert answer.status == 422


async def test_a_head_that_reaches_the_base_counts_as_merged(host: Host) -> None:
    pull = await host.opened()
    assert await host.world.repositories[SLUG].move("refs/heads/main", pull.head_sha)
    await host.world.pushes.settle(SLUG, "ben")
    [pull] = await host.visitor.pulls(SLUG)
    assert (pull.state, pull.merged_by) == ("merged", "ben")


async def test_a_push_whose_answer_is_lost_has_happened(host: Host, clone: Path) -> None:
    sha = await _commit(clone, "notes.txt", "lost\n", "lost")
    host.world.fault({"answer": "drop", "method": "POST", "path": f"/git/{SLUG}"})
    rc, _, _ = await git("push", "-q", "origin", "lost", cwd=clone)
    assert rc != 0
    assert await host.world.repositories[SLUG].resolve("lost") == sha
    # git's curl sends the request again when a kept connection dies without an answer; the first one was lost.
    pushes = [call for call in host.world.calls() if call["operation"] == "push"]
    assert [(call["status"], call["performed"]) for call in pushes][:1] == [(0, True)]


async def test_a_push_that_meets_trouble_has_not_happened(host: Host, clone: Path) -> None:
    await _commit(clone, "notes.txt", "refused\n", "refused")
    host.world.fault({"answer": 500, "method": "POST", "path": f"/git/{SLUG}"})
    rc, _, _ = await git("push", "-q", "origin", "refused", cwd=clone)
    assert rc != 0
    assert await host.world.repositories[SLUG].resolve("refused") is None


async def test_the_repository_is_a_healthy_one(host: Host) -> None:
    rc, _, err = await git("fsck", "--strict", cwd=host.world.repositories[SLUG].path)
    assert rc == 0, err
