"""What the checks of one commit add up to: newest run of each name, newest status of each context."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from integrations.playground.github.records import Job, Pull, Repo, Status
from integrations.playground.github.store import Store

_T = TypeVar("_T")
_PASSED = {"success", "neutral", "skipped"}
_STATUS_TO_ROLLUP = {"success": "SUCCESS", "pending": "PENDING", "failure": "FAILURE", "error": "ERROR"}


@dataclass(frozen=True)
class Rollup:
    """Checks and statuses of one commit.

    Attributes:
        jobs: newest check run of each name, by name.
        statuses: newest status of each context, by context.
    """

    jobs: tuple[Job, ...]
    statuses: tuple[Status, ...]

    @property
    def total(self) -> int:
        return len(self.jobs) + len(self.statuses)

    @property
    def state(self) -> str:
        """SUCCESS, PENDING, FAILURE or ERROR, the worst of all of them."""
        states = {job_rollup(job) for job in self.jobs} | {_STATUS_TO_ROLLUP[status.state] for status in self.statuses}
        return next((state for state in ("FAILURE", "ERROR", "PENDING") if state in states), "SUCCESS")

    def check_run_states(self) -> Counter[str]:
        """How many check runs there are in each CheckRunState."""
        return Counter((job.conclusion if job.status == "completed" else job.status).upper() for job in self.jobs)

    def status_states(self) -> Counter[str]:
        return Counter(status.state.upper() for status in self.statuses)

    def passed(self, context: str) -> bool | None:
        """Whether a context passed; None while it is not there or not finished."""
        states = [job_rollup(job) for job in self.jobs if job.name == context]
        states += [_STATUS_TO_ROLLUP[status.state] for status in self.statuses if status.context == context]
        if not states or "PENDING" in states:
            return None
        return all(state == "SUCCESS" for state in states)


def job_rollup(job: Job) -> str:
    if job.status != "completed":
        return "PENDING"
    return "SUCCESS" if job.conclusion in _PASSED else "FAILURE"


def rollup(store: Store, slug: str, sha: str) -> Rollup | None:
    """The checks of a commit; None when nothing ever reported on it."""
    jobs = {job.name: job for job in store.all(Job, "slug=? AND sha=?", slug, sha)}
    statuses = {status.context: status for status in store.all(Status, "slug=? AND sha=?", slug, sha)}
    if not jobs and not statuses:
        return None
    return Rollup(_by_name(jobs), _by_name(statuses))


def _by_name(found: dict[str, _T]) -> tuple[_T, ...]:
    return tuple(found[name] for name in sorted(found))


def required_contexts(repo: Repo, base_branch: str) -> tuple[str, ...]:
    """The contexts without which nothing is merged into a branch: only the default branch is protected."""
    return repo.required if base_branch == repo.default_branch else ()


def unmet(required: Iterable[str], found: Rollup | None) -> dict[str, str]:
    """Required contexts that did not pass, each with GitHub's word for why."""
    reasons = {}
    for context in required:
        passed = found.passed(context) if found else None
        known = found is not None and context in {job.name for job in found.jobs} | {
            status.context for status in found.statuses
        }
        if passed is None:
            reasons[context] = "pending" if known else "expected"
        elif not passed:
            reasons[context] = "failing"
    return reasons


def merge_state(pull: Pull, repo: Repo, found: Rollup | None) -> str:
    """GitHub's `mergeStateStatus` of an open pull request."""
    if pull.mergeable == "UNKNOWN" or not pull.is_open:
        return "UNKNOWN"
    if pull.mergeable == "CONFLICTING":
        return "DIRTY"
    if pull.draft:
        return "DRAFT"
    if unmet(required_contexts(repo, pull.base_branch), found):
        return "BLOCKED"
    if found is not None and found.state != "SUCCESS":
        return "UNSTABLE"
    return "CLEAN"
