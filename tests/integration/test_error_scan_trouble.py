"""The error scan when much happens or nothing answers: floods, outages, deaths; each stops nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from scheduler import commands
from scheduler.discovery.facts import CURSOR, read_facts
from scheduler.lifecycle import SignalState
from scheduler.registry import Outbox, Registry, Signal, Task
from scheduler.registry.writers import recall
from tests.conftest import Clock
from tests.integration.error_scan_world import POLICY, SLUG, Place, Unreadable
from tests.integration.sentry_world import tracker


@pytest.fixture
async def place(tmp_path: Path, registry: Registry, clock: Clock) -> AsyncIterator[Place]:
    async with tracker(tmp_path / "playground") as made:
        yield Place(registry, clock, made)


async def test_an_issue_that_was_deleted_does_not_stop_the_scan(place: Place) -> None:
    place.tracker.happen(3)
    await place.scan()
    place.tracker.world.fault({"answer": 404, "path": "/issues/1/", "next": 99})
    place.tracker.happen(3, function="another")
    assert (await place.scan()).proposed == ["T-2"]
    assert place.do(commands.start).ok


async def test_an_event_that_cannot_be_read_stops_its_own_issue_alone(place: Place) -> None:
    place.tracker.happen(3, function="odd")
    place.tracker.happen(3)
    place.tracker.world.fault({"answer": "shapeless", "path": "/issues/1/events/", "next": 9})
    assert (await place.scan()).proposed == ["T-1"]
    assert place.signal("LEDGERLINE-1").reason == "its latest event cannot be read"
    assert place.signal("LEDGERLINE-2").state is SignalState.PROPOSED
    assert place.said("alert") == []


async def test_while_the_repository_is_away_the_issue_waits_and_is_judged_later(place: Place) -> None:
    away = replace(place.outside, repositories=cast(Any, Unreadable()))
    here, place.outside = place.outside, away
    place.tracker.happen(3)
    assert (await place.scan()).proposed == []
    assert (place.signal().state, place.signal().reason) == (SignalState.NEW, f"{SLUG} cannot be read now")
    place.outside = here
    assert (await place.scan()).proposed == ["T-1"], "without a new event"


async def test_more_than_people_can_decide_waits_its_turn(place: Place) -> None:
    for n in range(7):
        place.tracker.happen(3 + n, function=f"f{n}")
    assert len((await place.scan()).proposed) == 3
    waiting = [one for one in place.rows(Signal) if one.state is SignalState.WAITING]
    assert len(waiting) == 4 and {one.reason for one in waiting} == {
        "3 proposals were made in one look; its turn comes"
    }
    assert len((await place.scan()).proposed) == 2, "no new event is needed"
    assert (await place.scan()).proposed == []
    assert {one.reason for one in place.rows(Signal) if one.state is SignalState.WAITING} == {
        "5 proposals wait for a person already"
    }
    place.do(commands.never, 1)
    assert len((await place.scan()).proposed) == 1


async def test_a_flood_of_issues_is_looked_at_by_and_by(place: Place) -> None:
    place.policy = replace(POLICY, errors=replace(POLICY.errors, per_scan=50, open_proposals=100))
    for n in range(25):
        place.tracker.happen(3, function=f"f{n}")
    assert len((await place.scan()).proposed) == 20
    assert len((await place.scan()).proposed) == 5


OUTAGES: list[tuple[int | str, str]] = [
    ("down", "Sentry has trouble of its own (503)."),
    (401, "Sentry does not accept the token"),
    (403, "event:read"),
    (404, "SENTRY_ORG"),
    (429, "Sentry asks for a pause"),
    ("page", "not Sentry's API"),
    ("shapeless", "not Sentry's API"),
    ("drop", "cannot be reached"),
]


@pytest.mark.parametrize(("answer", "words"), OUTAGES)
async def test_a_tracker_that_fails_is_told_once_and_picked_up_again(
    place: Place, answer: int | str, words: str
) -> None:
    place.tracker.happen(3)
    place.tracker.world.fault({"answer": answer, "next": 999, "retry_after": 5})
    for _ in range(12):
        place.clock.advance(300)
        report = await place.scan()
        assert report.skipped and report.proposed == []
    (alert,) = place.said("alert")
    assert words in alert and "everything else goes on" in alert
    assert place.rows(Task) == place.rows(Signal) == []
    place.tracker.world.fault({"clear": True})
    place.clock.advance(1000)
    assert (await place.scan()).proposed == ["T-1"]
    assert place.said("alert")[1:] == ["Sentry answers again; everything is picked up."]


async def test_a_tracker_that_is_down_is_left_alone_for_a_while(place: Place) -> None:
    place.tracker.world.fault({"answer": 429, "next": 99, "retry_after": 600})
    await place.scan()
    calls = len(place.tracker.calls())
    for _ in range(9):
        assert "is asked again at" in (await place.scan()).skipped
    assert len(place.tracker.calls()) == calls


@pytest.mark.parametrize("path", ["/issues/", "/events/latest/"])
async def test_the_cursor_moves_only_with_the_rows(place: Place, path: str) -> None:
    """Whatever fails in the middle of a look, the next one sees the same issues again."""
    place.tracker.happen(3)
    place.tracker.world.fault({"answer": 503, "next": 3, "path": path})
    await place.scan()
    assert place.rows(Signal) == []
    fact = place.registry.read_now(lambda s: recall(s, CURSOR)) or {}
    assert fact["cursor"] is None and fact["failures"] == 1
    place.clock.advance(60)
    assert (await place.scan()).proposed == ["T-1"]
    fact = place.registry.read_now(lambda s: recall(s, CURSOR)) or {}
    assert fact["cursor"] == read_facts(place.signal()).issue.last_seen.isoformat()


async def test_a_look_whose_rows_cannot_be_written_has_done_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.tracker.happen(3)

    def refuse(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("scheduler.discovery.settling.remember", refuse)  # the last thing of the transaction
    with pytest.raises(OSError, match="disk full"):
        await place.scan()
    assert place.rows(Signal) == place.rows(Task) == place.rows(Outbox) == []
    monkeypatch.undo()
    assert (await place.scan()).proposed == ["T-1"]
    assert len(place.rows(Task)) == 1


async def test_other_projects_start_with_a_cursor_of_their_own(place: Place) -> None:
    place.tracker.happen(3)
    await place.scan()
    place.outside = replace(place.outside, tracker=place.tracker.client(projects=()))
    assert (await place.scan()).seen == 1
    assert len(place.rows(Signal)) == 1, "the same issue is the same row"


async def test_nothing_is_scanned_where_nobody_wants_it(place: Place) -> None:
    place.tracker.happen(3)
    place.policy = replace(POLICY, errors=replace(POLICY.errors, enabled=False))
    assert (await place.scan()).skipped and place.tracker.calls() == []
    place.outside = replace(place.outside, tracker=None)
    assert (await place.scan()).skipped
