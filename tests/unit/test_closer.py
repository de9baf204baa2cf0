"""Which pull requests are looked at together, which alone, and when again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from integrations.github import CheckFact, MediumBatch
from integrations.github.errors import RateLimited
from scheduler.background import NotYetError
from scheduler.closer import STALE, in_trouble, needs_more
from scheduler.lifecycle import TaskState
from scheduler.registry import Registry
from tests.conftest import Clock
from tests.unit.supervised import NODE, SLUG, Stand, Truth, sha


@pytest.fixture
def stand(registry: Registry, clock: Clock) -> Stand:
    made = Stand(registry, clock)
    made.task_in(TaskState.VERIFYING)
    return made


@pytest.mark.parametrize(
    ("light", "alone"),
    [
        ({}, False),
        ({"rollup": "SUCCESS"}, False),
        ({"rollup": "PENDING"}, False),
        ({"rollup": "FAILURE"}, True),
        ({"rollup": "ERROR"}, True),
        ({"threads": 1}, True),
        ({"checks_readable": False}, True),
    ],
)
def test_trouble_is_looked_at_alone(stand: Stand, light: dict[str, Any], alone: bool) -> None:
    (one,) = stand.github.light([NODE]).pulls.values()
    assert in_trouble(replace(one, **light)) is alone


@pytest.mark.parametrize(("state", "more"), [("ok", False), ("wait", False), ("fail", True), ("human", True)])
def test_a_check_that_failed_since_is_looked_at_alone(stand: Stand, state: str, more: bool) -> None:
    check = CheckFact("tests", "check", cast(Any, state), "", "")
    assert needs_more(replace(stand.github.detail(SLUG, 1), checks=(check,))) is more


async def closer(stand: Stand) -> list[tuple[int, str]]:
    return await stand.watcher.closer.look(stand.wanted)


async def test_what_is_well_is_written_down_from_the_shared_look(stand: Stand) -> None:
    await stand.look()
    assert await closer(stand) == []
    assert [one["name"] for one in stand.pull.facts["checks"]] == ["tests"]
    assert (stand.pull.facts_head, stand.github.mediums) == (sha(1), 1)
    await stand.look()
    assert not stand.wanted


async def test_what_is_not_well_is_owed_a_look_of_its_own(stand: Stand) -> None:
    stand.github.truths[sha(1)] = Truth("fail")
    await stand.look()
    assert await closer(stand) == list(stand.wanted) != []
    assert "checks" not in stand.pull.facts
    await stand.detail()
    await stand.look()
    assert not stand.wanted


async def test_what_the_shared_look_did_not_see_is_looked_at_alone(stand: Stand) -> None:
    stand.github.medium = lambda ids: MediumBatch({}, frozenset(ids), 1)  # type: ignore[method-assign]  # half an answer
    await stand.look()
    assert await closer(stand) == list(stand.wanted) != []


async def test_a_shared_look_at_another_commit_is_not_believed(stand: Stand) -> None:
    await stand.look()
    stand.github.head = sha(2)
    assert await closer(stand) == []
    assert "checks" not in stand.pull.facts
    await stand.look()
    assert stand.wanted, "it is owed still"


async def test_a_shared_look_that_fails_is_made_again_later(stand: Stand) -> None:
    await stand.look()
    stand.github.down = True
    with pytest.raises(NotYetError):
        await closer(stand)
    stand.github.down = False
    assert await closer(stand) == [] and stand.pull.facts["checks"]


async def test_a_limit_stops_the_shared_look(stand: Stand) -> None:
    def limited(ids: object) -> MediumBatch:
        raise RateLimited("no", user_message="The quota is spent.")

    stand.github.medium = limited  # type: ignore[method-assign]  # as GitHub may
    await stand.look()
    with pytest.raises(NotYetError):
        await closer(stand)


async def test_what_seems_unchanged_is_looked_at_again_in_time(stand: Stand) -> None:
    await stand.look()
    await closer(stand)
    stand.clock.advance(STALE.total_seconds() - 1)
    await stand.look()
    assert not stand.wanted
    stand.clock.advance(1)
    await stand.look()
    assert await closer(stand) == [] and stand.github.mediums == 2
    await stand.look()
    assert not stand.wanted


async def test_a_restart_does_not_look_at_everything_again(stand: Stand) -> None:
    await stand.look()
    await closer(stand)
    stand.clock.advance(STALE.total_seconds() * 10)
    stand.reopen()
    await stand.look()
    assert not stand.wanted
