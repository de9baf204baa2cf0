"""Watching attempts that run: what their own event stream and their processes say, without a token spent.

An attempt is never called dead by one look. A look that fails says nothing; two in a row that find nothing
alive are needed; and when more than half of five or more agents vanish in the same look, it is the look
that is broken, so nothing is concluded for two minutes and people are told once. A reboot ends the same way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from sqlmodel import Session, select

from integrations.agents import AgentAdapter
from integrations.engines import RunState, RunView
from integrations.fault import IntegrationError
from scheduler.budget import spent_on, warn_of_budget
from scheduler.common_death import Doubt
from scheduler.frost import frost_of
from scheduler.guiding import mark_heard
from scheduler.held_agents import release_agent
from scheduler.ledger_lines import lines_after
from scheduler.lifecycle import AttemptState
from scheduler.metering import Meter, Reading, charge
from scheduler.outside import Outside
from scheduler.registry.database import Topic, wake
from scheduler.registry.work import Attempt, Task
from scheduler.registry.writers import record, refresh_card
from scheduler.shared_budget import spent_shared, warn_of_shared
from scheduler.signs import (
    Activity,
    Course,
    Signs,
    Worktree,
    alarms,
    is_slow_tool,
    labels,
    loops,
    read_signs,
    worth_writing,
)

log = structlog.get_logger(__name__)

_MASS_DEATH = 5  #: at least so many agents before a common death is doubted
_MISSES = 2  #: looks in a row that must find nothing alive
_MISS_APART_S = 1.0  #: a bell may ring twice in a moment, and two looks at the same moment are one
_SLOW_TOOL = 4  #: a tool that works may be silent so many times as long as an agent
#: how often a card shows new ages while nothing else changes, and what else changes while nothing is alarming
_AGES, _CHANGES = timedelta(seconds=120), timedelta(seconds=20)


@dataclass(frozen=True)
class Seen:
    """One look at one attempt. `view` is None when the look itself failed."""

    attempt: Attempt
    view: RunView | None
    milestone: str = ""
    offset: int = 0
    reading: Reading | None = None
    heard: tuple[str, ...] = ()


@dataclass
class Followed:
    """What is remembered of one attempt from look to look; after a restart it is read anew from the beginning."""

    meter: Meter = field(default_factory=Meter)
    course: Course = field(default_factory=Course)
    activity: Activity = field(default_factory=Activity)
    shown_at: datetime | None = None


class Watcher:
    """Looks at running attempts and says which came to an end.

    Parameters:
        worktree, terminal: what was last seen of those of a run, by somebody who looks at his own pace.
    """

    def __init__(
        self,
        out: Outside,
        worktree: Callable[[str], Worktree | None] = lambda name: None,
        terminal: Callable[[str], tuple[bool, datetime] | None] = lambda name: None,
    ) -> None:
        self._out = out
        self._worktree, self._terminal = worktree, terminal
        self._followed: dict[str, Followed] = {}
        self._missed_at: dict[str, datetime] = {}
        self._thawed_at: datetime | None = None
        self._doubt = Doubt(out)

    async def look(self, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Look at each attempt once; the ones that ended or are lost come back, to be finished."""
        names = {attempt.name for attempt in attempts}
        self._followed = {name: one for name, one in self._followed.items() if name in names}
        self._missed_at = {name: at for name, at in self._missed_at.items() if name in names}
        if not attempts:
            return []
        self._thawed_at = (await self._out.registry.read(frost_of)).thawed_at
        seen = await asyncio.to_thread(lambda: [self._look_at(attempt) for attempt in attempts])
        gone = [one for one in seen if one.view and one.view.state in {RunState.LOST, RunState.ABSENT}]
        if len(attempts) >= _MASS_DEATH and len(gone) * 2 > len(attempts):
            if await self._doubt.holds(len(gone), len(attempts)):
                return []
        else:
            await self._doubt.over()
        ended: list[Attempt] = []
        for one in seen:
            if one.view is None:
                await self._unseen(one)
                continue
            if one.view.state is RunState.ENDED:
                ended.append(one.attempt)
            elif one in gone:
                if await self._missed(one):
                    ended.append(one.attempt)
            else:
                await self._progress(one)
        return ended

    def _look_at(self, attempt: Attempt) -> Seen:
        adapter = self._out.agents().get(attempt.agent)
        try:
            view = self._out.engine.find(attempt.name)
            if adapter is None or view.state in {RunState.ABSENT, RunState.LOST}:
                return Seen(attempt, view, attempt.milestone, attempt.event_offset)
            followed = self._followed.setdefault(attempt.name, Followed())
            meter = followed.meter
            while view.event_bytes > meter.offset:
                chunk = self._out.engine.read_events(attempt.name, meter.offset)
                if chunk.offset <= meter.offset:
                    break  # half a line
                events = [event for line in chunk.lines for event in adapter.parse(line)]
                meter.take(events)
                followed.course.take(events)
                meter.offset = chunk.offset
            followed.activity.take(view)
            self._read_ledger(attempt, adapter, meter)
        except (IntegrationError, OSError) as problem:
            log.warning("a look at an attempt failed; nothing is concluded", attempt=attempt.name, error=str(problem))
            return Seen(attempt, None)
        return Seen(attempt, view, meter.milestone or attempt.milestone, meter.offset, meter.read(), tuple(meter.heard))

    def _read_ledger(self, attempt: Attempt, adapter: AgentAdapter, meter: Meter) -> None:
        """Count what the agent's program writes down for itself: some say it in their stream at the end only."""
        path = adapter.ledger(self._out.agents_home / attempt.agent, meter.session_id) if meter.session_id else None
        if path is not None:
            lines, meter.ledger_offset = lines_after(path, meter.ledger_offset)
            meter.take(event for line in lines for event in adapter.read_ledger(line))

    def _signs(self, one: Seen, misses: int = 0) -> Signs:
        """What is known of it now, beside what was known before."""
        attempt = one.attempt
        followed = self._followed.setdefault(attempt.name, Followed())
        used = one.reading.tokens if one.reading is not None else None
        return read_signs(
            attempt.signs,
            self._out.clock(),
            one.view,
            course=followed.course,
            activity=followed.activity,
            worktree=self._worktree(attempt.name),
            terminal=self._terminal(attempt.name),
            tokens=used.input + used.output if used is not None else attempt.tokens_input + attempt.tokens_output,
            idle=self._idle,
            misses=misses,
        )

    @property
    def _idle(self) -> timedelta:
        return timedelta(seconds=self._out.policy().times.idle_s)

    async def _unseen(self, one: Seen) -> None:
        """A look that failed says nothing but that nothing is known."""
        signs = self._signs(one)
        if labels(signs) != labels(one.attempt.signs):
            await self._out.registry.write(partial(self._put_signs, name=one.attempt.name, signs=signs))

    def _put_signs(self, session: Session, name: str, signs: Signs) -> None:
        row = session.exec(select(Attempt).where(Attempt.name == name)).one()
        task = session.get(Task, row.task_id)
        if row.state is AttemptState.RUNNING and task is not None:
            row.signs = signs
            session.add(row)
            refresh_card(session, task, self._out.clock())

    def _worth_showing(self, attempt: Attempt, signs: Signs) -> bool:
        """Whether people should see the signs anew: something changed, or the ages that they see are old."""
        followed, now = self._followed[attempt.name], self._out.clock()
        since = now - followed.shown_at if followed.shown_at is not None else _AGES
        changed = labels(signs) != labels(attempt.signs)
        if since >= _AGES or (changed and since >= _CHANGES) or alarms(signs) != alarms(attempt.signs):
            followed.shown_at = now
            return True
        return False

    async def _progress(self, one: Seen) -> None:
        attempt, view = one.attempt, one.view
        assert view is not None
        signs = self._signs(one)
        looping = loops(signs)
        reason = self._overrun(one, view, signs)
        quiet = one.offset == attempt.event_offset and not attempt.misses and not reason
        if quiet and not worth_writing(attempt.signs, signs):
            return
        show = self._worth_showing(attempt, signs)

        def work(session: Session) -> None:
            now = self._out.clock()
            row = session.get(Attempt, attempt.id)
            task = session.get(Task, attempt.task_id)
            if row is None or task is None or row.state is not AttemptState.RUNNING:
                return
            row.misses = 0
            row.event_offset = max(row.event_offset, one.offset)
            changed = show or row.milestone != one.milestone
            row.milestone, row.signs = one.milestone, signs
            if one.heard:
                mark_heard(session, now, task, row, one.heard)
            if one.reading is not None:
                if one.reading.tokens.output > row.tokens_output:
                    release_agent(session, now, row.agent)
                charge(session, now, row, one.reading)
            broke = spent_shared(session, self._out.policy(), now, task.channel)
            stop = reason or ("budget" if broke or spent_on(row) >= 1.0 else "")
            if one.reading is not None:
                warn_of_budget(session, now, self._out.policy(), task)
                warn_of_shared(session, now, self._out.policy(), task)
            if not stop and one.reading is not None and one.reading.turns > self._out.policy().budget.attempt_turns:
                stop = "max-turns"
            if stop and not row.stop_reason:
                row.stop_reason = stop
                if stop == "idle" and looping:
                    record(
                        session,
                        now,
                        what="no_progress",
                        why=looping,
                        task_id=row.task_id,
                        subject=f"attempt {row.name}",
                    )
                wake(session, Topic.SUPERVISOR)
            session.add(row)
            if changed or stop:
                refresh_card(session, task, now)

        await self._out.registry.write(work)

    def _overrun(self, one: Seen, view: RunView, signs: Signs) -> str:
        """Why the attempt must be stopped now, money aside; empty while it may go on."""
        attempt, policy, now = one.attempt, self._out.policy(), self._out.clock()
        started = max(attempt.started_at or attempt.created_at, self._thawed_at or attempt.created_at)
        if view.event_bytes == 0 and (now - started).total_seconds() > policy.times.first_event_s:
            return "blocked"
        if view.last_output_at is not None:
            last = max(datetime.fromtimestamp(view.last_output_at, UTC), started)
            silent = now - last if self._out.jumps is None else self._out.jumps.passed(last, now)
            patience = _SLOW_TOOL if is_slow_tool(signs, now, self._idle) else 1
            if silent.total_seconds() > patience * policy.times.idle_s:
                return "idle"
        return "idle" if loops(signs) and now - started > self._idle else ""

    async def _missed(self, one: Seen) -> bool:
        """Count a look that found nothing alive; True when it is the second in a row, a moment after the first."""
        attempt = one.attempt
        before, now = self._missed_at.get(attempt.name), self._out.clock()
        if before is not None and 0 <= (now - before).total_seconds() < _MISS_APART_S:
            return False
        self._missed_at[attempt.name] = now

        def work(session: Session) -> int:
            row = session.get(Attempt, attempt.id)
            if row is None or row.state is not AttemptState.RUNNING:
                return 0
            row.misses += 1
            row.signs = self._signs(one, row.misses)
            session.add(row)
            return row.misses

        return await self._out.registry.write(work) >= _MISSES
