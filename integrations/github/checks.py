"""What GitHub's words about a check mean, and which of several reports counts. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from integrations.github.values import CheckFact, CheckState

_OK = frozenset({"success", "neutral", "skipped"})
_FAIL = frozenset({"failure", "timed_out", "startup_failure", "error", "cancelled", "stale"})
_OLDEST = datetime.min.replace(tzinfo=UTC)


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


def _order(check: CheckFact) -> tuple[datetime, int]:
    return (check.started_at or _OLDEST, check.job_id or 0)
