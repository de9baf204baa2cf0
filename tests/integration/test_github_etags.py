"""Reads that did not change cost GitHub no work and Waggle no quota."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integrations.github import AuthFailed, CheckFact, GitHub, PullRef
from integrations.github.etags import Answers, Kept
from integrations.playground.github.records import Comment, Pull
from tests.integration.github_world import SLUG, Playground, eventually, playground


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playground]:
    with playground(tmp_path_factory.mktemp("github")) as running:
        yield running


@pytest.fixture(scope="module")
def pull(place: Playground) -> PullRef:
    return place.pull(place.client(), "waggle/t-1")


def reads(place: Playground) -> list[int]:
    """The statuses of all REST reads so far."""
    return [int(str(call["status"])) for call in place.calls("GET", "/api/v3/")]


def test_a_read_that_did_not_change_is_free_and_says_the_same(place: Playground, pull: PullRef) -> None:
    github = place.client()
    github.set_status(SLUG, pull.head_sha, "waggle/done", "pending", "wait", "")
    first = github.statuses(SLUG, pull.head_sha)
    before, left = len(reads(place)), github.rates()["core"].remaining

    again = [github.statuses(SLUG, pull.head_sha) for _ in range(3)]

    assert again == [first] * 3 and first["waggle/done"] == ("pending", "wait")
    assert set(reads(place)[before:]) == {304}
    assert github.rates()["core"].remaining == left

    github.set_status(SLUG, pull.head_sha, "waggle/done", "success", "all there", "")
    assert github.statuses(SLUG, pull.head_sha)["waggle/done"] == ("success", "all there")
    assert github.rates()["core"].remaining == left - 2, "the write and the one read that brought something new"


def test_checks_that_are_read_by_rest_are_polled_for_nothing(place: Playground, pull: PullRef) -> None:
    github = place.client()
    eventually(lambda: all(one.state == "ok" for one in github.detail(SLUG, pull.number).checks))

    def poll() -> tuple[tuple[CheckFact, ...], list[int]]:
        place.fault(answer="forbidden_fields", operation="WaggleDetail")
        before = len(reads(place))
        return github.detail(SLUG, pull.number).checks, reads(place)[before:]

    (first, asked), (second, again) = poll(), poll()

    assert {check.name for check in first} >= {"tests", "lint"} and second == first
    assert set(asked) == {200} and again == [304] * len(asked)


def test_the_pages_of_a_list_are_still_followed(place: Playground, pull: PullRef) -> None:
    def talk(world):  # type: ignore[no-untyped-def]
        row = world.store.first(Pull, "slug=? AND number=?", SLUG, pull.number)
        for n in range(100):
            world.store.add(Comment(row.id, "ben", f"comment {n}", 1_700_000_000.0, 1_700_000_000.0))

    place.act(talk)
    github = place.client()
    written = github.upsert_comment(SLUG, pull.number, "<!-- x -->", "the same")
    before = len(reads(place))

    assert github.upsert_comment(SLUG, pull.number, "<!-- x -->", "the same") == written
    assert github.upsert_comment(SLUG, pull.number, "<!-- x -->", "the same") == written

    pages = reads(place)[before:]
    assert pages[len(pages) // 2 :] == [304] * (len(pages) // 2) and len(pages) >= 4


def test_what_was_read_before_is_not_shown_to_a_credential_that_may_not_see_it(
    place: Playground, pull: PullRef
) -> None:
    token = [place.place.github_token]
    github = GitHub(place.place.github_api_url, lambda: token[0])
    github.statuses(SLUG, pull.head_sha)
    token[0] = "of nobody"
    with pytest.raises(AuthFailed):
        github.statuses(SLUG, pull.head_sha)


def test_only_so_much_is_kept_and_what_was_read_last_stays() -> None:
    answers = Answers(most=25)
    for name in "ab":
        answers.keep((name, ""), Kept(name, bytes(10), {}, None))
    assert answers.find(("a", "")) is not None
    answers.keep(("c", ""), Kept("c", bytes(10), {}, None))
    answers.keep(("c", ""), Kept("d", bytes(15), {}, None))
    kept = [name for name in "abc" if answers.find((name, "")) is not None]
    assert kept == ["a", "c"]
