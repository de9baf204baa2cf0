"""What GitHub can answer instead: each has its type, tells when to try again, and is never made worse by repeating."""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from integrations.github import (
    AuthFailed,
    Conflict,
    Forbidden,
    GitHub,
    GitHubError,
    Invalid,
    Limits,
    NotFound,
    PullRef,
    RateLimited,
    ReviewComment,
    SecondaryLimited,
    TimedOut,
    Unavailable,
    marker,
)
from tests.integration.github_stub import stub
from tests.integration.github_world import SLUG, Playground, playground

Call = Callable[[GitHub, PullRef], object]

READS: dict[str, tuple[str, Call]] = {
    "repository": ("GET", lambda github, ref: github.repository(SLUG)),
    "find_pull": ("GET", lambda github, ref: github.find_pull(SLUG, "waggle/trouble")),
    "statuses": ("GET", lambda github, ref: github.statuses(SLUG, ref.head_sha)),
    "job_attempt": ("GET", lambda github, ref: github.job_attempt(SLUG, 1)),
    "check_output": ("GET", lambda github, ref: github.check_output(SLUG, 1)),
}
WRITES: dict[str, tuple[str, Call]] = {
    "open_pull": (
        "POST",
        lambda github, ref: github.open_pull(SLUG, head="waggle/other", base="main", title="x", body="", draft=False),
    ),
    "upsert_comment": ("POST", lambda github, ref: github.upsert_comment(SLUG, ref.number, marker("T-1", "x"), "x")),
    "post_review": (
        "POST",
        lambda github, ref: github.post_review(SLUG, ref.number, ref.head_sha, "x", [ReviewComment("gone", 1, "x")]),
    ),
    "set_status": ("POST", lambda github, ref: github.set_status(SLUG, ref.head_sha, "waggle/x", "pending", "x", "")),
    "rerun_failed": ("POST", lambda github, ref: github.rerun_failed(SLUG, 1)),
    "close_pull": ("PATCH", lambda github, ref: github.close_pull(SLUG, ref.number)),
}


#: Asked through GraphQL, and what asks nothing; `probe` turns every refusal into a line for `waggle doctor`.
OTHERWISE = {"viewer", "light", "medium", "detail", "probe", "rates", "reply_in_thread", "resolve_thread"}


def test_every_rest_call_stands_in_the_table() -> None:
    public = {name for name, _ in inspect.getmembers(GitHub, inspect.isfunction) if not name.startswith("_")}
    assert public == READS.keys() | WRITES.keys() | OTHERWISE


@pytest.mark.parametrize("call", [*READS, *WRITES])
def test_every_call_that_gets_no_answer_in_time_says_so(
    ref: PullRef, github: GitHub, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    github.viewer()

    def no_answer(*_: object, **__: object) -> None:
        raise requests.ReadTimeout("read timed out")

    monkeypatch.setattr("requests.adapters.HTTPAdapter.send", no_answer)
    with pytest.raises(TimedOut) as refused:
        (READS | WRITES)[call][1](github, ref)
    assert refused.value.retryable and "did not answer in time" in refused.value.user_message


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playground]:
    with playground(tmp_path_factory.mktemp("github")) as running:
        running.push("waggle/other", {"other.txt": "1"})
        yield running


@pytest.fixture(scope="module")
def ref(place: Playground) -> PullRef:
    return place.pull(place.client(), "waggle/trouble")


@pytest.fixture
def github(place: Playground) -> Iterator[GitHub]:
    place.fault(clear=True)
    yield place.client()
    place.fault(clear=True)


