"""An agent whose account is refused is no failure of a task: all wait, people hear once, one task tries at times."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import Session, col, select

from integrations.agents import Spent, Tokens
from scheduler import commands
from scheduler.admission import Admission
from scheduler.attempts import pick_route
from scheduler.failures import fail
from scheduler.held_agents import must_wait
from scheduler.lifecycle import AttemptState, Cause, TaskState
from scheduler.policy import RetryPolicy, Route
from scheduler.registry import Attempt, Event, Registry, Task
from scheduler.watching import Watcher
from tests.conftest import Clock
from tests.unit.supervised import POLICY, FakeAgent, Stand

ANA = commands.Actor("U0ANA", "ana")
MINUTE = 60.0


@pytest.fixture
def stand(registry: Registry, clock: Clock) -> Stand:
    return Stand(registry, clock)


def refuse(stand: Stand, task_id: int, cause: str = "auth") -> None:
    """The last attempt of a running task ends because the account was refused."""

    def work(session: Session) -> None:
        task = session.get(Task, task_id)
        assert task is not None
        query = select(Attempt).where(Attempt.task_id == task_id).order_by(col(Attempt.n).desc())
        attempt = session.exec(query).first()
        assert attempt is not None
        task.state, attempt.state, attempt.outcome = TaskState.RUNNING, AttemptState.PARKED, cause
        fail(
            session, stand.clock(), stand.policy, task, cause=cause, transition=Cause.ATTEMPT_FAILED, subject="s",
            attempt=attempt, message="401 invalid x-api-key",
        )  # fmt: skip
        task.next_prompt = "go on"  # as the orchestrator writes it

    stand.change(work)


def prompts(stand: Stand) -> None:
    def work(session: Session) -> None:
        for task in session.exec(select(Task).where(Task.state == TaskState.QUEUED)).all():
            task.next_prompt = "go on"

    stand.change(work)


def two_tasks(stand: Stand) -> None:
    for _ in range(2):
        stand.task_in(TaskState.RUNNING, pull=False)
    refuse(stand, 1)
    refuse(stand, 2, "billing")


async def test_all_tasks_wait_nothing_is_spent_and_people_hear_once(stand: Stand) -> None:
    two_tasks(stand)
    for task_id in (1, 2):
        task = stand.task(task_id)
        assert (task.state, task.retries_failure, task.infra_waits, task.not_before) == (TaskState.QUEUED, 0, 0, None)
    (said,) = stand.said("alert")
    text = said.payload["text"]
    assert "No task starts agent" in text and "401 invalid x-api-key" in text and "Renew its API key" in text
    assert not stand.said("needs_help")
    admission = Admission(stand.outside)
    assert await admission.admit() == ["t-1-a2"], "who starts Waggle may have mended it: one tries"
    assert await admission.admit() == []
    assert stand.task(2).waits_for.startswith("the login of agent is refused; it is tried again by itself")


async def test_one_task_tries_now_and_then_and_more_and_more_rarely(stand: Stand) -> None:
    two_tasks(stand)
    admission = Admission(stand.outside)
    admission._fresh = False
    waits = []
    began = stand.clock()
    for _ in range(4):
        names: list[str] = []
        while not names:
            stand.clock.advance(MINUTE)
            names = await admission.admit()
        assert len(names) == 1 and await admission.admit() == []
        waits.append((stand.clock() - began) / timedelta(minutes=1))
        began = stand.clock()
        refuse(stand, int(names[0].split("-")[1]))
    assert waits == [5, 10, 20, 40]
    assert len(stand.said("alert")) == 1


async def test_a_person_says_that_it_is_mended(stand: Stand) -> None:
    two_tasks(stand)
    admission = Admission(stand.outside)
    admission._fresh = False
    assert await admission.admit() == []
    assert stand.change(lambda s: commands.retry(s, stand.clock(), stand.policy, ANA, 2)).ok
    assert len(await admission.admit()) == 1
    assert not stand.change(lambda s: commands.retry(s, stand.clock(), stand.policy, ANA, 9)).ok


async def test_the_first_answer_of_its_model_lets_everything_go_on(stand: Stand) -> None:
    two_tasks(stand)
    (name,) = await Admission(stand.outside).admit()
    attempt = stand.rows(Attempt, name=name)[0]

    def starts(session: Session) -> None:
        row = session.get(Attempt, attempt.id)
        assert row is not None
        row.state, row.started_at = AttemptState.RUNNING, stand.clock()

    stand.change(starts)
    stand.agents["agent"].meaning = {"refused": [], "answers": [Spent("1", Tokens(10, 0, 5))]}
    stand.engine.run_of(name, "refused")
    watcher = Watcher(stand.outside)
    await watcher.look(stand.rows(Attempt, name=name))
    assert stand.registry.read_now(lambda s: must_wait(s, stand.clock(), "agent")) is not None
    stand.engine.run_of(name, "answers")
    await watcher.look(stand.rows(Attempt, name=name))
    assert stand.registry.read_now(lambda s: must_wait(s, stand.clock(), "agent")) is None
    assert [row.payload["text"] for row in stand.said("alert")][1:] == [
        "agent works again; what waited for it goes on."
    ]
    assert [event.what for event in stand.rows(Event) if event.subject == "agent agent"] == ["held", "released"]
    assert len(await Admission(stand.outside).admit()) == 1, "and the other one starts"


def test_the_next_route_takes_it_where_the_owner_says_so(registry: Registry, clock: Clock) -> None:
    routes = (("default", (Route("agent"), Route("other"))),)
    stand = Stand(registry, clock, replace(POLICY, routes=routes, retries=RetryPolicy(failover=True)))
    stand.agents["other"] = FakeAgent("other")
    stand.task_in(TaskState.RUNNING, pull=False)
    refuse(stand, 1)
    assert registry.read_now(lambda s: pick_route(s, s.get(Task, 1), stand.outside)) == ("other", "")
