"""The error tracker's client against the playground's tracker: what is read, and every way in which it can fail."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import sentry_sdk

from integrations.errors import (
    AuthFailed,
    Forbidden,
    NotFound,
    NotTracker,
    RateLimited,
    Refused,
    TimedOut,
    TrackerError,
    Unavailable,
)
from tests.integration.sentry_world import Tracker, event, tracker

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Tracker]:
    async with tracker(tmp_path / "playground") as made:
        yield made


async def test_events_of_one_place_are_one_issue_with_its_numbers(world: Tracker) -> None:
    world.happen(3)
    world.happen(2, kind="KeyError")
    found = await world.ask(world.client().changed_since, LONG_AGO)
    assert found.complete
    by_kind = {one.kind: one for one in found.issues}
    assert set(by_kind) == {"ValueError", "KeyError"}
    one = by_kind["ValueError"]
    assert (one.count, one.users, one.status, one.level, one.category) == (3, 3, "unresolved", "error", "error")
    assert one.short_id == "LEDGERLINE-1" and one.project == "ledgerline" and one.substatus == "new"
    assert one.title == "ValueError: it broke"
    assert one.url == f"{world.place.url}/sentry/issues/1/"
    assert one.first_seen <= one.last_seen


async def test_the_latest_event_has_the_frames_and_no_person(world: Tracker) -> None:
    world.happen(1)
    found = await world.ask(world.client().latest_event, "1")
    (frame,) = found.in_app
    assert (frame.path, frame.function, frame.line) == ("app/web.py", "invoice_page", 71)
    assert frame.code == '        invoice = invoices.get(self.db, int(query.get("id", "0")))'
    assert [one.path for one in found.frames] == ["wsgiref/handlers.py", "app/web.py"]
    assert (found.kind, found.message, found.release) == ("ValueError", "it broke", "1.0")
    assert (found.host, found.user_agent, found.environment) == ("ledger.example", "Mozilla/5.0", "production")
    kept = found.model_dump_json()
    assert "203.0.113" not in kept and "priya" not in kept


async def test_only_what_happened_after_the_cursor_is_read(world: Tracker) -> None:
    world.happen(1)
    (first,) = (await world.ask(world.client().changed_since, LONG_AGO)).issues
    assert (await world.ask(world.client().changed_since, first.last_seen)).issues == ()
    world.happen(1, kind="KeyError")
    (later,) = (await world.ask(world.client().changed_since, first.last_seen)).issues
    assert later.kind == "KeyError"


async def test_more_than_a_page_of_issues_is_read_to_the_end(world: Tracker) -> None:
    for n in range(230):
        world.happen(1, function=f"f{n}")
    found = await world.ask(world.client().changed_since, LONG_AGO)
    assert len({one.id for one in found.issues}) == 230 and found.complete
    assert len([path for path, _ in world.calls() if path.endswith("/issues/")]) == 3


async def test_reading_ends_at_the_page_that_holds_the_cursor(world: Tracker) -> None:
    for n in range(150):
        world.happen(1, function=f"old{n}")
    newest = world.world.memory.issues()[0]
    world.happen(1, function="fresh")
    since = datetime.fromtimestamp(newest.last_seen, UTC)
    found = await world.ask(world.client().changed_since, since)
    assert len(found.issues) == 1
    assert len([path for path, _ in world.calls() if path.endswith("/issues/")]) == 1


async def test_resolved_issues_are_not_listed_and_can_be_looked_up(world: Tracker) -> None:
    world.happen(1)
    world.world.memory.change(1, status="resolved", resolved_at=world.world.clock(), substatus="")
    assert (await world.ask(world.client().changed_since, LONG_AGO)).issues == ()
    assert (await world.ask(world.client().issue, "1")).status == "resolved"
    world.happen(1, release="2.0")
    back = await world.ask(world.client().issue, "1")
    assert (back.status, back.substatus, back.count) == ("unresolved", "regressed", 2)


async def test_an_old_release_that_goes_on_failing_is_no_regression(world: Tracker) -> None:
    world.happen(1)
    world.world.memory.change(1, status="resolved", resolved_at=world.world.clock(), substatus="")
    world.happen(1)
    assert (await world.ask(world.client().issue, "1")).status == "resolved"


async def test_the_project_that_waggle_reports_to_is_left_alone(world: Tracker) -> None:
    world.happen(1)
    assert (await world.ask(world.client(own_project_id="1").changed_since, LONG_AGO)).issues == ()


CURE = {
    401: (AuthFailed, "SENTRY_AUTH_TOKEN", False),
    403: (Forbidden, "event:read", False),
    404: (NotFound, "SENTRY_ORG", False),
    400: (Refused, "did not take the question", False),
    500: (Unavailable, "trouble of its own", True),
    502: (Unavailable, "trouble of its own", True),
    503: (Unavailable, "trouble of its own", True),
    "page": (NotTracker, "SENTRY_URL", False),
    "shapeless": (NotTracker, "SENTRY_URL", False),
    "moved": (NotTracker, "SENTRY_URL", False),
    "drop": (Unavailable, "cannot be reached", True),
    "hang": (TimedOut, "did not answer in time", True),
}


@pytest.mark.parametrize("answer", CURE)
@pytest.mark.parametrize("call", ["changed_since", "issue", "latest_event"])
async def test_each_failure_is_typed_and_names_its_cure(world: Tracker, answer: int | str, call: str) -> None:
    kind, cure, retryable = CURE[answer]
    world.happen(1)
    client = world.client(timeout_s=0.3, projects=())
    world.world.fault({"answer": answer, "next": 3, "seconds": 1})
    with pytest.raises(kind) as raised:
        await world.ask(getattr(client, call), LONG_AGO if call == "changed_since" else "1")
    assert isinstance(raised.value, TrackerError)
    assert raised.value.retryable is retryable
    assert cure in raised.value.user_message
    assert world.place.sentry_token not in f"{raised.value} {raised.value.user_message}"
    tries = len(world.calls())
    assert tries == (3 if retryable else 1), "only what may pass is asked again"
    world.world.fault({"clear": True})


async def test_a_rate_limit_says_until_when_and_is_not_asked_again(world: Tracker) -> None:
    world.world.fault({"answer": 429, "retry_after": 90})
    with pytest.raises(RateLimited) as raised:
        await world.ask(world.client().changed_since, LONG_AGO)
    assert raised.value.not_before is not None
    wait = raised.value.not_before - datetime.now(UTC)
    assert timedelta(seconds=60) < wait <= timedelta(seconds=91)
    assert len(world.calls()) == 1 and world.sleeps == []


async def test_a_blink_is_survived(world: Tracker) -> None:
    world.happen(1)
    world.world.fault({"answer": 502, "next": 2})
    assert len((await world.ask(world.client().changed_since, LONG_AGO)).issues) == 1
    assert len(world.sleeps) == 2


async def test_nobody_there_is_said_as_such(world: Tracker) -> None:
    client = world.client(url="http://127.0.0.1:1", timeout_s=2)
    with pytest.raises(Unavailable, match="no connection"):
        await world.ask(client.changed_since, LONG_AGO)


async def test_a_wrong_token_and_a_wrong_project_are_found_before_anything_is_scanned(world: Tracker) -> None:
    (organisation,) = await world.ask(world.client(token="sntryu_wrong").probe)
    assert not organisation.ok and "SENTRY_AUTH_TOKEN" in organisation.fix
    (elsewhere,) = await world.ask(world.client(organisation="umbrella").probe)
    assert not elsewhere.ok and "SENTRY_ORG" in elsewhere.fix
    found = await world.ask(world.client(projects=("ledgerline", "shop")).probe)
    assert [(one.check, one.ok) for one in found] == [
        ("organisation", True),
        ("project ledgerline", True),
        ("project shop", False),
    ]
    assert "it sees: ledgerline" in found[-1].fix and "SENTRY_PROJECTS" in found[-1].fix
    assert [one.ok for one in await world.ask(world.client().probe)] == [True, True, True]


async def test_the_real_sdk_is_understood(world: Tracker) -> None:
    def fail() -> None:
        client = sentry_sdk.Client(world.place.sentry_dsn, release="abc", default_integrations=False)
        scope = sentry_sdk.Scope(client=client)
        with sentry_sdk.scope.use_isolation_scope(scope), sentry_sdk.scope.use_scope(scope):
            try:
                int("abc")
            except ValueError as problem:
                scope.capture_exception(problem)
        client.close(timeout=10)

    await world.ask(fail)
    (issue,) = (await world.ask(world.client().changed_since, LONG_AGO)).issues
    assert issue.title == "ValueError: invalid literal for int() with base 10: 'abc'"
    latest = await world.ask(world.client().latest_event, issue.id)
    assert latest.frames[-1].function == "fail" and latest.release == "abc"


async def test_the_same_event_twice_counts_once_and_a_wrong_key_is_refused(world: Tracker) -> None:
    body = json.dumps({"event_id": "a" * 32}) + "\n" + json.dumps({"type": "event"}) + "\n"
    body += json.dumps(event(1) | {"event_id": "a" * 32})
    url = "/sentry/api/1/envelope/?sentry_key={}"

    async with aiohttp.ClientSession() as session:
        statuses = []
        for key, data in (("ledgerline", body), ("ledgerline", body), ("guessed", body), ("ledgerline", "no envelope")):
            async with session.post(world.place.url + url.format(key), data=data) as answer:
                statuses.append(answer.status)
    assert statuses == [200, 200, 403, 400]
    assert [one.count for one in world.world.memory.issues()] == [1]


async def test_the_button_makes_the_application_fail_for_real_and_the_page_shows_it(world: Tracker) -> None:
    status, said = await world.page("POST", "/page/sentry/cause", {"visitors": 4})
    assert status == 200 and json.loads(said)["answers"] == [500] * 4, said
    (issue,) = (await world.ask(world.client().changed_since, LONG_AGO)).issues
    assert (issue.count, issue.users) == (4, 4)
    assert issue.title == "ValueError: invalid literal for int() with base 10: 'abc'"
    latest = await world.ask(world.client().latest_event, issue.id)
    assert [(one.path, one.function) for one in latest.in_app] == [
        ("app/web.py", "__call__"),
        ("app/web.py", "invoice_page"),
    ]
    assert latest.release == json.loads(said)["release"]
    status, listed = await world.page("GET", "/sentry/")
    assert status == 200 and "LEDGERLINE-1" in listed and "4 events, 4 people" in listed
    status, shown = await world.page("GET", "/sentry/issues/1/")
    assert status == 200 and "invoice_page" in shown and "int(query.get(" in shown
    assert (await world.page("GET", "/sentry/issues/9/"))[0] == 404
    assert (await world.page("POST", "/page/sentry/cause", {"visitors": 0}))[0] == 400


async def test_the_page_and_its_button_want_the_token(world: Tracker) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{world.place.url}/sentry/") as answer:
            assert answer.status == 403
        async with session.post(f"{world.place.url}/page/sentry/cause", json={}) as answer:
            assert answer.status == 403
