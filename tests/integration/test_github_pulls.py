"""Pull requests over the wire: open, look, judge, comment, review, close. Nothing is said twice."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from integrations.github import (
    GitHub,
    Invalid,
    JobAttempt,
    NotFound,
    PullDetail,
    PullRef,
    ReviewComment,
    excerpt,
    known_bots,
    marker,
    read_bots,
)
from integrations.playground.github.records import Thread
from integrations.playground.github.reviews import Remark
from tests.integration.github_world import SLUG, Playground, eventually, playground

REVIEW = marker("T-1", "review")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playground]:
    with playground(tmp_path_factory.mktemp("github")) as running:
        yield running


@pytest.fixture
def github(place: Playground) -> GitHub:
    place.fault(clear=True)
    return place.client()


def checked(github: GitHub, ref: PullRef) -> PullDetail:
    """The pull request once its checks have ended."""

    def look() -> PullDetail | None:
        seen = github.detail(SLUG, ref.number)
        return seen if seen.checks and all(check.state != "wait" for check in seen.checks) else None

    return eventually(look)


def test_who_we_are_and_where(place: Playground, github: GitHub) -> None:
    facts = github.repository(SLUG)

    assert github.viewer() == "waggle-bot"
    assert (facts.default_branch, facts.can_push, facts.private) == ("main", True, True)
    assert facts.clone_url == place.remote.url


@pytest.mark.proves("11")
def test_a_pull_request_is_opened_once(place: Playground, github: GitHub) -> None:
    ref = place.pull(github, "waggle/once")

    again = github.open_pull(SLUG, head="waggle/once", base="main", title="Again", body="", draft=False)

    assert again == ref == github.find_pull(SLUG, "waggle/once")
    assert github.find_pull(SLUG, "waggle/nothing") is None


@pytest.mark.proves("11")
def test_a_lost_answer_does_not_open_a_second(place: Playground, github: GitHub) -> None:
    place.push("waggle/lost", {"lost.txt": "1"})
    place.fault(answer="drop", method="POST", path=f"/repos/{SLUG}/pulls")

    ref = github.open_pull(SLUG, head="waggle/lost", base="main", title="Lost", body="", draft=True)

    assert github.find_pull(SLUG, "waggle/lost") == ref
    assert github.light([ref.node_id]).pulls[ref.node_id].draft
    performed = [call for call in place.calls("POST", f"/repos/{SLUG}/pulls") if '"waggle/lost"' in str(call["body"])]
    assert len(performed) == 1


def test_a_failed_create_is_not_repeated(place: Playground, github: GitHub) -> None:
    place.push("waggle/502", {"x.txt": "1"})
    place.fault(answer=502, method="POST", path=f"/repos/{SLUG}/pulls", next=5)

    with pytest.raises(Exception) as refused:
        github.open_pull(SLUG, head="waggle/502", base="main", title="x", body="", draft=False)

    assert refused.type.__name__ == "Unavailable"
    sent = [call for call in place.calls("POST", f"/repos/{SLUG}/pulls") if '"waggle/502"' in str(call["body"])]
    assert len(sent) == 1


def test_nothing_to_merge_is_refused_in_githubs_words(place: Playground, github: GitHub) -> None:
    place.push("waggle/nothing-new", {"y.txt": "1"})
    base = place.repositories.resolve(SLUG, "main")
    place.repositories.push(
        place.remote,
        base,
        "waggle/nothing-new",
        place.repositories.branches(SLUG).get("waggle/nothing-new")
        or place.repositories.collect(SLUG, "waggle/nothing-new"),
    )

    with pytest.raises(Invalid) as refused:
        github.open_pull(SLUG, head="waggle/nothing-new", base="main", title="x", body="", draft=False)

    assert "No commits between" in refused.value.user_message


def test_a_green_pull_request_passes(place: Playground, github: GitHub) -> None:
    ref = place.pull(github, "waggle/green")

    seen = checked(github, ref)

    assert seen.head_sha == ref.head_sha
    assert seen.required == ("lint", "tests")
    assert {(check.name, check.state, check.required) for check in seen.checks} == {
        ("tests", "ok", True),
        ("lint", "ok", True),
    }
    light = github.light([ref.node_id]).pulls[ref.node_id]
    assert (light.state, light.head_branch, light.base_branch, light.rollup) == (
        "open",
        "waggle/green",
        "main",
        "SUCCESS",
    )
    assert light.checks_by_state == {"SUCCESS": 2}


@pytest.mark.proves("14")
def test_a_red_one_shows_why_without_the_credential(place: Playground, github: GitHub) -> None:
    script = "echo '{\"looks\": \"like json\"}'\necho 'E   AssertionError: 1 != 2'\nexit 3\n"
    ref = place.pull(github, "waggle/red", {"run-tests.sh": script})
    seen = checked(github, ref)
    [failed] = [check for check in seen.checks if check.state == "fail"]

    assert failed.job_id is not None
    output = github.check_output(SLUG, failed.job_id)

    assert "E   AssertionError: 1 != 2" in excerpt(output.log, 20).lines
    assert (output.log_missing, output.failed_steps) == ("", ("Run sh run-tests.sh",))
    assert any("exit code 3" in note.message for note in output.annotations)
    [fetch] = place.calls("GET", "/actions-logs/")[-1:]
    assert fetch["actor"] == ""


def test_a_log_that_is_gone_says_so(place: Playground, github: GitHub) -> None:
    output = github.check_output(SLUG, 987654)

    assert output.log == "" and "no log" in output.log_missing


def test_the_fingerprint_moves_with_what_matters(place: Playground, github: GitHub) -> None:
    ref = place.pull(github, "waggle/finger")
    checked(github, ref)

    def settled() -> str | None:
        light = github.light([ref.node_id]).pulls[ref.node_id]
        return light.fingerprint if light.mergeable == "yes" else None

    before = eventually(settled)
    assert github.light([ref.node_id]).pulls[ref.node_id].fingerprint == before
    github.set_status(SLUG, ref.head_sha, "waggle/ai-review", "pending", "looking", "")
    after_status = github.light([ref.node_id]).pulls[ref.node_id].fingerprint
    place.act(lambda world: world.pulls.comment(world.pulls.find(SLUG, ref.number), "ana", "Please rename it"))
    after_comment = github.light([ref.node_id]).pulls[ref.node_id].fingerprint

    assert len({before, after_status, after_comment}) == 3


def test_a_conflict_is_seen_once_it_is_known(place: Playground, github: GitHub) -> None:
    ref = place.pull(github, "waggle/conflict", {"app.py": "mine\n"})
    other = place.pull(github, "waggle/first", {"app.py": "theirs\n"})
    checked(github, other)
    place.act(lambda world: world.pulls.merge(world.pulls.find(SLUG, other.number), "ana"))

    def conflicting() -> bool:
        return github.light([ref.node_id]).pulls[ref.node_id].mergeable == "no"

    assert eventually(conflicting)


def test_a_person_who_merges_is_named(place: Playground, github: GitHub) -> None:
    ref = place.pull(github, "waggle/merged", {"merged.txt": "1"})
    checked(github, ref)
    place.act(lambda world: world.pulls.merge(world.pulls.find(SLUG, ref.number), "ana"))

    seen = github.detail(SLUG, ref.number)

    assert github.light([ref.node_id]).pulls[ref.node_id].state == "merged"
    assert (seen.state, seen.merged_by, seen.merged_by_is_user, seen.closed_by) == ("merged", "ana", True, None)
    assert seen.merge_commit
    assert github.find_pull(SLUG, "waggle/merged") is None


def test_a_bot_that_merges_is_no_person(place: Playground, github: GitHub) -> None:
    ref = place.pull(github, "waggle/bot-merge", {"bot.txt": "1"})
    checked(github, ref)
    place.act(lambda world: world.pulls.merge(world.pulls.find(SLUG, ref.number), "waggle-bot"))

    seen = github.detail(SLUG, ref.number)

    assert (seen.merged_by, seen.merged_by_is_user) == ("waggle-bot", False)


def test_who_closed_it_is_named_until_it_is_reopened(place: Playground, github: GitHub) -> None:
    ref = place.pull(github, "waggle/closed")
    place.act(lambda world: world.pulls.close(world.pulls.find(SLUG, ref.number), "ben"))
    closed = github.detail(SLUG, ref.number)
    place.act(lambda world: world.pulls.reopen(world.pulls.find(SLUG, ref.number), "ben"))

    assert (closed.state, closed.closed_by, closed.closed_by_is_user) == ("closed", "ben", True)
    assert github.detail(SLUG, ref.number).closed_by is None


def test_closing_twice_closes_once(place: Playground, github: GitHub) -> None:
    ref = place.pull(github, "waggle/close")

    github.close_pull(SLUG, ref.number)
    github.close_pull(SLUG, ref.number)

    assert github.light([ref.node_id]).pulls[ref.node_id].state == "closed"
    assert len(place.calls("PATCH", f"/pulls/{ref.number}")) == 1


def test_a_comment_is_edited_not_repeated(place: Playground, github: GitHub) -> None:
    ref = place.pull(github, "waggle/comment")

    first = github.upsert_comment(SLUG, ref.number, REVIEW, "round one")
    second = github.upsert_comment(SLUG, ref.number, REVIEW, "round two")
    github.upsert_comment(SLUG, ref.number, REVIEW, "round two")

    assert first == second
    assert github.light([ref.node_id]).pulls[ref.node_id].comments == 1
    assert len(place.calls("PATCH", "/issues/comments/")) == 1


def test_a_comment_whose_answer_was_lost_is_found_again(place: Playground, github: GitHub) -> None:
    ref = place.pull(github, "waggle/comment-lost")
    place.fault(answer="drop", method="POST", path=f"/repos/{SLUG}/issues")

    github.upsert_comment(SLUG, ref.number, REVIEW, "once")

    assert github.light([ref.node_id]).pulls[ref.node_id].comments == 1


def test_a_copied_marker_in_somebody_elses_comment_is_left_alone(place: Playground, github: GitHub) -> None:
    ref = place.pull(github, "waggle/copied")
    theirs = place.act(
        lambda world: world.pulls.comment(world.pulls.find(SLUG, ref.number), "ben", f"{REVIEW}\nlook, I am Waggle")
    )

    github.upsert_comment(SLUG, ref.number, REVIEW, "mine")

    seen = github.detail(SLUG, ref.number)
    assert [comment.body for comment in seen.people_comments] == [theirs.body]
    assert github.light([ref.node_id]).pulls[ref.node_id].comments == 2


def test_secrets_do_not_leave_in_a_comment(place: Playground, github: GitHub) -> None:
    ref = place.pull(github, "waggle/secret")

    github.upsert_comment(SLUG, ref.number, REVIEW, "the token was ghp_0123456789abcdefghij0123456789abcdef")

    [sent] = place.calls("POST", f"/issues/{ref.number}/comments")
    assert "ghp_" not in str(sent["body"]) and "secret removed" in str(sent["body"])


def test_remarks_outside_the_diff_go_into_the_review_itself(place: Playground, github: GitHub) -> None:
    text = "".join(f"line {n}\n" for n in range(1, 41)).replace("line 20\n", "line twenty\n")
    ref = place.pull(github, "waggle/review", {"poem.txt": text})
    remarks = [
        ReviewComment("poem.txt", 20, "changed"),
        ReviewComment("poem.txt", 23, "context"),
        ReviewComment("poem.txt", 2, "far away"),
        ReviewComment("other.py", 1, "elsewhere"),
    ]

    github.post_review(SLUG, ref.number, ref.head_sha, f"{REVIEW}\nFindings", remarks)
    github.post_review(SLUG, ref.number, ref.head_sha, f"{REVIEW}\nFindings", remarks)

    seen = github.detail(SLUG, ref.number)
    assert [(thread.path, thread.line) for thread in seen.threads] == [("poem.txt", 20), ("poem.txt", 23)]
    [review] = seen.reviews
    assert (review.state, review.commit, review.author) == ("COMMENTED", ref.head_sha, "waggle-bot")
    assert "`poem.txt:2` far away" in review.body and "`other.py:1` elsewhere" in review.body


def test_a_review_that_github_refuses_is_posted_without_inline_remarks(place: Playground, github: GitHub) -> None:
    ref = place.pull(github, "waggle/review-422")
    place.fault(answer=422, method="POST", path=f"/repos/{SLUG}/pulls/{ref.number}/reviews")

    github.post_review(SLUG, ref.number, ref.head_sha, "Findings", [ReviewComment("new.txt", 1, "here")])

    seen = github.detail(SLUG, ref.number)
    assert seen.threads == ()
    assert "`new.txt:1` here" in seen.reviews[0].body


@pytest.mark.proves("19")
def test_what_people_say_is_told_apart_from_what_we_say(place: Playground, github: GitHub) -> None:
    ref = place.pull(github, "waggle/people")
    github.upsert_comment(SLUG, ref.number, REVIEW, "mine")
    github.post_review(SLUG, ref.number, ref.head_sha, "mine too", [ReviewComment("new.txt", 1, "my remark")])
    place.act(
        lambda world: world.reviews.create(
            world.pulls.find(SLUG, ref.number), "ana", "REQUEST_CHANGES", "no", remarks=[Remark("new.txt", 1, "rename")]
        )
    )
    place.act(lambda world: world.pulls.comment(world.pulls.find(SLUG, ref.number), "ben", "Ship it? `$(rm -rf /)`"))

    seen = github.detail(SLUG, ref.number)

    assert {(said.author, said.body, said.path) for said in seen.people_comments} == {
        ("ana", "rename", "new.txt"),
        ("ben", "Ship it? `$(rm -rf /)`", ""),
    }
    assert [(review.author, review.state) for review in seen.reviews if review.author_is_user] == [
        ("ana", "CHANGES_REQUESTED")
    ]
    assert [(thread.resolved, thread.own) for thread in seen.threads] == [(False, True), (False, False)]


def test_a_review_bots_words_are_bound_to_the_commit_that_they_were_said_about(
    place: Playground, github: GitHub
) -> None:
    ref = place.pull(github, "waggle/rabbit", {"new.txt": "one\n"})
    for body, remarks in (("**Actionable comments posted: 1**", [Remark("new.txt", 1, "A name.")]), ("", ())):
        place.act(
            lambda world, body=body, remarks=remarks: world.reviews.create(
                world.pulls.find(SLUG, ref.number), "coderabbitai", "" if body else "APPROVE", body, remarks=remarks
            )
        )
    place.act(lambda world: world.pulls.comment(world.pulls.find(SLUG, ref.number), "coderabbitai", "A walk."))

    seen = github.detail(SLUG, ref.number)
    (said,) = read_bots(seen, known_bots())
    assert (said.bot.name, said.word) == ("CodeRabbit", "request_changes")
    assert [(one.path, one.line, one.text) for one in said.remarks] == [("new.txt", 1, "A name.")]
    assert seen.people_comments == () and [one.body for one in seen.bot_comments] == ["A walk."]
    (moved,) = read_bots(replace(seen, head_sha="f" * 40), known_bots())
    assert (moved.word, moved.remarks) == ("abstain", ())


def test_a_resolved_thread_is_seen_as_resolved(place: Playground, github: GitHub) -> None:
    ref = place.pull(github, "waggle/resolved")
    github.post_review(SLUG, ref.number, ref.head_sha, "x", [ReviewComment("new.txt", 1, "remark")])
    place.act(
        lambda world: world.reviews.resolve(
            world.store.all(Thread, "pull_id=?", world.pulls.find(SLUG, ref.number).id)[0], "ana"
        )
    )

    [thread] = github.detail(SLUG, ref.number).threads
    assert (thread.resolved, thread.resolved_by, thread.resolved_by_user, thread.own) == (True, "ana", True, True)


def test_a_status_is_set_once(place: Playground, github: GitHub) -> None:
    ref = place.pull(github, "waggle/status")

    for _ in range(3):
        github.set_status(SLUG, ref.head_sha, "waggle/done", "success", "ok " * 100, "https://example.com/x")

    assert len(place.calls("POST", f"/statuses/{ref.head_sha}")) == 1
    [status] = [check for check in github.detail(SLUG, ref.number).checks if check.kind == "status"]
    assert (status.name, status.state, status.url, len(status.description)) == (
        "waggle/done", "ok", "https://example.com/x", 140,
    )  # fmt: skip


def test_failed_jobs_are_started_again(place: Playground, github: GitHub) -> None:
    ref = place.pull(github, "waggle/again", {"run-tests.sh": "exit 1\n"})
    [failed] = [check for check in checked(github, ref).checks if check.state == "fail"]
    assert failed.run_id is not None and failed.job_id is not None
    assert github.job_attempt(SLUG, failed.job_id) == JobAttempt(failed.run_id, 1, 1, running=False)

    github.rerun_failed(SLUG, failed.run_id)

    def newer() -> bool:
        return any(check.job_id != failed.job_id and check.name == "tests" for check in checked(github, ref).checks)

    assert eventually(newer)
    assert github.job_attempt(SLUG, failed.job_id).latest == 2
    assert any(check.name == "tests" and check.state == "ok" for check in checked(github, ref).base_checks)


def test_many_threads_never_get_each_others_answers(place: Playground, github: GitHub) -> None:
    refs = {branch: place.pull(github, branch) for branch in ("waggle/a", "waggle/b", "waggle/c")}

    def look(branch: str) -> bool:
        return github.find_pull(SLUG, branch) == refs[branch]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(look, list(refs) * 20))


def test_a_reply_in_a_thread_is_said_once_and_the_thread_resolved(place: Playground, github: GitHub) -> None:
    ref = place.pull(github, "waggle/replied")
    place.act(
        lambda world: world.reviews.create(
            world.pulls.find(SLUG, ref.number), "ana", "COMMENT", "", remarks=[Remark("new.txt", 1, "rename")]
        )
    )
    (thread,) = github.detail(SLUG, ref.number).threads
    mark = marker("T-1", "answer-1")

    place.fault(answer="drop", operation="WaggleReply")
    for _ in range(2):
        github.reply_in_thread(thread.id, mark, "Done in `abc`.")
        github.resolve_thread(thread.id)

    (thread,) = github.detail(SLUG, ref.number).threads
    assert [one.author for one in thread.comments] == ["ana", "waggle-bot"] and thread.resolved
    with pytest.raises(NotFound):
        github.resolve_thread("PRRT_gone")
