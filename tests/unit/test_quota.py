"""GitHub's quota is spared before it is spent, and what GitHub still computes is asked for again, a few times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from integrations.github import Rate
from scheduler.lifecycle import TaskState
from scheduler.quota import Shortage, shortage
from scheduler.registry import Registry
from tests.conftest import Clock
from tests.unit.supervised import Stand

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOON, LATER, PAST = NOW + timedelta(minutes=10), NOW + timedelta(minutes=50), NOW - timedelta(seconds=1)


@pytest.fixture
def stand(registry: Registry, clock: Clock) -> Stand:
    made = Stand(registry, clock)
    made.task_in(TaskState.VERIFYING)
    return made


@pytest.mark.parametrize(
    ("rates", "short"),
    [
        ({}, None),
        ({"graphql": Rate(5000, 2000, LATER), "core": Rate(5000, 2000, LATER)}, None),
        ({"graphql": Rate(5000, 1999, LATER)}, "graphql"),
        ({"core": Rate(5000, 0, LATER), "graphql": Rate(5000, 5000, LATER)}, "core"),
        ({"core": Rate(5000, 0, LATER), "graphql": Rate(5000, 0, SOON)}, "core"),
        ({"core": Rate(5000, 0, PAST)}, None),
        ({"core": Rate(0, 0, LATER)}, None),
        ({"graphql": Rate(12500, 4999, LATER)}, "graphql"),
    ],
)
def test_two_fifths_of_each_quota_are_the_reserve(rates: dict[str, Rate], short: str | None) -> None:
    found = shortage(rates, NOW)
    assert (found.resource if found else None) == short


def test_the_sentence_says_how_much_is_left_and_until_when() -> None:
    said = Shortage("graphql", Rate(5000, 1999, LATER)).sentence
    assert "1999 of 5000 GraphQL calls" in said and "12:50 UTC" in said and "every 5 minutes" in said


@pytest.mark.proves("29")
async def test_a_low_quota_stretches_the_looks_is_said_once_and_picks_up_by_itself(stand: Stand) -> None:
    await stand.look()
    stand.github.quotas = {"graphql": Rate(5000, 1500, stand.clock() + timedelta(minutes=30))}
    before = stand.github.lights
    for _ in range(20):  # ten minutes of ticks
        stand.clock.advance(30)
        await stand.look()
    assert stand.github.lights - before == 2
    (told,) = stand.said("alert")
    assert "runs low: 1500 of 5000" in told.payload["text"]

    stand.clock.advance(21 * 60)  # GitHub's hour is over
    for _ in range(3):
        stand.clock.advance(30)
        await stand.look()
    assert stand.github.lights - before == 5
    assert [row.payload["text"] for row in stand.said("alert")][1:] == ["I look at pull requests at each tick again."]


async def test_mergeability_that_is_unknown_is_asked_for_soon_and_three_times(stand: Stand) -> None:
    stand.github.mergeable = "unknown"
    await stand.look()
    asked = stand.github.lights
    for _ in range(60):
        await stand.watcher.look_again()
        stand.clock.advance(2)
    assert stand.github.lights - asked == 3

    stand.github.base = "f" * 40  # the base moved: it is computed anew
    await stand.look()
    stand.github.mergeable = "yes"
    asked = stand.github.lights
    for _ in range(10):
        stand.clock.advance(2)
        await stand.watcher.look_again()
    assert stand.github.lights - asked == 1 and stand.pull.mergeable == "yes"


async def test_what_is_known_is_not_asked_for_between_two_ticks(stand: Stand) -> None:
    await stand.look()
    asked = stand.github.lights
    stand.clock.advance(60)
    await stand.watcher.look_again()
    assert stand.github.lights == asked
