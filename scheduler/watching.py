"""Watching attempts that run: what their own event stream and their processes say, without a token spent.

An attempt is never called dead by one look. A look that fails says nothing; two in a row that find nothing
alive are needed; and when more than half of five or more agents vanish in the same look, it is the look
that is broken, so nothing is concluded for two minutes and people are told once. A reboot ends the same way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from sqlmodel import Session

from integrations.agents import AgentAdapter
from integrations.engines import RunState, RunView
from integrations.fault import IntegrationError
from scheduler.budget import spent_on, warn_of_budget
from scheduler.frost import frost_of
from scheduler.guiding import mark_heard
from scheduler.ledger_lines import lines_after
from scheduler.lifecycle import AttemptState, Cause, TaskState
from scheduler.metering import Meter, Reading, charge
from scheduler.outside import Outside
from scheduler.registry.database import Topic, wake
from scheduler.registry.work import Attempt, Task
from scheduler.registry.writers import move_attempt, recall, refresh_card, remember, say
from scheduler.shared_budget import spent_shared, warn_of_shared
from scheduler.steps import StepName

log = structlog.get_logger(__name__)

_MASS_DEATH = 5  #: at least so many agents before a common death is doubted
_MISSES = 2  #: looks in a row that must find nothing alive
_MISS_APART_S = 1.0  #: a bell may ring twice in a moment, and two looks at the same moment are one
_DOUBT_S = 120.0  #: so long a common death is doubted; after a reboot it is true
_DOUBT = "mass-death"


@dataclass(frozen=True)
class Seen:
    """One look at one attempt. `view` is None when the look itself failed."""

    attempt: Attempt
    view: RunView | None
    milestone: str = ""
    offset: int = 0
    reading: Reading | None = None
    heard: tuple[str, ...] = ()


class Watcher:
    """Looks at running attempts and says which came to an end."""

    def __init__(self, out: Outside) -> None:
        self._out = out
        self._meters: dict[str, Meter] = {}
        self._missed_at: dict[str, datetime] = {}
        self._thawed_at: datetime | None = None
        self._doubting = True  #: until a look shows otherwise: an earlier life may have doubted

    async def look(self, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Look at each attempt once; the ones that ended or are lost come back, to be finished."""
        names = {attempt.name for attempt in attempts}
        self._meters = {name: meter for name, meter in self._meters.items() if name in names}
        self._missed_at = {name: at for name, at in self._missed_at.items() if name in names}
        if not attempts:
            return []
        self._thawed_at = (await self._out.registry.read(frost_of)).thawed_at
        seen = await asyncio.to_thread(lambda: [self._look_at(attempt) for attempt in attempts])
        gone = [one for one in seen if one.view and one.view.state in {RunState.LOST, RunState.ABSENT}]
        if len(attempts) >= _MASS_DEATH and len(gone) * 2 > len(attempts):
            if await self._doubt(len(gone), len(attempts)):
                return []
        elif self._doubting:
            await self._out.registry.write(lambda s: remember(s, self._out.clock(), _DOUBT, {"since": None}))
            self._doubting = False
        ended: list[Attempt] = []
        for one in seen:
            if one.view is None:
                continue
            if one.view.state is RunState.ENDED:
                ended.append(one.attempt)
            elif one in gone:
                if await self._missed(one.attempt):
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
            meter = self._meters.setdefault(attempt.name, Meter())
            while view.event_bytes > meter.offset:
                chunk = self._out.engine.read_events(attempt.name, meter.offset)
                if chunk.offset <= meter.offset:
                    break  # half a line
                meter.take(event for line in chunk.lines for event in adapter.parse(line))
                meter.offset = chunk.offset
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

    async def _progress(self, one: Seen) -> None:
        attempt, view = one.attempt, one.view
        assert view is not None
        reason = self._overrun(one, view)
        quiet = one.offset == attempt.event_offset and not attempt.misses and not reason
        if quiet:
            return

        def work(session: Session) -> None:
            now = self._out.clock()
            row = session.get(Attempt, attempt.id)
            task = session.get(Task, attempt.task_id)
            if row is None or task is None or row.state is not AttemptState.RUNNING:
                return
            row.misses = 0
            row.event_offset = max(row.event_offset, one.offset)
            changed = row.milestone != one.milestone
            row.milestone = one.milestone
            if one.heard:
                mark_heard(session, now, task, row, one.heard)
            if one.reading is not None:
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
                wake(session, Topic.SUPERVISOR)
            session.add(row)
            if changed or stop:
                refresh_card(session, task, now)

        await self._out.registry.write(work)

    def _overrun(self, one: Seen, view: RunView) -> str:
        """Why the attempt must be stopped now, money aside; empty while it may go on."""
        attempt, policy, now = one.attempt, self._out.policy(), self._out.clock()
        started = max(attempt.started_at or attempt.created_at, self._thawed_at or attempt.created_at)
        if view.event_bytes == 0 and (now - started).total_seconds() > policy.times.first_event_s:
            return "blocked"
        if view.last_output_at is not None:
            last = max(datetime.fromtimestamp(view.last_output_at, UTC), started)
            silent = now - last if self._out.jumps is None else self._out.jumps.passed(last, now)
            if silent.total_seconds() > policy.times.idle_s:
                return "idle"
        return ""

    async def _missed(self, attempt: Attempt) -> bool:
        """Count a look that found nothing alive; True when it is the second in a row, a moment after the first."""
        before, now = self._missed_at.get(attempt.name), self._out.clock()
        if before is not None and 0 <= (now - before).total_seconds() < _MISS_APART_S:
            return False
        self._missed_at[attempt.name] = now

        def work(session: Session) -> int:
            row = session.get(Attempt, attempt.id)
            if row is None or row.state is not AttemptState.RUNNING:
                return 0
            row.misses += 1
            session.add(row)
            return row.misses

        return await self._out.registry.write(work) >= _MISSES

    async def _doubt(self, gone: int, total: int) -> bool:
        """Whether a common death is still to be doubted; people are told when the doubt begins."""
        text = (
            f"{gone} of {total} agents vanished in one look. I conclude nothing from that for {_DOUBT_S:.0f} seconds, "
            "then I start them again; please look at the host."
        )

        def work(session: Session) -> datetime:
            now = self._out.clock()
            known = (recall(session, _DOUBT) or {}).get("since")
            if known is None:
                remember(session, now, _DOUBT, {"since": now.isoformat()})
                say(session, now, kind="alert", dedupe_key=f"{_DOUBT}:{now.isoformat()}", payload={"text": text})
                return now
            return datetime.fromisoformat(known)

        since = await self._out.registry.write(work)
        self._doubting = True
        log.error("many agents vanished in one look", gone=gone, total=total, since=since.isoformat())
        return (self._out.clock() - since).total_seconds() < _DOUBT_S


