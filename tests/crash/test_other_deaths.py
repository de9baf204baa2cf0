"""The runner, the agent and the playground are killed: while Waggle looks, while it is dead, and together with it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scheduler.lifecycle import TaskState
from scheduler.steps import StepName
from tests.crash.judging import judge
from tests.crash.killing import Kill, Moment, Victim
from tests.crash.lives import Case, agents_alive, play, playing
from tests.crash.scenarios import CSV, PATIENCE_S, SCENARIOS

pytestmark = [pytest.mark.crash_all, pytest.mark.timeout(300)]

Story = Callable[[Case], Coroutine[Any, Any, None]]
ATTEMPT = "t-1-a1"


def runner(case: Case) -> int:
    return case.runner(ATTEMPT)


def agent(case: Case) -> int:
    ((pid, _),) = agents_alive(case.home)
    return pid


async def _kill_at_work(case: Case, victim: Callable[[Case], int]) -> None:
    """SIGKILL once the agent, its runner and a command that left the agent's session are there."""
    await case.eventually(lambda: len(case.marked(ATTEMPT)) >= 3, PATIENCE_S)
    os.kill(victim(case), signal.SIGKILL)


def _to_the_end(mishap: Story) -> Story:
    async def story(case: Case) -> None:
        task_id = await case.approved(CSV)
        await mishap(case)
        await case.until(task_id, TaskState.READY, timeout=PATIENCE_S)
        await case.merge(task_id)

    return story


VICTIMS = pytest.mark.parametrize(("victim", "outcome"), [(runner, "lost"), (agent, "crashed")])


@VICTIMS
async def test_a_death_that_is_seen_costs_no_retry_and_leaves_no_stray(
    tmp_path: Path, victim: Callable[[Case], int], outcome: str
) -> None:
    async with playing(tmp_path, "lost") as case:
        story = _to_the_end(lambda one: _kill_at_work(one, victim))
        case.scenario = replace(case.scenario, play=story, attempts=(outcome, "done"))
        await play(case)
        await judge(case)
        assert (await case.task(1)).retries_failure == 0


@VICTIMS
@pytest.mark.proves("25", "F'")
async def test_a_death_while_nobody_supervises_is_found_at_the_next_start(
    tmp_path: Path, victim: Callable[[Case], int], outcome: str
) -> None:
    async with playing(tmp_path, "lost", [Kill(StepName.SPAWN, Moment.AFTER)]) as case:
        case.lives.between = lambda: _kill_at_work(case, victim)
        case.scenario = replace(case.scenario, play=_to_the_end(_nothing), attempts=(outcome, "done"))
        await play(case)
        await judge(case)
        assert case.lives.deaths == 1


async def _nothing(case: Case) -> None:
    """The mishap comes between two lives."""


BOTH_MOMENTS = pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])
#: Where Waggle cannot go on without the playground, so that it is back before it dies again.
NEEDED = (StepName.MIRROR, StepName.PUSH, StepName.OPEN_PULL, StepName.MIRROR, StepName.REMOVE_BRANCH)


@BOTH_MOMENTS
@pytest.mark.parametrize("steps", [NEEDED[::2], NEEDED[1::2]], ids="-".join)
async def test_an_outside_world_that_dies_is_picked_up_again(
    tmp_path: Path, steps: tuple[StepName, ...], moment: Moment
) -> None:
    await _is_picked_up_again(tmp_path, [Kill(step, moment, 1, (Victim.PLAYGROUND,)) for step in steps])


@BOTH_MOMENTS
async def test_an_outside_world_that_dies_together_with_waggle_is_picked_up_again(
    tmp_path: Path, moment: Moment
) -> None:
    steps = SCENARIOS["feature"].covers
    await _is_picked_up_again(tmp_path, [Kill(step, moment, 1, tuple(Victim)) for step in steps])


async def _is_picked_up_again(tmp_path: Path, plan: Sequence[Kill]) -> None:
    async with playing(tmp_path, "feature", plan) as case:
        await play(case)
        await judge(case, notices=2 * len(plan))  # GitHub is away, and back: once each
        assert case.world.deaths == len(plan)
