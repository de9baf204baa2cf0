"""One look at the error tracker: fetch what changed, judge it, write it down, and only then move the cursor.

Nothing is kept in memory between two looks, and a look that is cut short has written nothing: the next one sees the
same again. A tracker that does not answer stops the scan alone, is reported once, and is asked again by itself.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog
from sqlmodel import Session, col, select

from integrations.errors import ErrorTracker, Event, Issue, NotFound, NotTracker, Refused, TrackerError
from integrations.fault import IntegrationError
from scheduler.discovery.breaker import pause_after
from scheduler.discovery.facts import CURSOR, ERRORS, ErrorFacts, Gate, read_facts
from scheduler.discovery.following import followed
from scheduler.discovery.gates import History, event_gates, issue_gates, refusal
from scheduler.discovery.locating import locate
from scheduler.discovery.settling import OPEN, Judged, settle
from scheduler.names import task_label
from scheduler.outages import went_down
from scheduler.outside import Outside
from scheduler.policy import Policy, RepositoryPolicy
from scheduler.registry.work import PullRequest, Signal
from scheduler.registry.writers import recall, remember
from scheduler.steps import StepName

log = structlog.get_logger(__name__)

_FIRST_LOOK = timedelta(days=3)
_OVERLAP = timedelta(seconds=5)  #: trackers write events a moment after they say when they happened
_MOST_EVENTS = 20  #: latest events looked at in one scan
_COMMIT = re.compile(r"[0-9a-f]{7,40}")


@dataclass
class ScanReport:
    """What one look saw and did."""

    seen: int = 0
    proposed: list[str] = field(default_factory=list)
    skipped: str = ""  #: why nothing was looked at


@dataclass(frozen=True)
class _Start:
    """Where a look begins. `known` holds what is known of issues, by their dedupe key."""

    cursor: datetime
    not_before: datetime | None
    failures: int
    known: Mapping[str, tuple[ErrorFacts, History, str]]
    follow: Mapping[int, str]


class ErrorScan:
    """Looks at the tracker, once for each call of `look`."""

    def __init__(self, out: Outside) -> None:
        self._out = out

    async def look(self) -> ScanReport:
        """One look. Never raises for what a tracker or a repository refuses."""
        out, policy, tracker = self._out, self._out.policy(), self._out.tracker
        if tracker is None or not policy.errors.enabled:
            return ScanReport(skipped="no error tracker is scanned")
        start = await out.registry.read(lambda s: self._begin(s, tracker))
        now = out.clock()
        if start.not_before is not None and now < start.not_before:
            return ScanReport(skipped=f"the tracker is asked again at {start.not_before:%H:%M:%S} UTC")
        try:
            changed = await asyncio.to_thread(tracker.changed_since, start.cursor - _OVERLAP)
            if not changed.complete:
                log.warning("more issues changed than were read", tracker=tracker.name)
            fresh = {_key(tracker, one): one for one in changed.issues}
            looked_up = await self._look_up(tracker, start, fresh)
            judged = await self._judge(tracker, policy, start, fresh)
        except TrackerError as problem:
            await self._failed(tracker, start, problem)
            return ScanReport(skipped=problem.user_message)
        report = ScanReport(seen=len(changed.issues))
        latest = max([start.cursor, *(one.last_seen for one in changed.issues)])
        report.proposed = await out.registry.write(
            lambda s: settle(s, now, policy, tracker, judged, looked_up, min(latest, now))
        )
        if report.proposed:
            log.info("errors are proposed", tasks=report.proposed)
        return report

    # --- looking ---------------------------------------------------------------------------------------------------

    def _begin(self, session: Session, tracker: ErrorTracker) -> _Start:
        now, fact = self._out.clock(), recall(session, CURSOR) or {}
        if fact.get("scope") != tracker.scope:
            fact = {}
        rows = session.exec(select(Signal).where(Signal.source == ERRORS)).all()
        known = {row.dedupe_key: (read_facts(row), _history(row), _merge_commit(session, row)) for row in rows}
        return _Start(
            cursor=_moment(fact.get("cursor")) or now - _FIRST_LOOK,
            not_before=_moment(fact.get("not_before")),
            failures=int(fact.get("failures", 0)),
            known=known,
            follow={row.id or 0: row.dedupe_key for row in followed(session, now)},
        )

    async def _look_up(self, tracker: ErrorTracker, start: _Start, fresh: Mapping[str, Issue]) -> dict[int, Issue]:
        found: dict[int, Issue] = {}
        for signal_id, key in start.follow.items():
            seen = fresh.get(key)
            try:
                issue_id = start.known[key][0].issue.id
                found[signal_id] = seen if seen is not None else await asyncio.to_thread(tracker.issue, issue_id)
            except NotFound:
                # Deleted, or made one with another issue: whoever decides about it still can.
                log.info("an issue is gone from the tracker", issue=start.known[key][0].issue.short_id)
        return found

    async def _judge(
        self, tracker: ErrorTracker, policy: Policy, start: _Start, fresh: Mapping[str, Issue]
    ) -> list[Judged]:
        """Hold every issue against the gates; the latest event is asked for only when everything else holds."""
        again = {key: facts.issue for key, (facts, history, _) in start.known.items() if history.state in OPEN}
        judged: list[Judged] = []
        files: dict[str, frozenset[str] | None] = {}
        events = 0
        for key, issue in {**again, **fresh}.items():
            facts, history, fix = start.known.get(key, (ErrorFacts(issue=issue), History(), ""))
            facts = facts.model_copy(update={"issue": issue})
            repository = policy.repository_of_errors(issue.project)
            gates = issue_gates(issue, history, repository, policy.errors, self._out.clock())
            if refusal(gates) or repository is None:
                judged.append(Judged(key, facts, gates, repository.slug if repository else ""))
                continue
            stale = facts.event is None or facts.event.at < issue.last_seen - _OVERLAP
            if stale and events == _MOST_EVENTS:
                judged.append(Judged(key, facts, gates, repository.slug, "its latest event was not looked at yet"))
                continue
            event = facts.event
            if event is None or stale:
                events += 1
                event = await self._latest_event(tracker, issue)
            if event is None:
                gates += (Gate(name="trace", ok=False, why="its latest event cannot be read"),)
                judged.append(Judged(key, facts, gates, repository.slug))
                continue
            if repository.slug not in files:
                files[repository.slug] = await asyncio.to_thread(self._files, repository)
            known = files[repository.slug]
            if known is None:
                judged.append(Judged(key, facts, gates, repository.slug, f"{repository.slug} cannot be read now"))
                continue
            places = locate(event.in_app, known)
            if history.fixes:
                deployed = await asyncio.to_thread(self._contains, repository.slug, fix, event)
                history = replace(history, deployed=deployed)
            gates += event_gates(event, places, repository, policy.errors, history)
            judged.append(Judged(key, ErrorFacts(issue=issue, event=event, places=places), gates, repository.slug))
        return judged

    async def _latest_event(self, tracker: ErrorTracker, issue: Issue) -> Event | None:
        """None when this one cannot be read: strangers write events, and one of them must not stop the scan."""
        try:
            return await asyncio.to_thread(tracker.latest_event, issue.id)
        except (NotFound, NotTracker, Refused) as problem:
            log.info("an event cannot be read", issue=issue.short_id, why=str(problem))
            return None

    def _files(self, repository: RepositoryPolicy) -> frozenset[str] | None:
        """Every file at the head of the base branch; None when the repository cannot be read now."""
        out, slug = self._out, repository.slug
        try:
            remote = out.remotes(slug)
            with out.steps(StepName.MIRROR, slug):
                out.repositories.ensure(remote)
                out.repositories.fetch(remote)
            base = repository.base_branch or out.repositories.default_branch(remote)
            return frozenset(out.repositories.list_files(slug, out.repositories.resolve(slug, base)))
        except IntegrationError as problem:
            log.info("a repository cannot be read; its errors wait", repo=slug, why=str(problem))
            return None

    def _contains(self, slug: str, fix: str, event: Event) -> bool | None:
        """Whether what failed holds the last fix; None when the release names no commit that is known."""
        if not fix or _COMMIT.fullmatch(event.release) is None:
            return None
        try:
            return self._out.repositories.is_ancestor(slug, fix, event.release)
        except IntegrationError:
            return None

    # --- what came of it ---------------------------------------------------------------------------------------------

    async def _failed(self, tracker: ErrorTracker, start: _Start, problem: TrackerError) -> None:
        """The cursor stays where it is; the next look waits."""

        def work(session: Session) -> None:
            now = self._out.clock()
            fact = recall(session, CURSOR) or {}
            cursor = fact.get("cursor") if fact.get("scope") == tracker.scope else None
            until = pause_after(start.failures + 1, self._out.policy().errors.every_s, now, problem.not_before)
            kept = {"scope": tracker.scope, "cursor": cursor, "failures": start.failures + 1}
            remember(session, now, CURSOR, {**kept, "not_before": until.isoformat()})
            why = f"{problem.user_message} No errors are scanned meanwhile; everything else goes on."
            lasting = {} if problem.retryable else {"lasting": timedelta(0)}
            went_down(session, now, tracker.name, why, **lasting)

        log.info("the error tracker could not be scanned", why=str(problem))
        await self._out.registry.write(work)


def _key(tracker: ErrorTracker, issue: Issue) -> str:
    # Without the projects: the same issue is the same row, whichever of them are looked at.
    return f"{ERRORS}:{tracker.scope.rpartition('/')[0]}:{issue.id}"


def _history(row: Signal) -> History:
    task = task_label(row.task_id) if row.task_id is not None else ""
    return History(row.state, task, row.not_before, row.fixes, row.fixed_at)


def _merge_commit(session: Session, row: Signal) -> str:
    """The commit that the last fix came in with; empty when none was merged."""
    if not row.fixes:
        return ""
    pulls = session.exec(
        select(PullRequest).where(PullRequest.task_id == row.task_id).order_by(col(PullRequest.id))
    ).all()
    return next((pull.merge_commit for pull in reversed(pulls) if pull.merge_commit), "")


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
