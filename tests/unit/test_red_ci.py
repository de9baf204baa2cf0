"""What follows when CI is red: whose trouble it is decides who acts, and only the change's own costs a retry."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integrations.github import Annotation, CheckFact, CheckOutput, JobAttempt, PullDetail
from integrations.github.errors import Forbidden
from scheduler.judging import Kind
from scheduler.lifecycle import TaskState
from scheduler.red_ci import evidence_of
from scheduler.registry import Evidence, Judgement, Registry
from tests.conftest import Clock
from tests.unit.supervised import FakeGitHub, Stand, Truth, sha

LOST = "##[error]The runner has received a shutdown signal."


class Ci(FakeGitHub):
    """One check of one workflow run. `base` is what the base branch says about the same check."""

    job, attempt, on_base, conclusion, refuses = 7, 1, "ok", "failure", False

    def __init__(self) -> None:
        super().__init__()
        self.again: list[int] = []

    def detail(self, slug: str, number: int) -> PullDetail:
        seen = super().detail(slug, number)
        (check,) = seen.checks
        check = replace(check, job_id=self.job, run_id=1, app="github-actions", conclusion=self.conclusion)
        base = CheckFact("tests", "check", self.on_base, "", "", app="github-actions")  # type: ignore[arg-type]  # one of its words
        return replace(seen, checks=(check,), base_checks=(base,))

    def job_attempt(self, slug: str, job_id: int) -> JobAttempt:
        return JobAttempt(1, 1 if job_id == 7 else 2, self.attempt, running=False)

    def rerun_failed(self, slug: str, run_id: int) -> None:
        if self.refuses:
            raise Forbidden("no", user_message="The token may not start it again.")
        self.again.append(run_id)
        self.attempt = 2

    def ends(self, checks: str, log: str = "") -> None:
        """The newest attempt has ended."""
        self.job = 6 + self.attempt
        self.truths[sha(1)] = Truth(checks, log=log)


@pytest.fixture
def github() -> Ci:
    return Ci()


@pytest.fixture
def stand(registry: Registry, clock: Clock, github: Ci) -> Stand:
    made = Stand(registry, clock)
    made.github = github
    made._parts()
    made.task_in(TaskState.VERIFYING)
    return made


async def tick(stand: Stand, times: int = 2) -> None:
    for _ in range(times):
        await stand.look()
        if stand.wanted:
            await stand.detail()
        await stand.diff()
        if "ci" in await stand.judge():
            await stand.explain()
        stand.clock.advance(20)


async def see(stand: Stand) -> None:
    """A close look, as another fingerprint asks for."""
    await stand.look()
    await stand.detail()


def ci(stand: Stand) -> str:
    (row,) = stand.rows(Evidence, check="ci")
    return f"{row.state}: {row.detail}"


def retries(stand: Stand) -> tuple[int, int]:
    """Retries spent, and diagnoses asked for."""
    return stand.task().retries_failure, len(stand.rows(Judgement, kind=Kind.DIAGNOSE))


@pytest.mark.proves("14")
async def test_what_ci_itself_failed_runs_again_once_and_costs_nothing(stand: Stand, github: Ci) -> None:
    github.ends("fail", LOST)
    await tick(stand, 4)
    assert github.again == [1] and "runs again, once" in ci(stand)
    github.ends("ok")
    await see(stand)
    await tick(stand)
    assert "passed, when run again" in ci(stand), "it is not called flaky"
    assert retries(stand) == (0, 0) and stand.said("needs_help") == []


async def test_what_ci_itself_fails_twice_is_for_a_person(stand: Stand, github: Ci) -> None:
    github.ends("fail", LOST)
    await tick(stand)
    github.ends("fail", LOST)
    await see(stand)
    await tick(stand, 4)
    assert github.again == [1] and retries(stand) == (0, 0)
    assert stand.task().state is TaskState.NEEDS_HELP and "running it again did not help" in stand.task().help_cause
    assert len(stand.said("needs_help")) == 1


async def test_a_failure_of_the_change_after_that_is_its_own(stand: Stand, github: Ci) -> None:
    github.ends("fail", LOST)
    await tick(stand)
    github.ends("fail", "FAILED tests/test_a.py::test_total - assert 1 == 2")
    await see(stand)
    await tick(stand)
    assert retries(stand) == (1, 1) and stand.task().state is TaskState.DIAGNOSING


async def test_jobs_that_an_earlier_life_started_again_are_not_started_twice(stand: Stand, github: Ci) -> None:
    github.ends("fail", LOST)
    github.attempt = 2  # killed between GitHub's answer and the row
    await tick(stand, 3)
    assert github.again == [] and "runs again, once" in ci(stand)


async def test_without_the_right_to_start_it_again_a_person_is_asked(stand: Stand, github: Ci) -> None:
    github.refuses = True
    github.ends("fail", LOST)
    await tick(stand, 4)
    assert "The token may not start it again." in stand.task().help_cause and retries(stand) == (0, 0)


async def test_cancelled_runs_again_once_and_is_a_persons_then(stand: Stand, github: Ci) -> None:
    github.conclusion = "cancelled"
    github.ends("fail")
    await tick(stand, 3)
    assert github.again == [1]
    github.ends("fail")
    await see(stand)
    await tick(stand, 3)
    assert github.again == [1] and "run it again on GitHub" in stand.task().help_cause
    assert retries(stand) == (0, 0)


@pytest.mark.proves("14")
async def test_a_broken_base_branch_costs_no_retry_and_is_followed_until_it_is_mended(stand: Stand, github: Ci) -> None:
    github.on_base = "fail"
    github.ends("fail", "FAILED tests/test_a.py::test_total - assert 1 == 2")
    await tick(stand, 3)
    assert retries(stand) == (0, 0) and stand.task().state is TaskState.NEEDS_HELP
    assert "red on the base branch too: tests" in stand.task().help_cause
    github.on_base = "ok"  # run again there: nothing about the pull request changes
    stand.clock.advance(150)
    await tick(stand, 3)
    assert retries(stand) == (1, 1), "now it is the change's own"


async def test_red_then_green_on_the_same_commit_is_shown_as_flaky(stand: Stand, github: Ci) -> None:
    github.ends("fail", "FAILED tests/test_a.py::test_total - assert 1 == 2")
    await stand.look()
    await stand.detail()  # a person starts it again before anybody is sent back
    github.attempt = 2
    github.ends("ok")
    await see(stand)
    await tick(stand)
    assert "flaky: tests was red before on this same commit" in ci(stand)
    assert retries(stand) == (0, 0)


async def test_what_turned_green_before_its_log_was_read_is_no_failure(stand: Stand, github: Ci) -> None:
    github.ends("fail", LOST)
    await see(stand)
    assert "ci" in await stand.judge()
    github.attempt = 2
    github.ends("ok")
    await see(stand)
    await stand.explain()
    assert retries(stand) == (0, 0) and github.again == []


NOTE = Annotation("app/export.py", 7, "failure", "", "total is off")
WHOLE = CheckOutput("2 tests failed\n\n- test_total\n", (NOTE,), "a log", "", ("Run pytest",))


@pytest.mark.parametrize(
    ("output", "log", "said"),
    [
        (
            WHOLE,
            ["E  1 != 2  "],
            ["2 tests failed", "- test_total", "app/export.py:7: total is off", "failed step: Run pytest", "E  1 != 2"],
        ),
        (CheckOutput("", (), "", "There is no log."), [], ["There is no log."]),
        (CheckOutput("2 tests failed", (), "", "There is no log."), [], ["2 tests failed"]),
        (CheckOutput("", (NOTE,) * 30, ""), [], ["app/export.py:7: total is off"] * 10),
    ],
)
def test_a_red_check_says_its_most_telling_words_first(output: CheckOutput, log: list[str], said: list[str]) -> None:
    assert evidence_of(output, log) == said
