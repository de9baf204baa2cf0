"""One look at the error tracker: fetch what changed, judge it, write it down, and only then move the cursor.

Nothing is kept in memory between two looks, and a look that is cut short has written nothing: the next one sees the
same again. A tracker that does not answer stops the scan alone, is reported once, and is asked again by itself.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog
from sqlmodel import Session, col, select

from integrations.errors import ErrorTracker, Event, Issue, TrackerError
from integrations.fault import IntegrationError
from scheduler.discovery.breaker import pause_after
from scheduler.discovery.facts import ERRORS, ErrorFacts, Gate, read_facts
from scheduler.discovery.following import follow_all, followed
from scheduler.discovery.gates import History, event_gates, issue_gates, refusal
from scheduler.discovery.locating import locate
from scheduler.discovery.promotion import promote
from scheduler.discovery.quotas import Candidate, Taken, choose
from scheduler.lifecycle import FINISHED, Cause, SignalState, TaskState
from scheduler.names import task_label
from scheduler.outages import came_back, is_down, went_down
from scheduler.outside import Outside
from scheduler.policy import Policy, RepositoryPolicy
from scheduler.registry.work import PullRequest, Signal, Task
from scheduler.registry.writers import move_signal, recall, remember
from scheduler.steps import StepName

log = structlog.get_logger(__name__)

CURSOR = "discovery:errors"
_FIRST_LOOK = timedelta(days=3)
_OVERLAP = timedelta(seconds=5)  #: trackers write events a moment after they say when they happened
_MOST_EVENTS = 20  #: latest events looked at in one scan
_COMMIT = re.compile(r"[0-9a-f]{7,40}")
#: what is judged again although nothing new happened: it waits for a look at its event, or for room
_OPEN = (SignalState.NEW, SignalState.WAITING)
#: a person decided, or is asked
_DECIDED = frozenset({SignalState.PROPOSED, SignalState.SNOOZED, SignalState.STARTED, SignalState.MUTED})
_FIXED = frozenset({SignalState.MERGED, SignalState.RESOLVED})


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


@dataclass(frozen=True)
class _Judged:
    key: str
    facts: ErrorFacts
    gates: tuple[Gate, ...]
    repo: str
    looked: bool  #: its latest event was looked at, or need not be


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
            lambda s: self._settle(s, tracker, judged, looked_up, min(latest, now))
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
            if seen is None:
                seen = await asyncio.to_thread(tracker.issue, start.known[key][0].issue.id)
            found[signal_id] = seen
        return found

    async def _judge(
        self, tracker: ErrorTracker, policy: Policy, start: _Start, fresh: Mapping[str, Issue]
    ) -> list[_Judged]:
        """Hold every issue against the gates; the latest event is asked for only when everything else holds."""
        again = {key: facts.issue for key, (facts, history, _) in start.known.items() if history.state in _OPEN}
        judged: list[_Judged] = []
        files: dict[str, tuple[str, ...]] = {}
        events = 0
        for key, issue in {**again, **fresh}.items():
            facts, history, fix = start.known.get(key, (ErrorFacts(issue=issue), History(), ""))
            facts = facts.model_copy(update={"issue": issue})
            repository = policy.repository_of_errors(issue.project)
            gates = issue_gates(issue, history, repository, policy.errors, self._out.clock())
            if refusal(gates) or repository is None:
                judged.append(_Judged(key, facts, gates, repository.slug if repository else "", looked=True))
                continue
            stale = facts.event is None or facts.event.at < issue.last_seen - _OVERLAP
            if stale and events == _MOST_EVENTS:
                judged.append(_Judged(key, facts, gates, repository.slug, looked=False))
                continue
            event = facts.event
            if event is None or stale:
                events += 1
                event = await asyncio.to_thread(tracker.latest_event, issue.id)
            if repository.slug not in files:
                files[repository.slug] = await asyncio.to_thread(self._files, repository)
            places = locate(event.in_app, set(files[repository.slug]))
            if history.fixes:
                deployed = await asyncio.to_thread(self._contains, repository.slug, fix, event)
                history = replace(history, deployed=deployed)
            gates += event_gates(event, places, repository, policy.errors, history)
            judged.append(
                _Judged(key, ErrorFacts(issue=issue, event=event, places=places), gates, repository.slug, True)
            )
        return judged

    def _files(self, repository: RepositoryPolicy) -> tuple[str, ...]:
        """Every file at the head of the base branch; none when the repository cannot be read now."""
        out, slug = self._out, repository.slug
        try:
            remote = out.remotes(slug)
            with out.steps(StepName.MIRROR, slug):
                out.repositories.ensure(remote)
                out.repositories.fetch(remote)
            base = repository.base_branch or out.repositories.default_branch(remote)
            return tuple(out.repositories.list_files(slug, out.repositories.resolve(slug, base)))
        except IntegrationError as problem:
            log.info("a repository cannot be read; its errors wait", repo=slug, why=str(problem))
            return ()

    def _contains(self, slug: str, fix: str, event: Event) -> bool | None:
        """Whether what failed holds the last fix; None when the release names no commit that is known."""
        if not fix or _COMMIT.fullmatch(event.release) is None:
            return None
        try:
            return self._out.repositories.is_ancestor(slug, fix, event.release)
        except IntegrationError:
            return None

    # --- writing ---------------------------------------------------------------------------------------------------

    def _settle(
        self,
        session: Session,
        tracker: ErrorTracker,
        judged: Sequence[_Judged],
        looked_up: Mapping[int, Issue],
        cursor: datetime,
    ) -> list[str]:
        """Everything that a look found, in one transaction with the cursor; labels of the tasks that it proposes."""
        now, policy = self._out.clock(), self._out.policy()
        follow_all(session, now, tracker.name, looked_up)
        rows = {one.key: self._row(session, one) for one in judged}
        passed = []
        for one in judged:
            row, why = rows[one.key], refusal(one.gates)
            if row.state in _DECIDED:
                continue
            if row.state in _FIXED and row.fixes and one.facts.issue.substatus != "regressed":
                continue
            if why:
                move_signal(session, row, SignalState.REFUSED, Cause.GATED, now, why=why)
            elif not one.looked:
                if row.state is SignalState.REFUSED:
                    move_signal(session, row, SignalState.NEW, Cause.PASSED, now, why="its latest event comes next")
                row.reason = "its latest event was not looked at yet"
            else:
                passed.append(Candidate(row.id or 0, row.repo, one.facts.issue))
        labels = []
        by_id = {row.id: row for row in rows.values()}
        for choice in choose(passed, _taken(session), policy.errors):
            row = by_id[choice.signal_id]
            if choice.waits_for:
                move_signal(session, row, SignalState.WAITING, Cause.PASSED, now, why=choice.waits_for)
            else:
                labels.append(task_label(promote(session, now, policy, row).id))
        remember(session, now, CURSOR, {"scope": tracker.scope, "cursor": cursor.isoformat(), "failures": 0})
        if is_down(session, tracker.name):
            came_back(session, now, tracker.name)
        return labels

    def _row(self, session: Session, one: _Judged) -> Signal:
        """The row of an issue, made when it is new, with what is known now."""
        now, issue = self._out.clock(), one.facts.issue
        row = session.exec(select(Signal).where(Signal.dedupe_key == one.key)).first()
        if row is None:
            row = Signal(source=ERRORS, dedupe_key=one.key, title=issue.title, state=SignalState.NEW, created_at=now)
        row.name, row.title, row.url, row.repo = issue.short_id, issue.title, issue.url, one.repo
        row.facts = one.facts.model_dump(mode="json")
        if row.state not in _DECIDED:  # what led to the proposal stays there to be read
            row.gates = [gate.model_dump() for gate in one.gates]
        row.updated_at = now
        session.add(row)
        session.flush()
        return row

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


def _taken(session: Session) -> Taken:
    proposed, started = 0, dict[str, int]()
    rows = session.exec(select(Signal, Task).join(Task, col(Task.id) == col(Signal.task_id))).all()
    for row, task in rows:
        if row.state is SignalState.PROPOSED and task.state is TaskState.PROPOSED:
            proposed += 1
        elif row.state is SignalState.STARTED and task.state not in FINISHED:
            started[row.repo] = started.get(row.repo, 0) + 1
    return Taken(proposed, started)


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
