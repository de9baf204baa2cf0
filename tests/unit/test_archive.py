"""Finished tasks leave the lists after a time, and nothing else: counts, costs and the way back stay."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select

from bot.look import count_archived, list_tasks
from bot.slack.grammar import parse
from bot.slack.intents import Status, Surface
from bot.slack.shown import listed
from scheduler import commands
from scheduler.commands import Actor
from scheduler.lifecycle import TaskState
from scheduler.policy import Keep
from scheduler.registry import Event, Ledger, Registry, Task
from scheduler.retention import archive
from tests.conftest import Clock
from tests.unit.supervised import Stand

KEEP = Keep(listed_s=30 * 86400.0)
DAY = timedelta(days=1)


@pytest.fixture
def stand(registry: Registry, clock: Clock) -> Stand:
    """One task in each state, cleaned up where it is finished."""
    made = Stand(registry, clock)
    for state in TaskState:
        cleaned = clock() if state in {TaskState.MERGED, TaskState.DROPPED} else None
        made.task_in(state, pull=False, cleaned_at=cleaned)
    return made


def archived(stand: Stand) -> set[TaskState]:
    return {task.state for task in stand.rows(Task) if task.archived_at is not None}


def test_what_is_finished_for_long_is_archived_once(stand: Stand) -> None:
    stand.clock.advance(30 * 86400)
    assert stand.change(lambda s: archive(s, stand.clock(), KEEP)) == 0
    stand.clock.advance(60)
    assert stand.change(lambda s: archive(s, stand.clock(), KEEP)) == 2
    assert stand.change(lambda s: archive(s, stand.clock(), KEEP)) == 0
    assert archived(stand) == {TaskState.MERGED, TaskState.DROPPED}
    assert len(stand.rows(Event, what="archived")) == 2


def test_what_is_not_cleaned_up_yet_stays_in_the_lists(stand: Stand) -> None:
    stand.change(lambda s: [setattr(task, "cleaned_at", None) for task in s.exec(select(Task)).all()])
    stand.clock.advance(31 * 86400)
    assert stand.change(lambda s: archive(s, stand.clock(), KEEP)) == 0


def test_it_leaves_the_lists_and_its_costs_do_not(stand: Stand) -> None:
    stand.change(lambda s: s.add(Ledger(at=stand.clock(), key="k", purpose="attempt", task_id=1, cost_usd=1.0)))
    stand.clock.advance(31 * 86400)
    stand.change(lambda s: archive(s, stand.clock(), KEEP))

    def seen(session):  # type: ignore[no-untyped-def]  # a session in, three counts out
        short, whole = list_tasks(session, archived=False), list_tasks(session)
        slack = [listed(session, scope, "U0ANA")[2] for scope in ("", "all", "archived")]
        return len(short), len(whole), count_archived(session), slack

    every = len(TaskState)
    assert stand.registry.read_now(seen) == (every - 2, every, 2, [every - 3, every - 2, 2])
    assert len(stand.rows(Ledger)) == 1 and len(stand.rows(Task)) == every


def test_who_takes_it_up_again_finds_it_in_the_lists(stand: Stand) -> None:
    stand.clock.advance(31 * 86400)
    stand.change(lambda s: archive(s, stand.clock(), KEEP))
    (dropped,) = [task for task in stand.rows(Task) if task.state is TaskState.DROPPED]
    reply = stand.change(lambda s: commands.retry(s, stand.clock(), stand.policy, Actor("U0ANA"), dropped.id))
    assert reply.ok and archived(stand) == {TaskState.MERGED}


@pytest.mark.parametrize("scope", ["all", "archived", "mine"])
def test_lists_can_be_asked_for_in_slack(scope: str) -> None:
    assert parse(f"status {scope}", Surface.SLASH) == Status(scope=scope)
    assert parse(f"<@U0W> status {scope}", Surface.MENTION, "U0W") == Status(scope=scope)
