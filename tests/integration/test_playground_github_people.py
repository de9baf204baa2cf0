"""People at the pages: what they may do, what they see, and that none of it is lost by a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integrations.playground.github.records import Job, Pull, Thread
from tests.integration.playground_github_world import PAGE_TOKEN, SLUG, Host, PageRefused, running, settled


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with running(tmp_path / "playground") as started:
        await started.tiny()
        yield started


async def _page(host: Host, path: str) -> str:
    async with host.session.get(f"{host.url}{path}", headers={"X-Page-Token": PAGE_TOKEN}) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.text()


async def _pull(host: Host, number: int = 1) -> Pull:
    return host.world.pulls.find(SLUG, number)


async def test_a_merge_at_the_page_is_a_real_merge_by_that_person(host: Host) -> None:
    opened = await host.opened()
    await host.until(settled)
    before = await host.world.repositories[SLUG].resolve("main")
    pull = await host.visitor.merge(SLUG, 1, user="ben")
    assert (pull.state, pull.merged_by) == ("merged", "ben")
    merge = await host.world.repositories[SLUG].commit("main")
    assert merge is not None
    assert (merge.sha, merge.parents, merge.author) == (pull.merge_sha, (before, opened.head_sha), "ben")
    assert await host.world.repositories[SLUG].read(merge.sha, "notes.txt") == b"two\n"
    assert "work" in await host.world.repositories[SLUG].branches()
    answer = await (await host.rest("GET", f"/repos/{SLUG}/pulls/1")).json()
    assert (answer["merged"], answer["merged_by"]["type"]) == (True, "User")


async def test_only_the_administrator_merges_past_required_checks(host: Host) -> None:
    await host.opened(path="state.txt", text="bad\n")
    await host.until(settled)
    with pytest.raises(PageRefused, match="failing"):
        await host.visitor.merge(SLUG, 1)
    with pytest.raises(PageRefused, match="administrator"):
        await host.visitor.merge(SLUG, 1, user="ben", bypass=True)
    assert (await host.visitor.merge(SLUG, 1, user="ana", bypass=True)).state == "merged"


async def test_a_conflict_is_found_after_the_base_moved(host: Host) -> None:
    await host.opened("one", text="ours\n")
    await host.opened("two", text="theirs\n")
    await host.until(settled)
    await host.visitor.merge(SLUG, 1)
    assert (await host.visitor.pulls(SLUG))[1].mergeable == "UNKNOWN"
    await host.until(settled)
    second = (await host.visitor.pulls(SLUG))[1]
    assert (second.mergeable, second.merge_state) == ("CONFLICTING", "DIRTY")
    with pytest.raises(PageRefused, match="not mergeable"):
        await host.visitor.merge(SLUG, 2)


async def test_the_base_shown_follows_the_head_not_the_base(host: Host) -> None:
    """GitHub keeps `base.sha` until the head moves: whoever compares it sees no base that moved (texera#8096)."""
    await host.opened()
    old = (await _pull(host)).base_sha
    await host.visitor.push_as_person(SLUG, "main", "other.txt", "x\n")
    assert (await _pull(host)).base_sha == old
    await host.visitor.push_as_person(SLUG, "work", "notes.txt", "three\n")
    assert (await _pull(host)).base_sha == await host.world.repositories[SLUG].resolve("main")


async def test_a_review_thread_follows_its_line_until_the_line_changes(host: Host) -> None:
    lines = [f"line {n}\n" for n in range(20)]
    await host.opened(path="long.txt", text="".join(lines))
    await host.visitor.review(SLUG, 1, "COMMENT", "see", remarks=[("long.txt", 10, "here")])
    await host.visitor.push_as_person(SLUG, "work", "long.txt", "".join(["new\n", *lines]))
    [thread] = host.world.store.all(Thread)
    assert (thread.line, thread.outdated) == (11, False)
    lines[9] = "changed\n"
    await host.visitor.push_as_person(SLUG, "work", "long.txt", "".join(["new\n", *lines]))
    [thread] = host.world.store.all(Thread)
    assert (thread.line, thread.outdated, thread.original_line) == (0, True, 10)


async def test_close_reopen_and_comment_are_by_the_person(host: Host) -> None:
    await host.opened()
    await host.visitor.comment(SLUG, 1, "why?", user="ben")
    assert (await host.visitor.close(SLUG, 1, user="ben")).state == "closed"
    pull = await host.visitor.reopen(SLUG, 1, user="ana")
    assert (pull.state, pull.comments) == ("open", (("ben", "why?"),))
    events = await (await host.rest("GET", f"/repos/{SLUG}/issues/1/events")).json()
    assert [(event["event"], event["actor"]["login"]) for event in events] == [("closed", "ben"), ("reopened", "ana")]


async def test_nobody_else_can_act(host: Host) -> None:
    await host.opened()
    with pytest.raises(PageRefused, match="nobody here"):
        await host.visitor.merge(SLUG, 1, user="waggle-bot")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Page-Token": "wrong"},
        {"X-Page-Token": PAGE_TOKEN, "Origin": "http://evil.test"},
        {"X-Page-Token": PAGE_TOKEN, "Host": "evil.test"},
    ],
)
async def test_pages_and_deeds_are_guarded(host: Host, headers: dict[str, str]) -> None:
    await host.opened()
    for path in ("/github/", f"/github/{SLUG}/pull/1", f"/page/github/{SLUG}/pulls"):
        assert (await host.session.get(f"{host.url}{path}", headers=headers)).status == 403
    answer = await host.session.post(f"{host.url}/page/github/{SLUG}/pull/1/merge", json={}, headers=headers)
    assert answer.status == 403
    assert (await host.visitor.pulls(SLUG))[0].state == "open"


