"""What the checks of one head commit add up to, each kind of trouble a state of its own. Pure.

| what is red | whose it is | what follows |
|---|---|---|
| a check that is red on the base branch too | nobody's here | a person mends the base branch; no retry is spent |
| a machine, a network or a service, by the log | CI's | the failed jobs run again, once for each head commit |
| the same, when it ran again | CI's | a person looks at CI |
| anything else | the change's | an attempt repairs it |
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduler.done import DonePolicy, PullFacts


class CiState(StrEnum):
    PASSED = "passed"
    FLAKY = "flaky"  #: green, and red before on the same commit
    WAITING = "waiting"
    RUNS_AGAIN = "runs_again"  #: CI's own trouble; the failed jobs were started again
    CANCELLED = "cancelled"  #: no result; may still be started again
    RED = "red"
    BASE_BROKEN = "base_broken"  #: the same checks are red on the base branch
    MACHINERY = "machinery"  #: CI's own trouble, and running it again did not help
    UNFINISHED = "unfinished"  #: cancelled, and not to be started again
    ACTION_REQUIRED = "action_required"  #: somebody must approve the run on GitHub
    MISSING = "missing"  #: checks that must pass never started
    UNREADABLE = "unreadable"  #: more checks than can be read
    UNVERIFIED = "unverified"  #: no CI here, and nothing else could tell


@dataclass(frozen=True)
class CheckRun:
    """One CI check on the head commit.

    Attributes:
        state: ok, fail, wait, human, or cancelled.
        job_id: tells a run of the check from the next one; None where there is no job.
        run_id: what can be started again; None where nothing can.
        base_red: it is red at the head of the base branch too.
    """

    name: str
    state: str
    required: bool = False
    url: str = ""
    job_id: int | None = None
    run_id: int | None = None
    base_red: bool = False


@dataclass(frozen=True)
class Rerun:
    """Failed jobs of a head commit were started again; that is done once.

    Attributes:
        jobs: those that had failed.
        refused: why GitHub did not do it.
    """

    at: datetime
    jobs: tuple[int, ...] = ()
    refused: str = ""


@dataclass(frozen=True)
class CiVerdict:
    """How CI stands on one head commit.

    Attributes:
        culprits: the checks that it is about, where something is wrong.
    """

    state: CiState
    detail: str
    url: str = ""
    culprits: tuple[CheckRun, ...] = ()

    @property
    def unexplained(self) -> bool:
        """Whether somebody must look into the logs before anything can follow."""
        return self.state in {CiState.RED, CiState.CANCELLED}


def judge_ci(facts: PullFacts, policy: DonePolicy, now: datetime) -> CiVerdict:
    """Judge what is known about the checks of the head commit."""
    if not facts.has_ci:
        return _verified(facts)
    if facts.checks_head != facts.head:
        return CiVerdict(CiState.WAITING, "checks of this commit are not known yet")
    late = (now - facts.head_since).total_seconds() > policy.missing_checks_s
    if not facts.checks:
        return _nothing_reported(facts, late)
    gate = tuple(run for run in facts.checks if run.required) if facts.required else facts.checks
    running = any(run.state == "wait" for run in gate)
    return (
        _run_again(facts, gate, policy, now)
        or _failed(facts, gate, running)
        or _held_up(facts, gate, running)
        or _rest(facts, gate, late)
    )


def _verified(facts: PullFacts) -> CiVerdict:
    if facts.verified_head != facts.head:
        return CiVerdict(CiState.WAITING, "no CI here: the repository's verify command runs")
    if facts.verified_ok is None:
        why = facts.verified_why or "the verify command could not be run"
        return CiVerdict(CiState.UNVERIFIED, f"no CI here, and {why}")
    said = "no CI here: the repository's verify command "
    return CiVerdict(CiState.PASSED, said + "passed") if facts.verified_ok else CiVerdict(CiState.RED, said + "failed")


def _nothing_reported(facts: PullFacts, late: bool) -> CiVerdict:
    if not late:
        return CiVerdict(CiState.WAITING, "no check has started yet")
    if facts.required:
        why = "required checks did not start: approve the workflow run, or check path filters and the app's rights"
        return CiVerdict(CiState.MISSING, why)
    return CiVerdict(CiState.MISSING, "no check ever started; set `ci = false` to use the verify command")


def _run_again(facts: PullFacts, gate: tuple[CheckRun, ...], policy: DonePolicy, now: datetime) -> CiVerdict | None:
    """The jobs that were started again and did not report yet, under their old numbers."""
    rerun = facts.rerun
    if rerun is None:
        return None
    old = tuple(run for run in gate if run.state in {"fail", "cancelled"} and run.job_id in rerun.jobs)
    if not old:
        return None
    if (now - rerun.at).total_seconds() > policy.missing_checks_s:
        why = f"started again, and nothing came of it: {_names(old)}; look at CI on GitHub"
        return CiVerdict(CiState.MACHINERY, why, old[0].url, old)
    why = f"CI itself failed, not the change: {_names(old)} runs again, once"
    return CiVerdict(CiState.RUNS_AGAIN, why, old[0].url, old)


def _failed(facts: PullFacts, gate: tuple[CheckRun, ...], running: bool) -> CiVerdict | None:
    failed = tuple(run for run in gate if run.state == "fail")
    if not failed:
        return None
    if running:
        # The other checks may tell more; one retry should know all of it.
        return CiVerdict(CiState.WAITING, f"red: {_names(failed)}; others still run")
    own = tuple(run for run in failed if not run.base_red)
    if not own:
        why = f"red on the base branch too: {_names(failed)}; mend it there, this pull request waits"
        return CiVerdict(CiState.BASE_BROKEN, why, failed[0].url, failed)
    if all(run.job_id is not None and run.job_id in facts.machinery for run in own):
        again = "running it again did not help" if not (facts.rerun and facts.rerun.refused) else facts.rerun.refused
        why = f"CI itself failed, not the change: {_names(own)}; {again.rstrip('.')}. Run it again on GitHub"
        return CiVerdict(CiState.MACHINERY, why, own[0].url, own)
    return CiVerdict(CiState.RED, f"red: {_names(own)}", own[0].url, own)


def _held_up(facts: PullFacts, gate: tuple[CheckRun, ...], running: bool) -> CiVerdict | None:
    if any(run.state == "human" for run in gate):
        return CiVerdict(CiState.ACTION_REQUIRED, "a workflow run waits for a person's approval on GitHub")
    cancelled = tuple(run for run in gate if run.state == "cancelled")
    if not cancelled or running:
        return None
    if facts.rerun is None and all(run.run_id is not None and run.job_id is not None for run in cancelled):
        why = f"cancelled before a result: {_names(cancelled)}; I start it again, once"
        return CiVerdict(CiState.CANCELLED, why, cancelled[0].url, cancelled)
    why = f"cancelled before a result: {_names(cancelled)}; run it again on GitHub"
    return CiVerdict(CiState.UNFINISHED, why, cancelled[0].url, cancelled)


def _rest(facts: PullFacts, gate: tuple[CheckRun, ...], late: bool) -> CiVerdict:
    named = {run.name for run in facts.checks}
    missing = [name for name in facts.required if name not in named]
    if missing:
        why = "required checks are missing: " + ", ".join(missing)
        return CiVerdict(CiState.MISSING if late else CiState.WAITING, why)
    waiting = [run for run in gate if run.state != "ok"]
    if waiting:
        return CiVerdict(CiState.WAITING, f"{len(gate) - len(waiting)} of {len(gate)} passed", waiting[0].url)
    if not facts.checks_complete:
        return CiVerdict(CiState.UNREADABLE, f"{len(gate)} passed, but there are more checks than I can read")
    passed, url = f"{len(gate)} of {len(gate)} passed", gate[0].url if gate else ""
    flaky = [run.name for run in gate if run.name in facts.was_red]
    if flaky:
        return CiVerdict(CiState.FLAKY, f"{passed}; flaky: {', '.join(flaky)} was red before on this same commit", url)
    return CiVerdict(CiState.PASSED, passed + (", when run again" if facts.rerun else ""), url)


def _names(runs: tuple[CheckRun, ...]) -> str:
    return ", ".join(run.name for run in runs)
