"""What a merged pull request costs: failed attempts, reviews and planning counted in, and shown where people look."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import Session

from bot.costs import cost_of, merged_since, spent_since
from bot.slack.shown import task_facts
from bot.slack.views.card import card
from bot.slack.views.messages import merged
from scheduler.lifecycle import AttemptState, PullState, TaskState
from scheduler.registry import Attempt, PullRequest, Registry
from scheduler.registry.writers import pay
from tests.conftest import Clock
from tests.unit.supervised import Stand

SENTENCE = "$1.75: 2 attempts $1.25 (1 failed, $0.25), reviews $0.40, planning and diagnosis $0.10"


@pytest.fixture
def stand(registry: Registry, clock: Clock) -> Stand:
    made = Stand(registry, clock)
    made.task_in(TaskState.MERGED)
    made.task_in(TaskState.STOPPED, pull=False)

    def work(session: Session) -> None:
        first = session.get(Attempt, 1)
        pull = session.get(PullRequest, 1)
        assert first is not None and pull is not None
        first.outcome, pull.state, pull.merged_by = "context", PullState.MERGED, "ana"
        second = Attempt(
            id=9, task_id=1, n=2, name="t-1-a2", state=AttemptState.ENDED, agent="agent", prompt="x", outcome="done",
            created_at=made.clock(),
        )  # fmt: skip
        session.add_all([first, pull, second])
        session.flush()
        for key, purpose, attempt, usd in (
            *(("a1", "attempt", 1, 0.25), ("a2", "attempt", 9, 1.0), ("r1", "review", None, 0.2)),
            *(("r2", "review", None, 0.2), ("s", "scope", None, 0.06), ("d", "diagnose", None, 0.04)),
        ):
            pay(
                session, made.clock(), key=key, purpose=purpose, task_id=1, attempt_id=attempt, cost_usd=usd,
                tokens_input=10, tokens_output=5,
            )  # fmt: skip
        pay(session, made.clock(), key="other", purpose="attempt", task_id=2, cost_usd=0.5)

    made.change(work)
    return made


def test_all_that_was_paid_for_a_task_is_told_apart(stand: Stand) -> None:
    cost = stand.registry.read_now(lambda s: cost_of(s, 1))
    assert (cost.sentence, cost.tokens) == (SENTENCE, 90)
    assert stand.registry.read_now(lambda s: cost_of(s, 3)).sentence == ""


def test_the_merge_and_the_card_say_what_it_cost(stand: Stand) -> None:
    facts = stand.registry.read_now(lambda s: task_facts(s, stand.policy, (), stand.task()))
    assert f"It cost {SENTENCE}." in merged(facts, "ana").text
    assert f"It cost {SENTENCE}." in str(card(facts).blocks)


def test_merged_pull_requests_are_listed_with_their_cost_and_beside_all_that_was_spent(stand: Stand) -> None:
    since = stand.clock() - timedelta(days=1)
    (found,) = stand.registry.read_now(lambda s: merged_since(s, since))
    assert (found.task.id, round(found.cost.usd, 2)) == (1, 1.75)
    assert round(stand.registry.read_now(lambda s: spent_since(s, since)), 2) == 2.25
    assert stand.registry.read_now(lambda s: merged_since(s, stand.clock() + timedelta(seconds=1))) == []
