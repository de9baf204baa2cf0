"""What goes wrong with the real programs and their providers, and who acts on it."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from sqlmodel import Session

from scheduler import commands
from scheduler.lifecycle import AttemptState, TaskState
from scheduler.policy import Budget, RetryPolicy
from scheduler.registry import Diagnosis, Task
from scheduler.registry.writers import remember
from tests.agents.conversation import Asked
from tests.agents.model_server import Step, Trouble
from tests.agents.world import AGENTS, COMMIT, LOOK, REQUEST, SAY, WRITE, World, world

pytestmark = [pytest.mark.agents, pytest.mark.parametrize("agent", AGENTS), pytest.mark.timeout(300)]

TOO_LONG = {
    "claude-code": ("invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum"),
    "codex": ("context_length_exceeded", "Your input exceeds the context window of this model."),
}
NO_CREDIT = {
    "claude-code": Trouble(400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
    "codex": Trouble(429, "insufficient_quota", "You exceeded your current quota."),
}


async def go_on_now(here: World, task_id: int) -> None:
    """Let the time pass that a parked task waits for."""

    def work(session: Session) -> None:
        task = session.get(Task, task_id)
        assert task is not None
        task.not_before = datetime(2020, 1, 1, tzinfo=UTC)
        session.add(task)
        remember(session, datetime.now(UTC), f"limit:{here.agent}", {"until": task.not_before.isoformat(), "cause": ""})

    await here.loop.registry.write(work)


def programs(here: World, attempt: str) -> list[int]:
    """The agent's own processes, without Waggle's runner and without what the agent started."""
    wanted = {"claude-code": "claude", "codex": "codex"}[here.agent]
    return [pid for pid in here.loop.marked(attempt) if psutil.Process(pid).name() == wanted]


async def test_killed_in_the_middle_it_goes_on_with_its_session(tmp_path: Path, agent: str) -> None:
    plan = (LOOK, WRITE, replace(COMMIT, gate="before the commit"), SAY)
    async with world(tmp_path, agent, plan) as here:
        task_id = await here.loop.approved(REQUEST)
        await here.reached("before the commit")
        for pid in programs(here, "t-1-a1"):
            os.kill(pid, signal.SIGKILL)
        first = await here.attempt(task_id, 1, AttemptState.ENDED)
        here.model.gate("before the commit").set()
        task = await here.loop.until(task_id, TaskState.READY, timeout=120)
        first, second = await here.attempts(task_id)
        assert (first.outcome, second.outcome) == ("crashed", "done")
        assert second.resumes and second.session_id == first.session_id
        assert task.retries_failure == 0, "a crash spends no retry"
        assert here.loop.marked("t-1-a1") == []


async def test_a_refused_login_holds_the_agent_and_spends_no_retry(tmp_path: Path, agent: str) -> None:
    async with world(tmp_path, agent) as here:
        here.model.trouble = Trouble(401, "authentication_error", "invalid x-api-key")
        task_id = await here.loop.approved(REQUEST)
        attempt = await here.attempt(task_id, 1, AttemptState.PARKED)
        task = await here.loop.until(task_id, TaskState.QUEUED)
        assert (attempt.outcome, task.retries_failure, task.infra_waits) == ("auth", 0, 0)
        assert "planted-key" not in attempt.message
        (said,) = await here.loop.said("alert")
        assert "Renew its API key" in said.payload["text"] and "planted-key" not in said.payload["text"]
        here.model.trouble = None
        assert (await here.loop.do(commands.retry, task_id)).ok
        await here.loop.until(task_id, TaskState.READY, timeout=120)


async def test_an_empty_account_holds_the_agent(tmp_path: Path, agent: str) -> None:
    async with world(tmp_path, agent) as here:
        here.model.trouble = NO_CREDIT[agent]
        task_id = await here.loop.approved(REQUEST)
        attempt = await here.attempt(task_id, 1, AttemptState.PARKED)
        task = await here.loop.until(task_id, TaskState.QUEUED)
        assert (attempt.outcome, task.retries_failure, len(await here.attempts(task_id))) == ("billing", 0, 1)


@pytest.mark.parametrize(
    ("status", "kind", "cause"), [(429, "rate_limit_error", "rate-limit"), (529, "overloaded_error", "overloaded")]
)
async def test_a_limit_parks_it_and_spends_no_retry(
    tmp_path: Path, agent: str, status: int, kind: str, cause: str
) -> None:
    async with world(tmp_path, agent) as here:
        here.model.trouble = Trouble(status, kind, "Slow down.", after=2)
        task_id = await here.loop.approved(REQUEST)
        parked = await here.attempt(task_id, 1, AttemptState.PARKED)
        assert parked.outcome == cause
        task = await here.loop.until(task_id, TaskState.QUEUED)
        assert task.not_before is not None and task.not_before > datetime.now(UTC)
        assert task.retries_failure == 0
        here.model.trouble = None
        await go_on_now(here, task_id)
        await here.loop.until(task_id, TaskState.READY, timeout=120)
        _, second = await here.attempts(task_id)
        assert second.resumes and second.session_id == parked.session_id


async def test_out_of_context_it_starts_a_new_session_with_less(tmp_path: Path, agent: str) -> None:
    async with world(tmp_path, agent) as here:
        kind, message = TOO_LONG[agent]
        here.model.trouble = Trouble(400, kind, message, after=2)
        task_id = await here.loop.approved(REQUEST)
        first = await here.attempt(task_id, 1, AttemptState.ENDED)
        here.model.trouble = None
        task = await here.loop.until(task_id, TaskState.READY, timeout=120)
        first, second = await here.attempts(task_id)
        assert (first.outcome, task.help_class) == ("context", "")
        assert not second.resumes and second.session_id != first.session_id
        (diagnosis,) = await here.loop.rows(Diagnosis, task_id=task_id)
        assert (diagnosis.cause, diagnosis.change) == ("context", "narrow")
        assert diagnosis.instruction in second.prompt


async def test_a_spent_budget_is_for_a_person(tmp_path: Path, agent: str) -> None:
    async with world(tmp_path, agent, endless, budget=Budget(attempt_usd=0.3, task_usd=1.0)) as here:
        here.model.tokens = 20_000
        task_id = await here.loop.approved(REQUEST)
        task = await here.loop.until(task_id, TaskState.NEEDS_HELP, timeout=120)
        (attempt,) = await here.attempts(task_id)
        assert (attempt.outcome, task.help_class) == ("budget", "budget")
        assert attempt.cost_usd >= 0.3


async def test_too_many_turns_are_diagnosed(tmp_path: Path, agent: str) -> None:
    budget = Budget(attempt_turns=6)
    async with world(tmp_path, agent, endless, budget=budget, retries=RetryPolicy(failures=0)) as here:
        task_id = await here.loop.approved(REQUEST)
        task = await here.loop.until(task_id, TaskState.NEEDS_HELP, timeout=120)
        (attempt,) = await here.attempts(task_id)
        assert (attempt.outcome, task.help_class) == ("max-turns", "max-turns")
        assert len(here.model.asked) <= 12, "it was stopped soon after"


def endless(asked: Asked) -> Sequence[Step]:
    """One command after the other, each of them a little later than the one before."""
    return [Step(shell=f"python3 -c 'import time; time.sleep(0.3)'; echo step {n}") for n in range(asked.steps + 2)]
