"""The tick's query: partial answers, timeouts, many pull requests."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from integrations.github import GitHub, PullRef, Unavailable
from tests.integration.github_world import SLUG, Playground, playground


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playground]:
    with playground(tmp_path_factory.mktemp("github")) as running:
        yield running


@pytest.fixture(scope="module")
def refs(place: Playground) -> list[PullRef]:
    github = place.client()
    return [place.pull(github, f"waggle/t-{n}", {f"f{n}.txt": "1\n"}) for n in range(4)]


@pytest.fixture
def github(place: Playground) -> Iterator[GitHub]:
    place.fault(clear=True)
    yield place.client()
    place.fault(clear=True)


def ids(refs: list[PullRef]) -> list[str]:
    return [ref.node_id for ref in refs]


def test_one_request_sees_them_all(place: Playground, refs: list[PullRef], github: GitHub) -> None:
    batch = github.light([*ids(refs), *ids(refs)])

    assert set(batch.pulls) == set(ids(refs))
    assert (batch.requests, batch.cost, batch.gone, batch.failed) == (1, 1, frozenset(), frozenset())
    assert batch.remaining is not None and github.rates()["graphql"].remaining == batch.remaining
    assert github.light([]).requests == 0


def test_an_id_that_is_gone_does_not_hide_the_others(refs: list[PullRef], github: GitHub, place: Playground) -> None:
    repository = github.repository(SLUG).node_id

    batch = github.light([refs[0].node_id, "PR_gone", repository, refs[1].node_id])

    assert set(batch.pulls) == {refs[0].node_id, refs[1].node_id}
    assert batch.gone == {"PR_gone", repository}
    assert batch.failed == frozenset()


@pytest.mark.proves("29")
def test_a_half_answer_is_half_believed(place: Playground, refs: list[PullRef], github: GitHub) -> None:
    place.fault(answer="partial", operation="WaggleLight")

    batch = github.light(ids(refs))

    assert len(batch.pulls) == 2
    assert batch.pulls.keys() | batch.failed | batch.gone == set(ids(refs))
    assert set(github.light(ids(refs)).pulls) == set(ids(refs))


def test_checks_that_may_not_be_read_are_not_no_checks(place: Playground, refs: list[PullRef], github: GitHub) -> None:
    place.fault(answer="forbidden_fields", operation="WaggleLight")
    light = github.light(ids(refs)).pulls[refs[0].node_id]
    place.fault(answer="forbidden_fields", operation="WaggleDetail")
    detail = github.detail(SLUG, refs[0].number)

    assert not light.checks_readable
    assert not detail.checks_readable
    assert {check.name for check in detail.checks} == {"tests", "lint"}
    assert all(check.required and check.job_id for check in detail.checks)
    assert github.light(ids(refs)).pulls[refs[0].node_id].checks_readable


def test_a_timeout_halves_the_question_and_is_remembered(place: Playground, refs: list[PullRef]) -> None:
    now = [datetime.now(UTC)]
    github = place.client(clock=lambda: now[0])
    place.fault(clear=True)
    place.fault(answer="timeout", operation="WaggleLight", next=2)

    batch = github.light(ids(refs))
    assert set(batch.pulls) == set(ids(refs))
    assert batch.requests == 5  # 4 ids: timed out; 2: timed out; 1, 1, then 2

    assert github.light(ids(refs)).requests == 4
    now[0] += timedelta(hours=1)
    assert github.light(ids(refs)).requests == 1


def test_one_that_never_answers_does_not_hide_the_others(
    place: Playground, refs: list[PullRef], github: GitHub
) -> None:
    place.fault(answer="timeout", operation="WaggleLight", next=4)  # four, both halves, and one of those alone

    batch = github.light(ids(refs))

    assert len(batch.failed) == 1
    assert batch.pulls.keys() | batch.failed == set(ids(refs))


def test_a_pull_request_in_trouble_of_its_own_is_failed_not_gone(
    place: Playground, refs: list[PullRef], github: GitHub
) -> None:
    place.fault(answer=500, operation="WaggleLight")

    batch = github.light(ids(refs))

    assert batch.failed == set(ids(refs)) and not batch.gone and not batch.pulls


@contextmanager
def stub(answer: Callable[[dict[str, Any]], tuple[int, bytes]]) -> Iterator[str]:
    """A GraphQL server that answers whatever the test wants."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, body = answer(asked)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}/api/v3"
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join(5)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"data": {"nodes": 7}}', b'{"data": null}', b"null"])
def test_an_answer_of_another_shape_is_no_answer(body: bytes) -> None:
    with stub(lambda asked: (200, body)) as url:
        batch = GitHub(url, lambda: "token").light(["PR_1"])
        with pytest.raises(Exception) as refused:
            GitHub(url, lambda: "token").viewer()

    assert batch.failed == {"PR_1"} and not batch.gone
    assert refused.type.__name__ in ("Unavailable", "Invalid")


def test_words_that_github_adds_one_day_are_unknown_not_fine() -> None:
    node = {
        "__typename": "PullRequest", "id": "PR_1", "number": 1, "url": "u", "state": "OPEN", "isDraft": False,
        "updatedAt": "2026-01-01T00:00:00Z", "mergeable": "PONDERING", "mergeStateStatus": "NEW_WORD",
        "headRefName": "b", "headRefOid": "1" * 40, "baseRefName": "main", "baseRefOid": "2" * 40,
        "totalCommentsCount": None, "statusCheckRollup": None, "somethingNew": 1,
    }  # fmt: skip
    with stub(lambda asked: (200, json.dumps({"data": {"nodes": [node]}}).encode())) as url:
        seen = GitHub(url, lambda: "token").light(["PR_1"]).pulls["PR_1"]

    assert (seen.mergeable, seen.merge_state, seen.rollup, seen.comments) == ("unknown", "NEW_WORD", None, 0)


def test_a_thousand_take_ten_requests() -> None:
    def answer(asked: dict[str, Any]) -> tuple[int, bytes]:
        assert len(asked["variables"]["ids"]) <= 100
        return 200, json.dumps({"data": {"nodes": [None for _ in asked["variables"]["ids"]]}}).encode()

    with stub(answer) as url:
        batch = GitHub(url, lambda: "token").light([f"PR_{n}" for n in range(1000)])

    assert batch.requests == 10
    assert len(batch.failed) == 1000, "null without a word is not gone"


def test_an_unreachable_server_raises_nothing_but_says_what_was_not_seen() -> None:
    github = GitHub("http://127.0.0.1:9/api/v3", lambda: "token")

    batch = github.light(["PR_1", "PR_2"])

    assert batch.failed == {"PR_1", "PR_2"}
    with pytest.raises(Unavailable):
        github.viewer()
