"""One tick of the supervisor: observe, decide, act. Level-triggered, deterministic, without a model.

A tick compares what rows want with what is observed and takes the next step of each task. Everything slow is
handed to a job of its own, at most one for each thing; a job that is cut short is started again by a later
tick, because what it was to bring about is still missing.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import structlog
from sqlmodel import Session, col, select

from integrations import spawned
from scheduler.admission import Admission
from scheduler.answering_people import Respondent
from scheduler.answers import Answers
from scheduler.attempts import Starter
from scheduler.background import Jobs
from scheduler.cleanup import Cleaner, to_clean
from scheduler.clock_jumps import follow
from scheduler.failures import fail
from scheduler.finishing import Finisher
from scheduler.frost import Freezer
from scheduler.full_disk import FullDisk
from scheduler.gathering import Gatherer
from scheduler.guiding import Guide
from scheduler.judging import PromptFacts
from scheduler.lifecycle import LIVE_ATTEMPT, AttemptState, Cause, TaskState
from scheduler.outside import Outside
from scheduler.proving import Prover
from scheduler.publishing import Publisher
from scheduler.pull_rows import PullCommands
from scheduler.pulls import Fetched, PullWatcher
from scheduler.questions import rewrite_prompt
from scheduler.red_ci import RedCi
from scheduler.registry.reading import latest_attempt
from scheduler.registry.work import Attempt, Task
from scheduler.registry.writers import move_task, remember, say
from scheduler.review_comment import Spokesman
from scheduler.screenshots import Photographer
from scheduler.standing import Standing
from scheduler.statuses import Reporter
from scheduler.stopping import Stopper
from scheduler.sweeping import Sweeper
from scheduler.terminals import TerminalKeeper
from scheduler.watching import Watcher
from scheduler.worktree_looks import WorktreeLooks

log = structlog.get_logger(__name__)

T = TypeVar("T")

_CLOSER = "closer look at pull requests"


@dataclass
class TickReport:
    """What one tick cost and did; the JSON of `waggle tick`. What jobs beside it do meanwhile counts too."""

    requests: int = 0
    rows_written: int = 0
    processes: int = 0
    ms: float = 0.0
    cpu_ms: float = 0.0
    tokens: int = 0
    seen: int = 0
    did: list[str] = field(default_factory=list)


class Monitor:
    """Observes, decides and acts, once for each call of `tick`."""

    def __init__(self, out: Outside, wake: Callable[[], None]) -> None:
        self._out = out
        self.jobs = Jobs(wake, self._tell)
        self._cleared = False
        self._frozen = False
        self._freezer = Freezer(out)
        self._answers = Answers(out, self._tell)
        self._starter = Starter(out)
        self._worktrees = WorktreeLooks(out)
        self._terminals = TerminalKeeper(out)
        self._watcher = Watcher(out, self._worktrees.seen, self._terminals.seen)
        self._guide = Guide(out)
        self._stopper = Stopper(out)
        self._finisher = Finisher(out)
        self._publisher = Publisher(out)
        self._pulls = PullWatcher(out)
        self._prover = Prover(out)
        self._commands = PullCommands(out)
        self._gatherer = Gatherer(out, self._commands)
        self._red_ci = RedCi(out)
        self._photographer = Photographer(out, self._commands)
        self._spokesman = Spokesman(out)
        self._reporter = Reporter(out)
        self._respondent = Respondent(out)
        self._cleaner = Cleaner(out)
        self._sweeper = Sweeper(out)
        self._full_disk = FullDisk()
        self._admission = Admission(out)
        self._ticking = asyncio.Lock()

    async def tick(self, *, fetch: bool = True) -> TickReport:
        """One round.

        Parameters:
            fetch: also ask GitHub; False for a round that only follows a change of rows.
        """
        async with self._ticking:
            began, cpu = time.monotonic(), _cpu_s()
            rows, processes = self._out.registry.rows, spawned.count()
            report = TickReport()
            if not self._cleared:
                await self._guarded(report, "clear what an earlier life left running", self._stopper.clear)
                self._cleared = True
            # First of all, and by itself: nothing else may keep an emergency stop waiting.
            frozen = await self._guarded(report, "freeze or thaw the agents", self._freezer.keep)
            self._frozen = self._frozen if frozen is None else frozen
            await self._guarded(report, "follow the clock", self._follow_clock)
            stages: dict[str, Callable[[TickReport], Awaitable[None]]] = {
                "use answers": self._use_answers,
                "attempts": self._attempts,
                "ask GitHub": partial(self._fetch, look=self._pulls.look if fetch else self._pulls.look_again),
                "judge pull requests": self._prove,
                "start agents": self._dispatch,
                "clean up": self._clean,
                **({"sweep": self._sweep} if fetch else {}),
            }
            for name, stage in stages.items():
                await self._guarded(report, name, partial(stage, report))
            report.processes = spawned.count() - processes
            report.ms = round((time.monotonic() - began) * 1000, 1)
            report.cpu_ms = round((_cpu_s() - cpu) * 1000, 1)
            if fetch:
                await self._guarded(report, "write the tick down", partial(self._write_down, report))
            report.rows_written = self._out.registry.rows - rows
            return report

    async def _follow_clock(self) -> None:
        """Before anything is held against the time."""
        now = self._out.clock()
        jump = self._out.jumps.look(now) if self._out.jumps is not None else None
        if jump is not None:
            await self._out.registry.write(partial(follow, now=now, jump=jump))

    async def _write_down(self, report: TickReport) -> None:
        await self._out.registry.write(lambda s: self._heartbeat(s, report))
        self._full_disk.since = None

    async def _guarded(self, report: TickReport, what: str, work: Callable[[], Awaitable[T]]) -> T | None:
        """Do one part of the tick. A defect in it, or a row that breaks it, stops no other part: a stop still stops."""
        try:
            return await work()
        except Exception as problem:
            if self._full_disk.saw(problem, self._out.clock()):  # every part fails then, in each tick
                report.did.append(f"failed to {what}: the disk is full")
                return None
            log.exception("a part of the tick failed", what=what)
            report.did.append(f"failed to {what}: {problem}"[:300])
            await self._tell(what, problem)
            return None

    async def _tell(self, what: str, problem: Exception) -> None:
        """What no rule covers is shown to people, once for each."""
        if self._full_disk.saw(problem, self._out.clock()):
            return
        text = f"I could not {what}: {type(problem).__name__}: {problem}. I try again; everything else goes on."

        def work(session: Session) -> None:
            key = f"broken:{what}:{type(problem).__name__}"
            say(session, self._out.clock(), kind="alert", dedupe_key=key, payload={"text": text[:1000]})

        try:
            await self._out.registry.write(work)
        except Exception:
            log.exception("nobody could be told", what=what)

    async def idle(self) -> None:
        """Return when no tick is in progress."""
        async with self._ticking:
            pass

    def _heartbeat(self, session: Session, report: TickReport) -> None:
        value = {"ms": report.ms, "requests": report.requests, "seen": report.seen, "did": report.did[:20]}
        remember(session, self._out.clock(), "tick", value)
        self._full_disk.say_that_it_is_over(session, self._out.clock())

    async def _use_answers(self, report: TickReport) -> None:
        report.did += await self._answers.use()
        report.did += await self._answers.expire()

    # --- attempts --------------------------------------------------------------------------------------------------

    async def _attempts(self, report: TickReport) -> None:
        rows = await self._out.registry.read(self._active)
        running = []
        for attempt, task in rows:
            assert attempt.id is not None
            attempt_id, lane = attempt.id, _lane(task.id)
            wanted = task.state is TaskState.RUNNING
            if attempt.state in LIVE_ATTEMPT and (not wanted or attempt.stop_reason == "stopped"):
                self._stop(report, attempt.name, attempt_id, lane)
            elif attempt.state is AttemptState.RUNNING and attempt.stop_reason:
                self._start(report, f"finish {attempt.name}", partial(self._finisher.finish, attempt_id), lane)
            elif attempt.state is AttemptState.RUNNING and not self._frozen:
                running.append(attempt)
            elif self._frozen:
                continue  # neither started nor measured: it stands still
            elif attempt.state in LIVE_ATTEMPT:
                self._start(report, f"start {attempt.name}", partial(self._starter.start, attempt_id), lane)
            elif wanted and attempt.state is AttemptState.ENDED and attempt.outcome == "done":
                self._start(report, f"publish {attempt.name}", partial(self._publisher.publish, attempt_id), lane)
            elif wanted:
                unstick = partial(self._out.registry.write, partial(self._unstick, task_id=task.id))
                await self._guarded(report, f"go on with T-{task.id}", unstick)
        report.seen += len(running)
        if self._terminals.due(running):
            self.jobs.start("terminals", self._terminals.keep, paced=True)
        if self._worktrees.due(running):
            self.jobs.start("worktrees", self._worktrees.look, paced=True)
        await self._guarded(report, "tell agents what people wrote", partial(self._guide.tell, running))
        for attempt in await self._watcher.look(running):
            assert attempt.id is not None
            finish = partial(self._finisher.finish, attempt.id)
            self._start(report, f"finish {attempt.name}", finish, _lane(attempt.task_id))

    def _active(self, session: Session) -> list[tuple[Attempt, Task]]:
        live = session.exec(
            select(Attempt, Task)
            .join(Task, col(Attempt.task_id) == col(Task.id))
            .where(col(Attempt.state).in_(list(LIVE_ATTEMPT)))
        ).all()
        rows = {attempt.id: (attempt, task) for attempt, task in live}
        for task in session.exec(select(Task).where(Task.state == TaskState.RUNNING)).all():
            latest = latest_attempt(session, task)
            if latest is not None:
                rows.setdefault(latest.id, (latest, task))
        return sorted(rows.values(), key=lambda pair: pair[0].id or 0)

    def _unstick(self, session: Session, task_id: int | None) -> None:
        """A running task whose attempt is over: it was paused and resumed; it goes on with the same session."""
        task = session.get(Task, task_id)
        assert task is not None
        attempt = latest_attempt(session, task)
        if task.state is not TaskState.RUNNING or attempt is None or attempt.state in LIVE_ATTEMPT:
            return
        if attempt.state is AttemptState.ENDED and attempt.outcome == "done":
            return
        if attempt.state is AttemptState.STOPPED:
            # Nothing failed, so nothing is counted.
            move_task(session, task, TaskState.QUEUED, Cause.PARKED, self._out.clock(), why="it goes on after a pause")
            rewrite_prompt(session, self._out.clock(), task, PromptFacts(why="resumed"))
            return
        fail(
            session,
            self._out.clock(),
            self._out.policy(),
            task,
            cause="lost",
            transition=Cause.ATTEMPT_FAILED,
            subject=f"attempt:{attempt.name}",
            attempt=attempt,
            message="It was interrupted.",
        )

    # --- pull requests ---------------------------------------------------------------------------------------------

    async def _fetch(self, report: TickReport, look: Callable[[], Awaitable[Fetched]]) -> None:
        fetched = await look()
        report.requests += fetched.requests
        report.seen += fetched.seen
        together = [one for one in fetched.changed if one[0] in fetched.healthy]
        if together and self.jobs.start(_CLOSER, partial(self._look_closer, together), paced=True):
            report.did.append(f"{_CLOSER}: {len(together)}")
        for pull_id, fingerprint in fetched.changed:
            if pull_id not in fetched.healthy:
                self._start(report, *self._detail(pull_id, fingerprint))

    async def _look_closer(self, changed: Sequence[tuple[int, str]]) -> None:
        for pull_id, fingerprint in await self._pulls.closer.look(changed):
            self.jobs.start(*self._detail(pull_id, fingerprint))

    def _detail(self, pull_id: int, fingerprint: str) -> tuple[str, Callable[[], Awaitable[None]]]:
        return f"detail of pull request row {pull_id}", partial(self._pulls.detail, pull_id, fingerprint)

    async def _prove(self, report: TickReport) -> None:
        works = {
            "diff": self._gatherer.fetch_diff,
            "verify": self._gatherer.run_verify,
            "ci": self._red_ci.explain,
            "pictures": self._photographer.take,
            "summary": self._spokesman.tell,
            "status": self._reporter.report,
            "answers": self._respondent.answer,
        }
        for name in await self._commands.unwanted():
            self._start(report, f"interrupt {name}", partial(self._stopper.interrupt, name))

        def judged(one: Standing) -> Awaitable[list[tuple[str, int]] | None]:
            what = f"judge pull request row {one.pull.id}"
            return self._guarded(report, what, partial(self._prover.judge, one))

        # Judged side by side, so that what many of them write shares a commit.
        standings = await self._prover.standings()
        for one, wants in zip(standings, await asyncio.gather(*map(judged, standings)), strict=True):
            for want, pull_id in wants or ():
                lane = _lane(one.task.id) if want in {"verify", "pictures"} else ""
                self._start(report, f"{want} of pull request row {pull_id}", partial(works[want], pull_id), lane)

        for pull_id in await self._spokesman.owed():
            self._start(report, f"summary of pull request row {pull_id}", partial(self._spokesman.tell, pull_id))

    async def _dispatch(self, report: TickReport) -> None:
        if self._frozen:
            return
        names = await self._admission.admit()
        report.did += [f"admitted {name}" for name in names]
        if names:
            await self._attempts(report)

    # --- cleanup -----------------------------------------------------------------------------------------------------

    async def _clean(self, report: TickReport) -> None:
        for task_id in await self._out.registry.read(to_clean):
            self._start(report, f"clean T-{task_id}", partial(self._cleaner.clean, task_id), _lane(task_id))

    async def _sweep(self, report: TickReport) -> None:
        """What exists is held against rows beside the tick: nothing waits for it."""
        if self._sweeper.due() and self.jobs.start("sweep", self._sweep_now, paced=True):
            report.did.append("sweep")

    async def _sweep_now(self) -> None:
        for chore in await self._sweeper.look():
            self.jobs.start(chore.key, chore.work, chore.lane)

    def _stop(self, report: TickReport, name: str, attempt_id: int, lane: str) -> None:
        """Stop an attempt; while its start is under way, cut short what that waits for, and stop it right after."""
        if self.jobs.start(f"stop {name}", partial(self._stopper.stop, attempt_id), lane):
            report.did.append(f"stop {name}")
        else:
            self._start(report, f"interrupt {name}", partial(self._stopper.interrupt, f"{name}-install"))

    def _start(self, report: TickReport, key: str, work: Callable[[], Awaitable[None]], lane: str = "") -> None:
        if self.jobs.start(key, work, lane):
            report.did.append(key)


def _lane(task_id: int | None) -> str:
    """One thing at a time for each task: all of them work in its one workspace."""
    return f"t-{task_id}"


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