@pytest.mark.parametrize("call", [*READS, *WRITES])
@pytest.mark.parametrize(
    ("answer", "error", "retryable"),
    [
        (401, AuthFailed, False),
        (403, Forbidden, False),
        (404, NotFound, False),
        (409, Conflict, False),
        (422, Invalid, False),
        (429, SecondaryLimited, True),
        ("secondary", SecondaryLimited, True),
        (500, Unavailable, True),
        (503, Unavailable, True),
    ],
)
def test_every_refusal_of_every_call_has_its_type(
    place: Playground,
    ref: PullRef,
    github: GitHub,
    call: str,
    answer: object,
    error: type[GitHubError],
    retryable: bool,
) -> None:
    method, act = (READS | WRITES)[call]
    github.viewer()
    place.fault(answer=answer, method=method, path=f"/repos/{SLUG}", next=20, retry_after=7)
    before = len(place.calls(method, f"/repos/{SLUG}"))
    started = datetime.now(UTC)

    if call == "check_output" and answer in (403, 404):
        assert act(github, ref).log == ""  # type: ignore[attr-defined]  # what may not be read is left out
        return
    with pytest.raises(error) as refused:
        act(github, ref)

    assert refused.value.retryable is retryable
    assert len(refused.value.user_message) > 20
    sent = len(place.calls(method, f"/repos/{SLUG}")) - before
    if error is SecondaryLimited:
        assert refused.value.not_before is not None
        assert timedelta(seconds=6) < refused.value.not_before - started < timedelta(seconds=30)
        assert sent == 1
    elif call in WRITES:
        assert sent == 1, "a write was repeated"
    elif error is Unavailable:
        assert sent == 3, "a read is tried three times"


@pytest.mark.parametrize("call", ["find_pull", "set_status"])
def test_no_answer_in_time_is_a_timeout(place: Playground, ref: PullRef, call: str) -> None:
    place.fault(clear=True)
    method, act = (READS | WRITES)[call]
    place.fault(answer="hang", method=method, path=f"/repos/{SLUG}", next=5, seconds=3)
    github = place.client(timeout_s=1)

    with pytest.raises((TimedOut, Unavailable)) as refused:
        act(github, ref)

    assert refused.value.retryable
    place.fault(clear=True)


def test_a_server_that_is_not_there_is_unavailable() -> None:
    github = GitHub("http://127.0.0.1:9/api/v3", lambda: "token")

    with pytest.raises(Unavailable):
        github.viewer()
    with pytest.raises(Unavailable):
        github.set_status(SLUG, "0" * 40, "waggle/x", "pending", "x", "")


@pytest.mark.parametrize("token", ["", "  ", "wrong"])
def test_a_wrong_token_is_named(place: Playground, token: str) -> None:
    github = place.client(token=lambda: token)

    with pytest.raises(AuthFailed) as refused:
        github.viewer()
    with pytest.raises(AuthFailed):
        github.repository(SLUG)
    with pytest.raises(AuthFailed):
        github.light(["PR_1"])

    assert "GITHUB_TOKEN" in refused.value.user_message
    assert [found.ok for found in github.probe(SLUG)] == [False]


def test_a_refreshed_token_is_used_at_once(place: Playground) -> None:
    place.fault(clear=True)
    tokens = ["wrong"]
    github = place.client(token=lambda: tokens[-1])
    with pytest.raises(AuthFailed):
        github.repository(SLUG)

    tokens.append(place.place.github_token)

    assert github.repository(SLUG).default_branch == "main"
    assert github.viewer() == "waggle-bot"


def test_a_repository_that_is_not_there_is_not_found(github: GitHub) -> None:
    with pytest.raises(NotFound) as refused:
        github.repository("acme/nothing")
    with pytest.raises(NotFound):
        github.detail(SLUG, 4711)

    assert "acme/nothing" in refused.value.user_message


@pytest.mark.proves("29", "I")
def test_a_pause_that_github_asks_for_is_kept_without_asking_again(place: Playground, ref: PullRef) -> None:
    place.fault(clear=True)
    now = [datetime.now(UTC)]
    github = place.client(clock=lambda: now[0])
    place.fault(answer="secondary", path=f"/repos/{SLUG}", retry_after=30)
    with pytest.raises(SecondaryLimited):
        github.repository(SLUG)
    asked = len(place.calls())

    with pytest.raises(SecondaryLimited) as refused:
        github.light([ref.node_id])
    assert refused.value.not_before == now[0] + timedelta(seconds=30)
    assert len(place.calls()) == asked

    now[0] += timedelta(seconds=31)
    assert github.repository(SLUG).default_branch == "main"


