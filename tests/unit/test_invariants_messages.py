"""What people must hear stands in the transaction of the change that causes it: both are there, or neither."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import Session, select

from integrations.github import PullDetail
from scheduler import commands
from scheduler.commands import Actor
from scheduler.failures import ask_for_help
from scheduler.lifecycle import Cause, TaskState
from scheduler.pulls import withdraw_ready
from scheduler.questions import put_question
from scheduler.registry import Event, Outbox, PullRequest, Registry, Task
from scheduler.registry.writers import move_task
from tests.conftest import Clock
from tests.unit.supervised import Stand

ANA = Actor("U0ANA", "ana")
Change = Callable[[Session, Stand, Task], Any]


@pytest.fixture
def stand(registry: Registry, clock: Clock) -> Stand:
    return Stand(registry, clock)


def _detail(stand: Stand, state: str) -> PullDetail:
    stand.github.state = state
    return stand.github.detail("acme/app", 1)


def _ended(session: Session, stand: Stand, state: str) -> None:
    stand.watcher._put_detail(session, 1, _detail(stand, state), "f", stand.clock())


def _ready(session: Session, stand: Stand, task: Task) -> None:
    pull = session.exec(select(PullRequest)).one()
    stand.clock.advance(60)
    stand.prover._complete(session, stand.clock(), pull, task)
    stand.clock.advance(60)
    stand.prover._complete(session, stand.clock(), pull, task)


def _withdrawn(session: Session, stand: Stand, task: Task) -> None:
    pull = session.exec(select(PullRequest)).one()
    pull.ready_head = pull.head_sha
    withdraw_ready(session, stand.clock(), pull, task, Cause.HEAD_MOVED, "moved")


#: kind of message, state before, the change, state after
HEARD: list[tuple[str, TaskState, Change, TaskState]] = [
    (
        "question",
        TaskState.RUNNING,
        lambda s, d, t: put_question(s, d.clock(), t, Cause.AGENT_ASKS, about="agent", text="Which?"),
        TaskState.ASKING,
    ),
    (
        "needs_help",
        TaskState.VERIFYING,
        lambda s, d, t: ask_for_help(s, d.clock(), t, Cause.ONLY_A_PERSON, cause="ci", sentence="x"),
        TaskState.NEEDS_HELP,
    ),
    ("pr_ready", TaskState.VERIFYING, _ready, TaskState.READY),
    ("ready_withdrawn", TaskState.READY, _withdrawn, TaskState.VERIFYING),
    ("merged", TaskState.READY, lambda s, d, t: _ended(s, d, "merged"), TaskState.MERGED),
    ("closed", TaskState.VERIFYING, lambda s, d, t: _ended(s, d, "closed"), TaskState.DROPPED),
    (
        "stopped",
        TaskState.RUNNING,
        lambda s, d, t: commands.stop(s, d.clock(), d.policy, ANA, t.id or 0),
        TaskState.STOPPED,
    ),
    (
        "card",
        TaskState.VERIFYING,
        lambda s, d, t: move_task(s, t, TaskState.DIAGNOSING, Cause.CI_FAILED, d.clock()),
        TaskState.DIAGNOSING,
    ),
]
IDS = [kind for kind, *_ in HEARD]


@pytest.mark.parametrize(("kind", "before", "change", "after"), HEARD, ids=IDS)
def test_what_people_must_hear_is_written_with_the_change(
    stand: Stand, kind: str, before: TaskState, change: Change, after: TaskState
) -> None:
    """# invariant 14"""
    stand.task_in(before)
    stand.change(lambda s: change(s, stand, s.get(Task, 1)))  # type: ignore[arg-type]  # it was just made
    stand.reopen()
    assert stand.task().state is after
    assert len(stand.said(kind)) == 1
    assert len(stand.said("card")) == 1, "the card is out of date with every change of state"
    assert any(event.after == after for event in stand.rows(Event, subject="task"))


@pytest.mark.parametrize(("kind", "before", "change", "after"), HEARD, ids=IDS)
def test_a_write_that_fails_leaves_neither_change_nor_message(
    stand: Stand, kind: str, before: TaskState, change: Change, after: TaskState
) -> None:
    """# invariant 14: cut off after everything was written and before it was committed."""
    stand.task_in(before)

    def cut_off(session: Session) -> None:
        task = session.get(Task, 1)
        assert task is not None
        change(session, stand, task)
        session.flush()
        assert session.exec(select(Outbox)).all() and task.state is after
        raise KeyError("killed here")

    with pytest.raises(KeyError):
        stand.change(cut_off)
    stand.reopen()
    assert stand.task().state is before
    assert stand.rows(Outbox) == [] and stand.rows(Event) == []


@pytest.mark.proves("J", "17")
async def test_each_thing_is_said_once_however_often_it_is_concluded(stand: Stand) -> None:
    """# invariant 14: the same verdict, many ticks and restarts."""
    stand.task_in(TaskState.VERIFYING)
    for _ in range(8):
        await stand.look()
        await stand.detail()
        await stand.diff()
        await stand.judge()
        stand.council()
        stand.clock.advance(20)
        stand.reopen()
    assert [row.kind for row in stand.rows(Outbox) if row.kind != "card"] == ["pr_ready"]


async def test_a_quiet_tick_writes_nothing(stand: Stand) -> None:
    """# invariant 14: no card is rendered again for nothing."""
    stand.task_in(TaskState.VERIFYING)
    for _ in range(6):
        await stand.look()
        await stand.detail()
        await stand.diff()
        await stand.judge()
        stand.council()
        await stand.report()
        stand.clock.advance(20)
    before = (stand.registry.commits, stand.said("card")[0].payload)
    for _ in range(3):
        await stand.look()
        assert not stand.wanted
        assert await stand.judge() == []
        stand.clock.advance(20)
    assert (stand.registry.commits, stand.said("card")[0].payload) == before
