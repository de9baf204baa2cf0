"""A limit holds for every task of its agent and ends by itself; the next route is taken where the owner says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import Session

from scheduler.attempts import pick_route
from scheduler.failures import fail
from scheduler.lifecycle import AttemptState, Cause, TaskState
from scheduler.limits import limit_agent, limited_until, reset_of
from scheduler.policy import RetryPolicy, Route
from scheduler.registry import Attempt, Registry, Request, Task
from tests.conftest import Clock
from tests.unit.supervised import POLICY, FakeAgent, Stand

ROUTES = (("default", (Route("agent", "m-1"), Route("other", "m-2"))),)


def stand(registry: Registry, clock: Clock, *, failover: bool) -> Stand:
    made = Stand(registry, clock, replace(POLICY, routes=ROUTES, retries=RetryPolicy(failover=failover)))
    made.agents["other"] = FakeAgent("other")
    return made


def running(session: Session, clock: Clock) -> Task:
    request = Request(dedupe_key="k", text="x", requester="U0ANA", source="slack", created_at=clock())
    session.add(request)
    session.flush()
    task = Task(request_id=request.id, state=TaskState.RUNNING, title="x", created_at=clock(), updated_at=clock())
    session.add(task)
    session.flush()
    session.add(
        Attempt(task_id=task.id, n=1, name="t-1-a1", state=AttemptState.PARKED, agent="agent", prompt="p",
                created_at=clock())
    )  # fmt: skip
    session.flush()
    return task


def limited(session: Session, here: Stand) -> Task:
    """A task whose agent was just limited."""
    task = running(session, here.clock)
    fail(session, here.clock(), here.policy, task, cause="rate-limit", transition=Cause.ATTEMPT_FAILED, subject="s")
    return task


def test_one_tasks_limit_holds_for_the_agent_until_its_time_is_over(registry: Registry, clock: Clock) -> None:
    here = stand(registry, clock, failover=False)

    def work(session: Session) -> None:
        task = limited(session, here)
        assert limited_until(session, clock(), "agent") == task.not_before == clock() + timedelta(seconds=30)
        assert limited_until(session, clock(), "other") is None
        assert limited_until(session, clock() + timedelta(seconds=30), "agent") is None

    registry.write_now(work)


def test_a_longer_limit_is_not_shortened(registry: Registry, clock: Clock) -> None:
    def work(session: Session) -> None:
        late, early = clock() + timedelta(hours=2), clock() + timedelta(seconds=30)
        limit_agent(session, clock(), "agent", late, "rate-limit")
        limit_agent(session, clock(), "agent", early, "rate-limit")
        assert limited_until(session, clock(), "agent") == late

    registry.write_now(work)


def test_a_limit_whose_end_the_provider_says_is_waited_for_until_then(registry: Registry, clock: Clock) -> None:
    here, ends = stand(registry, clock, failover=False), clock() + timedelta(hours=3)

    def work(session: Session) -> None:
        task = running(session, clock)
        fail(
            session, clock(), here.policy, task, cause="rate-limit", transition=Cause.ATTEMPT_FAILED, subject="s",
            resets_at=reset_of(ends.timestamp(), clock()),
        )  # fmt: skip
        assert task.not_before == limited_until(session, clock(), "agent") == ends
        assert task.state is TaskState.QUEUED and not task.retries_failure

    registry.write_now(work)


@pytest.mark.parametrize("ahead_s", [None, -5.0, 0.0, 9 * 86400.0, 1e300])
def test_a_reset_that_is_over_or_absurd_is_none(clock: Clock, ahead_s: float | None) -> None:
    assert reset_of(None if ahead_s is None else clock().timestamp() + ahead_s, clock()) is None


@pytest.mark.parametrize(("failover", "taken"), [(False, ("agent", "m-1")), (True, ("other", "m-2"))])
def test_the_next_route_is_taken_only_where_the_owner_says_so(
    registry: Registry, clock: Clock, failover: bool, taken: tuple[str, str]
) -> None:
    here = stand(registry, clock, failover=failover)

    def work(session: Session) -> None:
        task = limited(session, here)
        assert pick_route(session, task, here.outside) == taken
        assert (task.not_before is None) is failover, "with another agent there is nothing to wait for"
        clock.advance(31)
        assert pick_route(session, task, here.outside) == ("agent", "m-1"), "and then the first one again"

    registry.write_now(work)
