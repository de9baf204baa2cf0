"""Money that tasks share, and the word in the thread before it is gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session, SQLModel, create_engine, select

from scheduler.budget import budget_that_ran_out, purse_of, warn_of_budget
from scheduler.lifecycle import AttemptState, TaskState
from scheduler.policy import Budget, Policy
from scheduler.registry.talk import Outbox
from scheduler.registry.work import Attempt, Request, Task
from scheduler.registry.writers import pay
from scheduler.shared_budget import spent_shared

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


@pytest.fixture
def session() -> Iterator[Session]:
    engine = create_engine("sqlite://")
    SQLModel.metadata.create_all(engine)
    with Session(engine) as opened:
        for n, channel in ((1, "C0WORK"), (2, "C0OTHER")):
            opened.add(Request(id=n, dedupe_key=str(n), text="x", requester="U", source="cli", created_at=NOW))
            opened.flush()
            opened.add(
                Task(
                    id=n, request_id=n, state=TaskState.RUNNING, title="t", channel=channel, budget_usd=10.0,
                    created_at=NOW, updated_at=NOW,
                )
            )  # fmt: skip
            opened.flush()
        yield opened
    engine.dispose()


def spend(session: Session, key: str, task: int, usd: float, tokens: int = 0, ago: timedelta = timedelta()) -> None:
    pay(session, NOW - ago, key=key, purpose="attempt", task_id=task, cost_usd=usd, tokens_output=tokens)
    session.flush()


@pytest.mark.parametrize(
    ("budget", "channel", "said"),
    [
        (Budget(day_usd=3.0), "C0WORK", "Today's budget: $3.00 of $3.00 are spent."),
        (Budget(day_usd=3.1), "C0WORK", ""),
        (Budget(day_tokens=600), "C0WORK", "Today's budget: 600 of 600 tokens are spent."),
        (Budget(month_usd=5.0), "C0WORK", "This month's budget: $5.00 of $5.00 are spent."),
        (Budget(channel_month_usd=4.0), "C0WORK", "This channel's budget: $4.00 of $4.00 are spent."),
        (Budget(channel_month_usd=4.0), "C0OTHER", ""),
        (Budget(channel_month_usd=1.0), "", ""),
        (Budget(), "C0WORK", ""),
    ],
)
def test_what_tasks_share_is_counted_since_it_began_anew(
    session: Session, budget: Budget, channel: str, said: str
) -> None:
    spend(session, "today", 1, 2.0, 400)
    spend(session, "other channel", 2, 1.0, 200)
    spend(session, "yesterday", 1, 2.0, ago=timedelta(days=1))
    spend(session, "last month", 1, 100.0, ago=timedelta(days=40))
    assert spent_shared(session, Policy(budget=budget), NOW, channel) == said


def test_people_are_told_of_the_limit_that_is_nearer(session: Session) -> None:
    task, policy = session.get(Task, 1), Policy(budget=Budget(attempt_tokens=1000, task_tokens=1000))
    assert task is not None
    task.budget_tokens = 1000
    spend(session, "attempt", 1, 2.0, 850)
    warn_of_budget(session, NOW, policy, task)
    [said] = session.exec(select(Outbox).where(Outbox.kind == "budget")).all()
    assert said.payload == {"percent": 80, "spent": "850 of 1,000 tokens are spent."}


@pytest.mark.parametrize(
    ("tokens", "usd", "said"), [(1200, 0.5, "1,000 tokens"), (10, 5.1, "$5.00"), (0, 0.0, "$5.00")]
)
def test_a_stopped_attempt_names_the_limit_that_stopped_it(tokens: int, usd: float, said: str) -> None:
    attempt = Attempt(
        task_id=1, n=1, name="t-1-a1", state=AttemptState.RUNNING, agent="agent", prompt="p", created_at=NOW,
        tokens_output=tokens, cost_usd=usd, budget_tokens=1000, budget_usd=5.0,
    )  # fmt: skip
    assert budget_that_ran_out(attempt) == said


def test_a_thread_hears_once_of_half_and_of_most_and_again_after_a_grant(session: Session) -> None:
    task = session.get(Task, 1)
    assert task is not None
    policy = Policy(budget=Budget(attempt_usd=10.0))

    def heard() -> list[int]:
        warn_of_budget(session, NOW, policy, task)
        warn_of_budget(session, NOW, policy, task)
        session.flush()
        return [row.payload["percent"] for row in session.exec(select(Outbox)).all() if row.kind == "budget"]

    for usd, percents in ((4.9, []), (5.0, [50]), (7.9, [50]), (8.0, [50, 80]), (10.0, [50, 80])):
        spend(session, "attempt", 1, usd)
        assert heard() == percents
    assert purse_of(session, policy, task).empty
    task.extra_attempts = 1
    assert heard() == [50, 80, 50], "of twice the money half is gone"
