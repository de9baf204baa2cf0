"""Waggle is killed before, within and after every step, once, and again while it recovers: nothing is doubled or lost.

`make test` plays a few of the cases, chosen by the seed that each run prints; `pytest -m crash_all` plays all.
"""

from __future__ import annotations

import ast
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import scheduler
from scheduler.steps import StepName
from tests.crash.judging import judge
from tests.crash.killing import ANY, COMMIT, Kill, Moment
from tests.crash.lives import play, playing
from tests.crash.scenarios import SCENARIOS

#: The same in all workers of one run.
SEED = int(
    os.environ.get("WAGGLE_CRASH_SEED") or random.Random(os.environ.get("PYTEST_XDIST_TESTRUNUID")).randrange(10**6)
)
SAMPLE = 3  #: cases that `make test` plays
#: Steps that no code takes: their names wait for it. The first code that does makes a test below fail until a scenario
#: covers them.
NOT_TAKEN = frozenset({StepName.STATUS, StepName.COMMENT})
#: Steps in which no process is started: GitHub is called, and a kill within is a kill before or after.
WITHOUT_PROCESS = frozenset({StepName.OPEN_PULL, StepName.STOP, StepName.REMOVE_RUN})


@dataclass(frozen=True)
class Planned:
    """One case: a scenario and the kills in the first life, the second, …"""

    scenario: str
    plan: tuple[Kill, ...]

    def __str__(self) -> str:
        return "-".join([self.scenario, *map(str, self.plan)])


def every_case() -> Iterator[Planned]:
    """Each passage of each step × {before, after} × {once, twice}, and within it once."""
    for name, scenario in SCENARIOS.items():
        for step, passages in scenario.covers.items():
            for n in passages:
                for moment in (Moment.BEFORE, Moment.AFTER):
                    kill = Kill(step, moment, n)
                    yield Planned(name, (kill,))
                    # Again in the first step that the recovery takes.
                    yield Planned(name, (kill, Kill(ANY, moment)))
                if step not in WITHOUT_PROCESS:
                    yield Planned(name, (Kill(step, Moment.WITHIN, n),))


ALL = tuple(every_case())


async def _holds(tmp_path: Path, planned: Planned) -> None:
    async with playing(tmp_path, planned.scenario, planned.plan) as case:
        await play(case)
        assert case.lives.deaths == len(planned.plan), f"only {case.lives.deaths} of {planned} took place"
        await judge(case)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", range(SAMPLE))
async def test_a_few_kills_leave_one_of_everything(tmp_path: Path, number: int) -> None:
    planned = random.Random(SEED).sample(ALL, SAMPLE)[number]
    print(f"WAGGLE_CRASH_SEED={SEED}: {planned}")
    await _holds(tmp_path, planned)


@pytest.mark.crash_all
@pytest.mark.timeout(300)
@pytest.mark.parametrize("planned", ALL, ids=str)
async def test_a_kill_anywhere_leaves_one_of_everything(tmp_path: Path, planned: Planned) -> None:
    await _holds(tmp_path, planned)


@pytest.mark.crash_all
@pytest.mark.timeout(300)
@pytest.mark.parametrize("n", range(1, 80, 6))
async def test_a_kill_between_two_transactions_leaves_one_of_everything(tmp_path: Path, n: int) -> None:
    """How many transactions there are depends on the ticks, so a late number may come after the end."""
    async with playing(tmp_path, "workshop", [Kill(COMMIT, Moment.BEFORE, n)]) as case:
        await play(case)
        await judge(case)


@pytest.mark.crash_all
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_scenario_passes_the_steps_it_covers(tmp_path: Path, name: str) -> None:
    async with playing(tmp_path, name) as case:
        await play(case)
        await judge(case)
        passed = case.steps.counts(life=0)
    assert all(passed[step] == max(passages) for step, passages in case.scenario.covers.items()), passed


def test_every_step_is_covered_by_a_scenario() -> None:
    covered = {step for scenario in SCENARIOS.values() for step in scenario.covers}
    assert covered | NOT_TAKEN == set(StepName), "name the scenario that covers it in tests/crash/scenarios.py"
    assert not covered & NOT_TAKEN


def test_steps_that_are_not_covered_are_taken_by_no_code() -> None:
    taken = set()
    for file in Path(scheduler.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "StepName":
                taken.add(StepName[node.attr])
    assert taken == set(StepName) - NOT_TAKEN