class Stopper:
    """Kills the process trees of attempts that must not run any more."""

    def __init__(self, out: Outside) -> None:
        self._out = out

    async def interrupt(self, name: str) -> None:
        """Kill a repository's own command that nobody waits for any more."""

        def kill() -> None:
            if self._out.engine.find(name).state is RunState.RUNNING:
                with self._out.steps(StepName.STOP, name):
                    self._out.engine.stop(name, 1.5)

        await asyncio.to_thread(kill)

    async def clear(self) -> None:
        """Kill what an earlier life left running besides agents: it is started anew where it is wanted."""

        def running() -> list[str]:
            known = self._out.engine.list()
            return [
                one.name
                for one in known
                if one.state is RunState.RUNNING and one.name.endswith(("-install", "-verify"))
            ]

        for name in await asyncio.to_thread(running):
            await self.interrupt(name)

    async def stop(self, attempt_id: int) -> None:
        """Kill one attempt's whole process tree and record it. Work in its worktree is untouched."""
        out = self._out
        attempt = await out.registry.read(lambda s: s.get(Attempt, attempt_id))
        assert attempt is not None

        def kill() -> None:
            with out.steps(StepName.STOP, attempt.name):
                if out.engine.find(attempt.name).state is not RunState.ABSENT:
                    out.engine.stop(attempt.name, 1.5)

        await asyncio.to_thread(kill)

        def work(session: Session) -> None:
            row = session.get(Attempt, attempt_id)
            task = session.get(Task, attempt.task_id)
            assert row is not None and task is not None
            if row.state in {AttemptState.ENDED, AttemptState.LOST, AttemptState.STOPPED}:
                return
            causes = {
                TaskState.MERGED: Cause.MERGED,
                TaskState.DROPPED: Cause.CLOSED_BY_PERSON,
                TaskState.PAUSED: Cause.PAUSED,
            }
            cause = causes.get(task.state, Cause.STOPPED)
            if row.state is AttemptState.PARKED and cause is Cause.PAUSED:
                return
            row.outcome = row.outcome or "stopped"
            move_attempt(session, row, AttemptState.STOPPED, cause, out.clock())
            refresh_card(session, task, out.clock())

        await out.registry.write(work)