async def test_a_form_of_another_site_cannot_act(host: Host) -> None:
    await host.opened()
    answer = await host.session.post(
        f"{host.url}/page/github/{SLUG}/pull/1/close", data={"user": "ana"}, headers={"X-Page-Token": PAGE_TOKEN}
    )
    assert answer.status == 415


async def test_hostile_text_stays_text(host: Host) -> None:
    await host.visitor.push_as_person(SLUG, "ana/x", "<b>.txt", "<script>alert(1)</script>\n")
    body = "<img src=x onerror=alert(1)> [go](javascript:alert(1)) ![x](https://evil.test/t.png) "
    body += '"><script>alert(2)</script>'
    await host.visitor.open_pull(SLUG, "ana/x", "<script>alert(3)</script>", body)
    text = await _page(host, f"/github/{SLUG}/pull/1")
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert 'href="javascript' not in text
    assert 'src="https://evil.test' not in text


async def test_page_forbids_scripts_and_frames_of_others(host: Host) -> None:
    answer = await host.session.get(f"{host.url}/github/", headers={"X-Page-Token": PAGE_TOKEN})
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


async def test_pull_page_shows_what_there_is_to_see(host: Host) -> None:
    await host.opened(path="state.txt", text="bad\n")
    await host.visitor.comment(SLUG, 1, "a **bold** question")
    await host.visitor.review(SLUG, 1, "REQUEST_CHANGES", "please mend", user="ben", remarks=[("state.txt", 1, "why")])
    await host.until(settled)
    text = await _page(host, f"/github/{SLUG}/pull/1")
    for part in ("Change state.txt", "<strong>bold</strong>", "please mend", "state.txt:1", "failure in", "Merge"):
        assert part in text
    job = host.world.store.all(Job, order="id DESC")[0]
    assert "Process completed with exit code 1." in await _page(
        host, f"/github/{SLUG}/actions/runs/{job.run_id}/job/{job.id}"
    )
    assert "Change state.txt" in await _page(host, "/github/")
    assert "state.txt" in await _page(host, f"/github/{SLUG}/commit/{(await _pull(host)).head_sha}")


async def test_version_changes_with_what_the_page_shows(host: Host) -> None:
    await host.opened()
    await host.until(settled)
    path = f"/github/{SLUG}/pull/1/version"
    before = await _page(host, path)
    assert await _page(host, path) == before
    await host.visitor.comment(SLUG, 1, "new")
    assert await _page(host, path) != before


