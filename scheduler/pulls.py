"""Watching pull requests: what GitHub says now, put into rows with the head commit that it is about.

A pull request is watched until it is merged or closed, whether or not an agent is alive, and a closed one
for a while longer, since a person may reopen it. A fetch that fails or is partial leaves rows as they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlmodel import Session, and_, col, or_, select

from integrations.fault import IntegrationError
from integrations.github import PullDetail, PullLight
from integrations.github.shown_pictures import pictures_in
from scheduler.background import NotYetError
from scheduler.check_facts import LOOK_AGAIN, of_checks, waits_for_base
from scheduler.closer import STALE, CloserLook, in_trouble
from scheduler.comments import ANSWERED_AT, of_outsiders, open_comments, places
from scheduler.lifecycle import Cause, PullState, TaskState
from scheduler.names import task_label
from scheduler.outages import GITHUB, Dependencies, went_down
from scheduler.outside import Outside
from scheduler.pushed_by_people import ask_about_push, is_ours
from scheduler.questions import withdraw_questions
from scheduler.quota import QuotaWatch
from scheduler.registry.talk import Outbox
from scheduler.registry.work import PullRequest, Task
from scheduler.registry.writers import move_pull, move_task, record, refresh_card, say
from scheduler.remarks import seen_remarks
from scheduler.review_bots import of_bots
from scheduler.unseen import LASTING, Unseen
from scheduler.unsettled import Unsettled

log = structlog.get_logger(__name__)

_REOPEN_WINDOW = timedelta(days=14)


@dataclass(frozen=True)
class Fetched:
    """What one round of fetching saw."""

    requests: int = 0
    seen: int = 0
    changed: tuple[tuple[int, str], ...] = ()  #: pull requests whose detail must be fetched, each with its fingerprint
    failed: bool = False
    healthy: frozenset[int] = frozenset()  #: those of the changed ones that can be looked at together


def watched(session: Session, now: datetime) -> Sequence[PullRequest]:
    """Every pull request that may still change anything."""
    return session.exec(
        select(PullRequest)
        .where(
            or_(
                col(PullRequest.state) == PullState.OPEN,
                and_(col(PullRequest.state) == PullState.CLOSED, col(PullRequest.created_at) > now - _REOPEN_WINDOW),
            )
        )
        .order_by(col(PullRequest.id))
    ).all()


class PullWatcher:
    """Fetches the facts about pull requests."""

    def __init__(self, out: Outside) -> None:
        self._out = out
        self._dependencies = Dependencies(out)
        self._quota = QuotaWatch(out)
        self._unsettled = Unsettled()
        self._unseen = Unseen()
        self._looked: dict[int, datetime] = {}  #: when each was looked at closely, in this life
        self._began = out.clock()
        self.closer = CloserLook(out, self._put_detail, self._now_looked_at)

    async def look(self) -> Fetched:
        """One light query over all watched pull requests; none while GitHub's quota is to be spared."""
        rows = await self._out.registry.read(lambda s: watched(s, self._out.clock()))
        self._unsettled.forget_but(row.id for row in rows if row.id is not None)
        if not rows or not await self._quota.allows_look():
            return Fetched()
        return await self._ask(rows, every=True)

    async def look_again(self) -> Fetched:
        """Between two ticks: those whose mergeability GitHub was still computing, a few times and soon."""
        again = self._unsettled.take(self._out.clock())
        if not again or self._quota.short:
            return Fetched()
        rows = await self._out.registry.read(lambda s: watched(s, self._out.clock()))
        return await self._ask([row for row in rows if row.id in again])

    async def _ask(self, rows: Sequence[PullRequest], *, every: bool = False) -> Fetched:
        out = self._out
        if not rows:
            return Fetched()
        try:
            batch = await asyncio.to_thread(out.github.light, [row.node_id for row in rows])
        except IntegrationError as problem:
            await self._down(problem.user_message)
            return Fetched(requests=1, failed=True)
        if batch.failed and not batch.pulls:
            await self._down("nothing was answered.")
            return Fetched(requests=batch.requests, failed=True)
        found = [(row, seen) for row in rows if (seen := batch.pulls.get(row.node_id)) is not None]
        for row, seen in found:
            self._unsettled.saw(row.id or 0, seen, out.clock())
        changed = [(row, seen) for row, seen in found if self._differs(row, seen)]
        if changed:
            await out.registry.write(lambda s: self._put_all(s, changed))
        gone = [row for row in rows if row.node_id in batch.gone]
        if gone:
            await self._gone(gone)
        if every:
            await self._tell_unseen([row for row in rows if row.node_id in batch.failed])
        await self._dependencies.work(GITHUB)
        wanted = [(row.id, seen) for row, seen in found if row.id is not None and self._wants_detail(row, seen)]
        return Fetched(
            batch.requests,
            len(batch.pulls),
            tuple((pull_id, seen.fingerprint) for pull_id, seen in wanted),
            healthy=frozenset(pull_id for pull_id, seen in wanted if not in_trouble(seen)),
        )

    def _differs(self, row: PullRequest, seen: PullLight) -> bool:
        """Whether what the light look shows must be written down."""
        return (
            row.head_sha != seen.head_sha
            or row.base_sha != seen.base_sha
            or row.draft != seen.draft
            or (seen.mergeable != "unknown" and row.mergeable != seen.mergeable)
        )

    def _wants_detail(self, row: PullRequest, seen: PullLight) -> bool:
        """Whether the pull request must be looked at closely.

        The fingerprint in the row is that of the last close look: one that failed, or that a crash cut off, is owed.
        """
        return (
            row.fingerprint != seen.fingerprint
            or row.state.value != seen.state
            or (row.state is PullState.OPEN and row.facts_head != seen.head_sha)
            or (waits_for_base(row.facts) and self._out.clock() - self._looked_at(row) >= LOOK_AGAIN)
            or (row.state is PullState.OPEN and self._out.clock() - max(self._looked_at(row), self._began) >= STALE)
        )

    def _looked_at(self, row: PullRequest) -> datetime:
        return self._looked.get(row.id or 0, row.created_at)

    def _now_looked_at(self, pull_id: int) -> None:
        self._looked[pull_id] = self._out.clock()

    async def _tell_unseen(self, missed: Sequence[PullRequest]) -> None:
        """The rest of an answer is no news of these: what was known of them stands, and people hear when it lasts."""
        addresses = {row.id: row.url for row in missed if row.id is not None}
        for pull_id in self._unseen.look(addresses, self._out.clock()):
            lasted = LASTING.seconds // 60
            text = f"GitHub has not answered about {addresses[pull_id]} for {lasted} minutes; what I know is as old."
            await self._note(pull_id, text)

    async def _gone(self, rows: Sequence[PullRequest]) -> None:
        def untold(session: Session) -> list[PullRequest]:
            keys = select(Outbox.dedupe_key).where(col(Outbox.dedupe_key).in_([_gone_key(row) for row in rows]))
            told = set(session.exec(keys).all())
            return [row for row in rows if _gone_key(row) not in told]

        def work(session: Session) -> None:
            now = self._out.clock()
            for row in untold(session):
                task = session.get(Task, row.task_id)
                text = f"GitHub does not show {row.url} any more: deleted, or not visible to me. I keep looking."
                say(session, now, kind="note", dedupe_key=_gone_key(row), task=task, payload={"text": text})

        if await self._out.registry.read(untold):
            await self._out.registry.write(work)

    def _put_all(self, session: Session, changed: Sequence[tuple[PullRequest, PullLight]]) -> None:
        for row, seen in changed:
            self._put(session, row, seen)

    def _put(self, session: Session, seen_row: PullRequest, seen: PullLight) -> None:
        now = self._out.clock()
        row = session.get(PullRequest, seen_row.id)
        assert row is not None
        task = session.get(Task, row.task_id)
        assert task is not None
        row.draft = seen.draft
        moved = row.head_sha != seen.head_sha
        if moved or row.base_sha != seen.base_sha or seen.mergeable != "unknown":
            # "unknown" means that GitHub is computing; the last answer holds while neither end has moved.
            row.mergeable = seen.mergeable
        row.base_sha = seen.base_sha
        row.observed_at = now
        if moved:
            self._head_moved(session, now, row, task, seen)
        session.add(row)

    def _head_moved(self, session: Session, now: datetime, row: PullRequest, task: Task, seen: PullLight) -> None:
        before = row.head_sha
        row.head_sha, row.head_since, row.checks_since = seen.head_sha, now, None
        by_us = is_ours(session, row, seen.head_sha)
        why = f"{before[:8]} → {seen.head_sha[:8]}" + ("" if by_us else ", not pushed by me")
        record(session, now, what="head_moved", why=why, task_id=task.id, subject=f"pull request {row.number}")
        if task.state is TaskState.READY:
            withdraw_ready(session, now, row, task, Cause.HEAD_MOVED, why)
        if not by_us:
            ask_about_push(session, now, row, task)
        refresh_card(session, task, now)

    async def detail(self, pull_id: int, fingerprint: str) -> None:
        """Fetch everything about one pull request, and act on its end.

        Parameters:
            fingerprint: of the light look that asked for this; a later change has another, and asks again.

        Raises:
            NotYetError: GitHub did not answer; what was known stays true.
        """
        out = self._out
        row = await out.registry.read(lambda s: s.get(PullRequest, pull_id))
        assert row is not None
        began = out.clock()
        try:
            seen = await asyncio.to_thread(out.github.detail, row.repo, row.number)
        except IntegrationError as problem:
            if not await self._dependencies.failed(problem, row.repo):
                await self._note(pull_id, f"{row.url} cannot be looked at closely: {problem.user_message}")
            raise NotYetError(str(problem)) from problem
        self._now_looked_at(pull_id)
        await out.registry.write(lambda s: self._put_detail(s, pull_id, seen, fingerprint, began))

    async def _note(self, pull_id: int, text: str) -> None:
        """Say in the thread that one pull request cannot be looked at, once for each kind of trouble."""

        def work(session: Session) -> None:
            row = session.get(PullRequest, pull_id)
            assert row is not None
            key = f"unseen:{pull_id}:{row.head_sha}"
            task = session.get(Task, row.task_id)
            say(session, self._out.clock(), kind="note", dedupe_key=key, task=task, payload={"text": text})

        await self._out.registry.write(work)

    def _put_detail(self, session: Session, pull_id: int, seen: PullDetail, fingerprint: str, began: datetime) -> None:
        now = self._out.clock()
        row = session.get(PullRequest, pull_id)
        assert row is not None
        task = session.get(Task, row.task_id)
        assert task is not None
        if seen.head_sha != row.head_sha:
            return  # these facts are about another commit than the row; the next round sorts it out
        if datetime.fromisoformat(row.facts.get(ANSWERED_AT) or "0001-01-01T00:00:00+00:00") >= began:
            return  # Waggle resolved threads meanwhile, and this look may not have seen it
        row.fingerprint = fingerprint
        session.add(row)
        bots = self._out.policy().review_bots
        comments = open_comments(seen, row.comments_seen, {one["id"] for one in row.owed_answers})
        facts: dict[str, Any] = {
            **row.facts,
            **of_checks(seen, row.facts, bots),
            "bots": of_bots(seen, bots),
            "threads": places(comments),
            "unresolved": comments,
            "outsiders": of_outsiders(seen),
            "remarks": seen_remarks(seen.threads, row.facts.get("remarks", {})),
            "labels": list(seen.labels),
            "shown": [
                {"by": one.author, "at": one.created_at.isoformat()}
                for one in seen.people_comments
                if pictures_in(one.body)
            ],
        }
        if row.facts != facts or row.facts_head != row.head_sha:
            row.facts, row.facts_head, row.observed_at = facts, row.head_sha, now
            session.add(row)
            refresh_card(session, task, now)
        if seen.state == "merged" and row.state is not PullState.MERGED:
            self._merged(session, now, row, task, seen)
        elif seen.state == "closed" and row.state is PullState.OPEN:
            self._closed(session, now, row, task, seen)
        elif seen.state == "open" and row.state is PullState.CLOSED:
            self._reopened(session, now, row, task)

    def _merged(self, session: Session, now: datetime, row: PullRequest, task: Task, seen: PullDetail) -> None:
        row.merged_by = seen.merged_by or ""
        row.merge_commit = seen.merge_commit or ""
        who = row.merged_by or "somebody"
        move_pull(session, row, PullState.MERGED, Cause.MERGED, now, actor=who)
        if task.state is not TaskState.MERGED:
            withdraw_questions(session, now, task)
            move_task(session, task, TaskState.MERGED, Cause.MERGED, now, actor=who, why=row.url)
        if not seen.merged_by_is_user:
            record(
                session, now, what="merged_by_machine", actor=who, task_id=task.id, subject=f"pull request {row.number}"
            )
        say(session, now, kind="merged", dedupe_key=f"merged:{row.id}", task=task, payload={"by": who})
        before = session.get(Task, task.follows) if task.reverts else None
        if before is not None:
            text = f"{task_label(before.id)} is taken back: {who} merged {row.url}."
            record(session, now, what="reverted", actor=who, why=row.url, task_id=before.id, subject="task")
            say(session, now, kind="note", dedupe_key=f"reverted:{row.id}", task=before, payload={"text": text})

    def _closed(self, session: Session, now: datetime, row: PullRequest, task: Task, seen: PullDetail) -> None:
        who = seen.closed_by or "somebody"
        move_pull(session, row, PullState.CLOSED, Cause.CLOSED_BY_PERSON, now, actor=who)
        if task.state not in {TaskState.DROPPED, TaskState.MERGED}:
            withdraw_questions(session, now, task)
            move_task(session, task, TaskState.DROPPED, Cause.CLOSED_BY_PERSON, now, actor=who, why=row.url)
        key = f"closed:{row.id}:v{task.version}"
        say(session, now, kind="closed", dedupe_key=key, task=task, payload={"by": who})

    def _reopened(self, session: Session, now: datetime, row: PullRequest, task: Task) -> None:
        move_pull(session, row, PullState.OPEN, Cause.PR_REOPENED, now)
        row.head_since, row.checks_since = now, None
        if task.state in {TaskState.DROPPED, TaskState.STOPPED}:
            task.cleaned_at = None
            move_task(session, task, TaskState.VERIFYING, Cause.PR_REOPENED, now, why=row.url)

    async def _down(self, problem: str) -> None:
        """GitHub cannot be used; people hear of it once it has lasted."""
        why = f"GitHub cannot be reached or refuses: {problem} Pull requests are not watched meanwhile."
        log.warning("github", error=problem)
        await self._out.registry.write(lambda s: went_down(s, self._out.clock(), GITHUB, why))


def _gone_key(row: PullRequest) -> str:
    return f"gone:{row.id}"


def withdraw_ready(session: Session, now: datetime, pull: PullRequest, task: Task, cause: Cause, why: str) -> None:
    """What was said to be ready is not any more: say so in place of the old message."""
    said_for = pull.ready_head
    pull.checks_since = None
    move_task(session, task, TaskState.VERIFYING, cause, now, why=why)
    key = f"ready_withdrawn:{pull.id}:{said_for}:v{task.version}"
    say(session, now, kind="ready_withdrawn", dedupe_key=key, task=task, head=said_for, payload={"why": why})


def withdraw_before_changes(session: Session, now: datetime, pull: PullRequest, task: Task) -> None:
    """A ready task that needs changes is withdrawn first, so that nobody merges on an old message."""
    if task.state is TaskState.READY:
        withdraw_ready(session, now, pull, task, Cause.CHECK_WITHDRAWN, "something needs changes")