@pytest.mark.parametrize("resource", ["core", "graphql"])
@pytest.mark.proves("29", "I")
def test_a_spent_quota_is_remembered_until_its_reset(tmp_path_factory: pytest.TempPathFactory, resource: str) -> None:
    with playground(tmp_path_factory.mktemp("quota")) as place:
        now = [datetime.now(UTC)]
        github = place.client(clock=lambda: now[0])
        look = (lambda: github.repository(SLUG)) if resource == "core" else (lambda: github.light(["PR_1"]))
        path = f"/repos/{SLUG}" if resource == "core" else "/graphql"
        place.fault(answer="rate_limited", path=path, seconds=120)
        with pytest.raises(RateLimited) as refused:
            look()
        asked = len(place.calls())
        with pytest.raises(RateLimited):
            look()

        assert len(place.calls()) == asked
        assert refused.value.not_before is not None
        assert timedelta(seconds=60) < refused.value.not_before - now[0] < timedelta(seconds=180)
        assert github.rates()[resource].remaining == 0


def test_a_limit_never_makes_a_thread_wait(place: Playground, github: GitHub) -> None:
    place.fault(answer="secondary", path=f"/repos/{SLUG}", next=20, retry_after=3600)
    started = time.monotonic()

    with pytest.raises(SecondaryLimited):
        github.repository(SLUG)

    assert time.monotonic() - started < 2


def test_our_own_writes_are_counted_before_github_counts_them() -> None:
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    limits = Limits(lambda: now[0])
    for _ in range(20):
        limits.check("core", write=True)

    with pytest.raises(SecondaryLimited) as minute:
        limits.check("core", write=True)
    limits.check("core")
    assert minute.value.not_before == now[0] + timedelta(minutes=1)

    for _ in range(9):
        now[0] += timedelta(minutes=1)
        for _ in range(20):
            limits.check("core", write=True)
    now[0] += timedelta(minutes=1)
    with pytest.raises(SecondaryLimited) as hour:
        limits.check("core", write=True)
    assert hour.value.not_before == datetime(2026, 1, 1, 1, tzinfo=UTC)


def test_the_write_budget_holds_for_all_threads() -> None:
    limits = Limits()
    allowed = []
    start = threading.Barrier(8)

    def write() -> None:
        start.wait(10)
        for _ in range(10):
            try:
                limits.check("core", write=True)
            except SecondaryLimited:
                return
            allowed.append(1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: write(), range(8)))

    assert len(allowed) == 20


@pytest.mark.parametrize("body", [b"<html>Please log in</html>", b"[1]", b"{}", b'{"message":', b'"x"'])
def test_whatever_answers_instead_of_github_is_never_believed(body: bytes) -> None:
    """A proxy's login page comes with 200."""
    ref = PullRef("PR_1", 1, "u", "1" * 40)
    with stub(
        lambda method, path: (200, b'{"data": {"viewer": {"login": "me"}}}' if "graphql" in path else body)
    ) as url:
        for name, (_, act) in (READS | WRITES).items():
            if name not in ("rerun_failed", "check_output"):
                with pytest.raises(Unavailable) as refused:
                    act(GitHub(url, lambda: "token"), ref)
                assert "GITHUB_API_URL" in refused.value.user_message


def test_a_password_in_netrc_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ana password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    seen: list[str] = []

    def answer(method: str, path: str) -> tuple[int, bytes]:
        return 200, b'{"data": {"viewer": {"login": "me"}}}'

    with stub(answer, seen) as url:
        assert GitHub(url, lambda: "token").viewer() == "me"

    assert seen == ["Bearer token"]