async def test_screenshots_in_the_repository_are_shown_others_are_links(host: Host) -> None:
    await host.visitor.push_as_person(SLUG, "ana/x", "shot.png", "not really a picture")
    await host.visitor.open_pull(SLUG, "ana/x", "Shots", "![a](shot.png) ![b](https://elsewhere.test/b.png)")
    head = (await _pull(host)).head_sha
    text = await _page(host, f"/github/{SLUG}/pull/1")
    assert f'src="/github/{SLUG}/raw/{head}/shot.png"' in text
    assert '<a href="https://elsewhere.test/b.png"' in text
    answer = await host.session.get(
        f"{host.url}/github/{SLUG}/raw/{head}/shot.png", headers={"X-Page-Token": PAGE_TOKEN}
    )
    assert (answer.status, answer.content_type) == (200, "image/png")


async def test_a_restart_keeps_everything(host: Host) -> None:
    await host.opened()
    await host.visitor.comment(SLUG, 1, "kept")
    await host.until(settled)
    before = await host.visitor.pulls(SLUG)
    calls = len(host.world.calls())
    await host.restart()
    assert await host.visitor.pulls(SLUG) == before
    assert len(host.world.calls()) == calls


async def test_a_push_that_nobody_noticed_is_found_at_the_next_start(host: Host) -> None:
    pull = await host.opened()
    repository = host.world.repositories[SLUG]
    commit = await repository.commit(pull.head_sha)
    assert commit is not None
    newer = await repository.write_commit(
        commit.tree, [pull.head_sha], "Unnoticed\n", author="waggle-bot", committer="waggle-bot", at=1_000_000_000
    )
    await host.stop()
    assert await repository.move("refs/heads/work", newer)
    await host.start()
    [now] = await host.visitor.pulls(SLUG)
    assert now.head_sha == newer
    await host.until(settled)


async def test_a_merge_cut_between_branch_and_record_is_finished_with_its_author(host: Host) -> None:
    pull = await _pull_ready_to_merge(host)
    repository = host.world.repositories[SLUG]
    main = str(await repository.resolve("main"))
    merged = await repository.merge_tree(main, pull.head_sha)
    sha = await repository.write_commit(
        merged.tree, [main, pull.head_sha], "Merge\n", author="ben", committer="GitHub", at=1_000_000_000
    )
    host.world.store.change(pull, merging_by="ben", merge_sha=sha)
    await host.stop()
    assert await repository.move("refs/heads/main", sha)
    await host.start()
    [now] = await host.visitor.pulls(SLUG)
    assert (now.state, now.merged_by, now.merge_sha) == ("merged", "ben", sha)


async def test_a_merge_cut_before_the_branch_moved_did_not_happen(host: Host) -> None:
    pull = await _pull_ready_to_merge(host)
    host.world.store.change(pull, merging_by="ben", merge_sha=pull.head_sha)
    await host.restart()
    now = await _pull(host)
    assert (now.state, now.merging_by, now.merge_sha) == ("open", "", "")


async def _pull_ready_to_merge(host: Host) -> Pull:
    await host.opened()
    await host.until(settled)
    return await _pull(host)


async def test_squash_is_recorded_as_merged(host: Host) -> None:
    await host.opened()
    await host.until(settled)
    answer = await host.rest("PUT", f"/repos/{SLUG}/pulls/1/merge", {"merge_method": "squash"})
    assert answer.status == 200
    [pull] = await host.visitor.pulls(SLUG)
    commit = await host.world.repositories[SLUG].commit(pull.merge_sha)
    assert pull.state == "merged"
    assert commit is not None
    assert len(commit.parents) == 1


async def test_empty_and_oddly_named_repositories_can_be_made(host: Host) -> None:
    await host.visitor.create_repository("acme/empty", {})
    await host.visitor.create_repository("acme/trunk", {"größe.txt": "ü\n"}, default_branch="trunk")
    answer = await (await host.rest("GET", "/repos/acme/trunk")).json()
    assert answer["default_branch"] == "trunk"
    assert (await host.rest("GET", "/repos/acme/empty/branches/main")).status == 404
    with pytest.raises(PageRefused, match="already exists"):
        await host.visitor.create_repository("acme/EMPTY", {})
    await host.visitor.push_as_person("acme/trunk", "work", "größe.txt", "ä\n")
    await host.visitor.open_pull("acme/trunk", "work", "Umlaut")
    files = await (await host.rest("GET", "/repos/acme/trunk/pulls/1/files")).json()
    assert files[0]["filename"] == "größe.txt"
