"""The REST API: PyGithub believes it, and it says no where GitHub says no."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import github
import pytest

from tests.integration.playground_github_world import SLUG, TOKEN, Host, running, settled


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with running(tmp_path / "playground") as started:
        await started.tiny()
        yield started


async def _refusal(answer: Any) -> tuple[int, str]:
    """Status, and the sentence a person would read."""
    body = await answer.json()
    errors = [entry if isinstance(entry, str) else entry["message"] for entry in body.get("errors", [])]
    return answer.status, "; ".join(errors) or body["message"]


async def test_pygithub_takes_a_pull_request_from_opening_to_merge(host: Host) -> None:
    await host.visitor.push_as_person(SLUG, "work", "notes.txt", "two\n")

    def its_life(client: github.Github) -> dict[str, Any]:
        seen: dict[str, Any] = {"login": client.get_user().login}
        repo = client.get_repo(SLUG)
        pull = repo.create_pull(base="main", head="work", title="Two", body="because", draft=False)
        seen["author"] = (pull.user.login, pull.user.type)
        seen["found"] = [one.number for one in repo.get_pulls(state="open", head="acme:work")]
        seen["files"] = [(file.filename, file.status, file.additions) for file in pull.get_files()]
        seen["commits"] = pull.get_commits().totalCount
        comment = pull.create_issue_comment("first")
        comment.edit("second")
        seen["comments"] = [one.body for one in pull.get_issue_comments()]
        review = pull.create_review(
            commit=repo.get_commit(pull.head.sha),
            body="looks fine",
            event="COMMENT",
            comments=[{"path": "notes.txt", "line": 1, "side": "RIGHT", "body": "good"}],
        )
        seen["review"] = (review.state, review.commit_id == pull.head.sha)
        seen["remarks"] = [(one.path, one.line, one.body) for one in pull.get_review_comments()]
        commit = repo.get_commit(pull.head.sha)
        commit.create_status("success", "https://example.test/r", "2 of 2 approve", "waggle/ai-review")
        seen["status"] = (commit.get_combined_status().state, [one.context for one in commit.get_statuses()])
        pull.edit(title="Two notes", body="still because")
        return seen

    def its_end(client: github.Github) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        repo = client.get_repo(SLUG)
        pull = repo.get_pull(1)
        commit = repo.get_commit(pull.head.sha)
        seen["checks"] = [(run.name, run.conclusion) for run in commit.get_check_runs()]
        seen["merged"] = pull.merge(sha=pull.head.sha).merged
        pull = repo.get_pull(pull.number)
        seen["end"] = (pull.title, pull.state, pull.merged, pull.merged_by.login)
        repo.get_git_ref("heads/work").delete()
        seen["branches"] = [branch.name for branch in repo.get_branches()]
        return seen

    assert await host.pygithub(its_life) == {
        "login": "waggle-bot",
        "author": ("waggle-bot", "Bot"),
        "found": [1],
        "files": [("notes.txt", "modified", 1)],
        "commits": 1,
        "comments": ["second"],
        "review": ("COMMENTED", True),
        "remarks": [("notes.txt", 1, "good")],
        "status": ("success", ["waggle/ai-review"]),
    }
    await host.until(settled)
    assert await host.pygithub(its_end) == {
        "checks": [("tests", "success")],
        "merged": True,
        "end": ("Two notes", "closed", True, "waggle-bot"),
        "branches": ["main"],
    }


async def test_addresses_follow_the_host_of_the_request(host: Host) -> None:
    await host.opened()
    answer = await host.rest("GET", f"/repos/{SLUG}/pulls/1", Host="localhost:1")
    pull = await answer.json()
    assert pull["url"].startswith("http://localhost:1/github/api/v3/")
    assert pull["base"]["repo"]["clone_url"].startswith("http://localhost:1/github/git/")


@pytest.mark.parametrize(("token", "sentence"), [("wrong", "Bad credentials"), (None, "Requires authentication")])
async def test_bad_token_is_401(host: Host, token: str | None, sentence: str) -> None:
    assert await _refusal(await host.rest("GET", "/user", token=token)) == (401, sentence)


@pytest.mark.parametrize(
    "path", ["/repos/acme/none", f"/repos/{SLUG}/pulls/9", f"/repos/{SLUG}/git/ref/heads/none", "/nonsense"]
)
async def test_what_is_not_there_is_404(host: Host, path: str) -> None:
    assert (await host.rest("GET", path)).status == 404


async def test_broken_json_is_400(host: Host) -> None:
    answer = await host.session.post(
        f"{host.api}/repos/{SLUG}/pulls", data="{", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    assert answer.status == 400


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"head": "work", "base": "main", "title": "Again"}, "A pull request already exists for acme:work."),
        ({"head": "level", "base": "main", "title": "Nothing"}, "No commits between main and level"),
        ({"head": "none", "base": "main", "title": "No head"}, "head is invalid"),
        ({"head": "ben:work", "base": "main", "title": "A fork"}, "head is invalid"),
        ({"head": "work", "base": "none", "title": "No base"}, "base is invalid"),
        ({"head": "other", "base": "main", "title": " "}, "title can't be blank"),
    ],
)
async def test_opening_is_refused_with_githubs_reason(host: Host, wish: dict[str, str], sentence: str) -> None:
    await host.opened("work")
    await host.visitor.push_as_person(SLUG, "other", "other.txt", "x\n")
    main = await host.world.repositories[SLUG].resolve("main")
    await host.rest("POST", f"/repos/{SLUG}/git/refs", {"ref": "refs/heads/level", "sha": main})
    assert await _refusal(await host.rest("POST", f"/repos/{SLUG}/pulls", wish)) == (422, sentence)


@pytest.mark.parametrize(
    ("review", "sentence"),
    [
        ({"event": "APPROVE"}, "Can not approve your own pull request"),
        ({"event": "REQUEST_CHANGES", "body": "no"}, "Can not request changes on your own pull request"),
        ({"event": "COMMENT"}, "body can't be blank"),
        (
            {"event": "COMMENT", "comments": [{"path": "notes.txt", "line": 40, "body": "x"}]},
            "Line could not be resolved",
        ),
        ({"event": "COMMENT", "comments": [{"path": "no.txt", "line": 1, "body": "x"}]}, "Path could not be resolved"),
    ],
)
async def test_review_is_refused_with_githubs_reason(host: Host, review: dict[str, Any], sentence: str) -> None:
    await host.opened()
    assert await _refusal(await host.rest("POST", f"/repos/{SLUG}/pulls/1/reviews", review)) == (422, sentence)
    assert await (await host.rest("GET", f"/repos/{SLUG}/pulls/1/reviews")).json() == []


async def test_a_bot_may_approve_what_a_person_opened(host: Host) -> None:
    await host.visitor.push_as_person(SLUG, "ana/work", "notes.txt", "ana\n")
    pull = await host.visitor.open_pull(SLUG, "ana/work", "By ana")
    answer = await host.rest("POST", f"/repos/{SLUG}/pulls/{pull.number}/reviews", {"event": "APPROVE"})
    assert (await answer.json())["state"] == "APPROVED"


async def test_merge_refusals(host: Host) -> None:
    await host.opened("red", "state.txt", "bad\n")
    await host.opened("one", "notes.txt", "ours\n")
    await host.opened("two", "notes.txt", "theirs\n")
    await host.until(settled)
    merge = f"/repos/{SLUG}/pulls/{{}}/merge"
    assert await _refusal(await host.rest("PUT", merge.format(1))) == (405, 'Required status check "tests" is failing.')
    assert (await _refusal(await host.rest("PUT", merge.format(2), {"sha": "0" * 40})))[0] == 409
    assert (await host.rest("PUT", merge.format(2))).status == 200
    assert await _refusal(await host.rest("PUT", merge.format(2))) == (405, "Pull Request is not mergeable")
    assert await _refusal(await host.rest("PUT", merge.format(3))) == (405, "Pull Request is not mergeable")


async def test_update_branch_brings_the_base_in(host: Host) -> None:
    pull = await host.opened("work", "work.txt", "x\n")
    assert (await _refusal(await host.rest("PUT", f"/repos/{SLUG}/pulls/1/update-branch")))[0] == 422
    await host.visitor.push_as_person(SLUG, "main", "notes.txt", "moved\n")
    answer = await host.rest("PUT", f"/repos/{SLUG}/pulls/1/update-branch", {"expected_head_sha": pull.head_sha})
    assert answer.status == 202
    [now] = await host.visitor.pulls(SLUG)
    main = await host.world.repositories[SLUG].resolve("main")
    assert now.head_sha != pull.head_sha
    assert await host.world.repositories[SLUG].is_ancestor(str(main), now.head_sha)


async def test_unchanged_answers_are_304_and_cost_nothing(host: Host) -> None:
    await host.opened()
    await host.until(settled)
    first = await host.rest("GET", f"/repos/{SLUG}/pulls/1")
    again = await host.rest("GET", f"/repos/{SLUG}/pulls/1", If_None_Match=first.headers["ETag"])
    assert again.status == 304
    assert again.headers["X-RateLimit-Used"] == first.headers["X-RateLimit-Used"]
    await host.visitor.comment(SLUG, 1, "new")
    assert (await host.rest("GET", f"/repos/{SLUG}/pulls/1", If_None_Match=first.headers["ETag"])).status == 200


async def test_rate_limits_are_counted_and_shown(host: Host) -> None:
    before = (await (await host.rest("GET", "/rate_limit")).json())["resources"]["core"]["remaining"]
    answer = await host.rest("GET", "/user")
    assert int(answer.headers["X-RateLimit-Remaining"]) < before
    assert answer.headers["X-RateLimit-Resource"] == "core"


async def test_lists_are_paged_with_links(host: Host) -> None:
    await host.opened()
    for number in range(5):
        await host.visitor.comment(SLUG, 1, f"comment {number}")
    answer = await host.rest("GET", f"/repos/{SLUG}/issues/1/comments?per_page=2&page=2")
    assert [one["body"] for one in await answer.json()] == ["comment 2", "comment 3"]
    assert {rel.rpartition("=")[2] for rel in answer.headers["Link"].split(", ")} == {
        '"next"', '"last"', '"prev"', '"first"',
    }  # fmt: skip


async def test_the_diff_can_be_asked_for(host: Host) -> None:
    await host.opened()
    answer = await host.rest("GET", f"/repos/{SLUG}/pulls/1", Accept="application/vnd.github.diff")
    assert (await answer.text()).startswith("diff --git a/notes.txt b/notes.txt")


@pytest.mark.parametrize("status", [401, 403, 404, 422, 429, 500, 502])
async def test_faults_answer_what_was_ordered_as_often_as_ordered(host: Host, status: int) -> None:
    host.world.fault({"answer": status, "next": 2, "path": f"/repos/{SLUG}"})
    assert (await host.rest("GET", "/user")).status == 200
    answers = [(await host.rest("GET", f"/repos/{SLUG}")).status for _ in range(3)]
    assert answers == [status, status, 200]


async def test_secondary_limit_is_403_with_retry_after(host: Host) -> None:
    host.world.fault({"answer": "secondary", "retry_after": 7})
    answer = await host.rest("POST", f"/repos/{SLUG}/pulls", {})
    assert (answer.status, answer.headers["Retry-After"]) == (403, "7")
    assert "secondary rate limit" in (await answer.json())["message"]


async def test_used_up_limit_raises_in_pygithub(host: Host) -> None:
    host.world.fault({"answer": "rate_limited", "seconds": 30})
    with pytest.raises(github.RateLimitExceededException):
        await host.pygithub(lambda client: client.get_user().login)
    answer = await host.rest("GET", "/user")
    assert (answer.status, answer.headers["X-RateLimit-Remaining"]) == (403, "0")


async def test_a_dropped_answer_was_carried_out_and_a_hanging_call_was_not(host: Host) -> None:
    await host.opened()
    host.world.fault({"answer": "drop", "method": "POST"})
    with pytest.raises(aiohttp.ClientConnectionError):
        await host.rest("POST", f"/repos/{SLUG}/issues/1/comments", {"body": "heard by nobody"})
    host.world.fault({"answer": "hang", "method": "POST", "seconds": 0.1})
    with pytest.raises(aiohttp.ClientConnectionError):
        await host.rest("POST", f"/repos/{SLUG}/issues/1/comments", {"body": "never said"})
    [pull] = await host.visitor.pulls(SLUG)
    assert pull.comments == (("waggle-bot", "heard by nobody"),)
    lost = [call for call in host.world.calls() if call["status"] == 0]
    assert [call["performed"] for call in lost] == [True, False]


async def test_a_late_answer_is_in_the_log_before_the_caller_hears_it(host: Host) -> None:
    await host.opened()
    host.world.fault({"answer": "late", "method": "POST", "seconds": 0.5})
    call = asyncio.create_task(host.rest("POST", f"/repos/{SLUG}/issues/1/comments", {"body": "said"}))
    while not any(one["performed"] for one in host.world.calls() if one["path"].endswith("/comments")):
        await asyncio.sleep(0.01)
    assert not call.done()
    assert (await call).status == 201


async def test_latency_delays_every_answer_until_it_is_cleared(host: Host) -> None:
    host.world.fault({"latency_ms": 120})
    loop = asyncio.get_running_loop()
    began = loop.time()
    await host.rest("GET", "/user")
    assert loop.time() - began >= 0.12
    host.world.fault({"clear": True})
    assert host.world.faults.latency_s == 0


async def test_calls_are_logged_with_what_was_written(host: Host) -> None:
    await host.opened()
    await host.rest("POST", f"/repos/{SLUG}/issues/1/comments", {"body": "marker"})
    call = host.world.calls()[-1]
    assert (call["method"], call["path"], call["status"], call["actor"]) == (
        "POST",
        f"/github/api/v3/repos/{SLUG}/issues/1/comments",
        201,
        "waggle-bot",
    )
    assert "marker" in str(call["body"])
    assert TOKEN not in str(host.world.calls())


async def test_foreign_comments_cannot_be_edited(host: Host) -> None:
    await host.opened()
    await host.visitor.comment(SLUG, 1, "by ana")
    assert (await host.rest("PATCH", f"/repos/{SLUG}/issues/comments/1", {"body": "by the bot"})).status == 403
