"""Waggle is killed before, within and after every step, once, and again while it recovers: nothing is doubled or lost.

`make test` plays one of the stories, chosen by the seed that each run prints; `make crash` plays all.
"""

from __future__ import annotations

import ast
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import bot
import integrations
import scheduler
from scheduler.steps import StepName
from tests.crash.judging import judge
from tests.crash.killing import ANY, COMMIT, Kill, Moment
from tests.crash.lives import play, playing
from tests.crash.scenarios import SCENARIOS, TMUX

#: The same in all workers of one run.
SEED = int(
    os.environ.get("WAGGLE_CRASH_SEED") or random.Random(os.environ.get("PYTEST_XDIST_TESTRUNUID")).randrange(10**6)
)
#: Steps that no code takes: their names wait for it. The first code that does makes a test below fail until a scenario
#: covers them.
NOT_TAKEN: frozenset[StepName] = frozenset()
#: Steps in which no process is started, and a kill within is a kill before or after.
WITHOUT_PROCESS = frozenset(
    {StepName.OPEN_PULL, StepName.STATUS, StepName.RERUN, StepName.COMMENT, StepName.REMARK}
    | {StepName.ANSWER, StepName.RESOLVE}
    | {StepName.STOP, StepName.REMOVE_RUN, StepName.KEEP_PICTURES, StepName.GUIDE}
)


@dataclass(frozen=True)
class Planned:
    """One story and its deaths, in the order of the story."""

    scenario: str
    moment: Moment
    again: bool
    steps: tuple[StepName, ...]

    @property
    def plan(self) -> tuple[Kill, ...]:
        """A kill at each of the steps and, to be killed `again`, one in the first step that each recovery takes."""
        kills = []
        for step in self.steps:
            kills.append(Kill(step, self.moment))
            if self.again:
                kills.append(Kill(ANY, self.moment))
        return tuple(kills)

    def __str__(self) -> str:
        return "-".join([self.scenario, self.moment, "twice" if self.again else "once", *self.steps])


def every_case() -> Iterator[Planned]:
    """Each step of each scenario × {before, within, after} × {once, twice}.

    One story has many deaths, a new life for each: whatever one of them doubled or lost stays in the records that are
    judged in the end. Every other step goes to another story, so that each life takes a step that is not disturbed.
    """
    for name, scenario in SCENARIOS.items():
        for moment in Moment:
            steps = tuple(one for one in scenario.covers if moment in moments_of(one))
            for half in (steps[::2], steps[1::2]):
                if half:
                    yield Planned(name, moment, False, half)
                    yield Planned(name, moment, True, half)


def moments_of(step: StepName) -> set[Moment]:
    return set(Moment) - ({Moment.WITHIN} if step in WITHOUT_PROCESS else set())


ALL = tuple(every_case())


async def _holds(tmp_path: Path, planned: Planned) -> None:
    async with playing(tmp_path, planned.scenario, planned.plan) as case:
        await play(case)
        await judge(case)
        assert case.lives.deaths == len(planned.plan), f"only {case.lives.deaths} of {planned.plan} took place"


@pytest.mark.timeout(300)
async def test_some_kills_leave_one_of_everything(tmp_path: Path) -> None:
    planned = random.Random(SEED).choice(ALL)
    print(f"WAGGLE_CRASH_SEED={SEED}: {planned}")
    await _holds(tmp_path, planned)


@pytest.mark.crash_all
@pytest.mark.timeout(300)
@pytest.mark.parametrize("planned", ALL, ids=str)
async def test_a_kill_anywhere_leaves_one_of_everything(tmp_path: Path, planned: Planned) -> None:
    await _holds(tmp_path, planned)


@pytest.mark.crash_all
@pytest.mark.timeout(300)
@pytest.mark.parametrize("n", range(9, 16))
async def test_a_kill_between_two_transactions_leaves_one_of_everything(tmp_path: Path, n: int) -> None:
    """In each life after so many. How many there are depends on the ticks: some kills may come after the end."""
    async with playing(tmp_path, "workshop", [Kill(COMMIT, Moment.BEFORE, n)] * 6) as case:
        await play(case)
        await judge(case)
        assert case.lives.deaths >= 3


def test_every_step_that_code_takes_is_killed_at_each_moment_once_and_twice() -> None:
    cases = {(step, case.moment, case.again) for case in ALL for step in case.steps}
    here = taken() if TMUX else taken() - {StepName.TERMINAL}
    wanted = {(step, moment, again) for step in here for moment in moments_of(step) for again in (False, True)}
    assert cases == wanted, "name the step in the `covers` of a scenario that takes it, in tests/crash/scenarios.py"


def test_every_name_is_taken_or_waits() -> None:
    assert taken() == set(StepName) - NOT_TAKEN


def taken() -> set[StepName]:
    """The steps that stand in the code."""
    found = set()
    for room in (bot, scheduler, integrations):
        for file in Path(room.__file__).parent.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "StepName":
                    found.add(StepName[node.attr])
    return found
