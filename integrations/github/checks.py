"""What the checks of one commit add up to. Pure: facts in, verdict out."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from integrations.github.values import CheckFact, CheckState

_OK = frozenset({"success", "neutral", "skipped"})
_FAIL = frozenset({"failure", "timed_out", "startup_failure", "error", "cancelled", "stale"})
_OLDEST = datetime.min.replace(tzinfo=UTC)


class CiState(StrEnum):
    PASS = "pass"  #: everything that must pass passed  # noqa: S105 - a verdict, not a password
    FAIL = "fail"  #: at least one check that must pass failed
    WAIT = "wait"  #: still running, or expected and not reported yet
    HUMAN = "human"  #: somebody must act in GitHub before a check can go on
    MISSING = "missing"  #: a required check never reported
    NONE = "none"  #: no check reported at all


@dataclass(frozen=True)
class CiVerdict:
    """The checks of one head commit, judged.

    Attributes:
        failing, waiting, human: checks that count, by what they say.
        optional_failures: failed checks that the base branch does not require; shown, never retried.
        missing: names of required checks that did not report.
    """

    state: CiState
    failing: tuple[CheckFact, ...] = ()
    waiting: tuple[CheckFact, ...] = ()
    human: tuple[CheckFact, ...] = ()
    optional_failures: tuple[CheckFact, ...] = ()
    missing: tuple[str, ...] = ()


def check_run_state(status: str, conclusion: str | None) -> CheckState:
    """The state of a check run, from GitHub's status and conclusion in any case.

    A word that GitHub adds one day counts as waiting: unknown is never read as ok.
    """
    if status.lower() != "completed":
        return "wait"
    word = (conclusion or "").lower()
    if word in _OK:
        return "ok"
    if word in _FAIL:
        return "fail"
    return "human" if word == "action_required" else "wait"


def status_state(state: str) -> CheckState:
    """The state of a commit status."""
    word = state.lower()
    return "ok" if word == "success" else "fail" if word in ("failure", "error") else "wait"


def newest(checks: Iterable[CheckFact]) -> tuple[CheckFact, ...]:
    """One report for each (app, workflow, name): the one started last; the later of two without a time."""
    kept: dict[tuple[str, str, str, str], CheckFact] = {}
    for check in checks:
        key = (check.kind, check.app, check.workflow, check.name)
        known = kept.get(key)
        if known is None or _order(check) >= _order(known):
            kept[key] = check
    return tuple(kept.values())


def judge(
    checks: Iterable[CheckFact],
    required: Collection[str],
    *,
    ignored: Collection[str] = (),
    grace_over: bool = True,
) -> CiVerdict:
    """Judge the checks of one head commit.

    Parameters:
        checks: everything reported on that commit.
        required: names that the base branch's rules demand. When there are any, only they decide; a failure of
            another is listed. Without them, every check decides.
        ignored: names that are not CI, such as review bots' and Waggle's own statuses.
        grace_over: enough time passed since the head moved for a check to have appeared; before that, a missing one
            is still waited for.
    """
    known = tuple(check for check in newest(checks) if check.name not in ignored)
    wanted = frozenset(required) - frozenset(ignored)
    counted = tuple(check for check in known if check.required or check.name in wanted) if wanted else known
    if not wanted and any(check.required for check in known):
        counted = tuple(check for check in known if check.required)
    missing = tuple(sorted(wanted - {check.name for check in known}))
    by_state = {state: tuple(check for check in counted if check.state == state) for state in ("fail", "wait", "human")}
    optional = tuple(check for check in known if check.state == "fail" and check not in counted)
    return CiVerdict(
        _state(bool(known), by_state, missing, grace_over),
        by_state["fail"],
        by_state["wait"],
        by_state["human"],
        optional,
        missing,
    )


def _state(
    any_reported: bool, by_state: dict[str, tuple[CheckFact, ...]], missing: tuple[str, ...], grace_over: bool
) -> CiState:
    if by_state["fail"]:
        return CiState.FAIL
    if by_state["human"]:
        return CiState.HUMAN
    if by_state["wait"]:
        return CiState.WAIT
    if missing:
        return CiState.MISSING if grace_over else CiState.WAIT
    if not any_reported:
        return CiState.NONE if grace_over else CiState.WAIT
    return CiState.PASS


def _order(check: CheckFact) -> tuple[datetime, int]:
    return (check.started_at or _OLDEST, check.job_id or 0)
