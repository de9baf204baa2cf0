"""The loop that answers judgement rows: takes what is asked, has it answered, writes the answer down.

A row stays `asked` until its answer is on disk, so whatever is cut short is simply done again. Several rows are
answered at once. When every model fails and waiting may help, the row waits; when it does not help, rules answer, and
the row says so. What nobody can answer is reported once and tried again later, without holding up other rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlmodel import Session, col, select

from bot.context.store import ContextStore
from bot.orchestrator.asking import NobodyAnswered
from bot.orchestrator.council import review
from bot.orchestrator.desk import Answered, Desk, Turn
from bot.orchestrator.diagnose import diagnose, write_prompt
from bot.orchestrator.models import Panel
from bot.orchestrator.reading import RepositoryReader
from bot.orchestrator.recording import Setback, postpone, write_answer
from bot.orchestrator.scope import scope
from integrations.fault import IntegrationError
from integrations.git import EmptyRepository, NoDefaultBranch
from scheduler.judging import Kind
from scheduler.policy import Policy
from scheduler.registry import Judgement, Registry, Topic
from scheduler.registry.database import rung

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Patience:
    """How long models are waited for before rules answer.

    Attributes:
        at_once: rows answered at the same time.
        tries, review_tries: how often all models are asked; reviews by rules count for little, so these wait longer.
        first_wait_s: seconds before the second try, doubled each time.
        longest_wait_s: the most that is waited, whatever a vendor says.
        unborn: how often it is looked whether a repository without a commit has one now.
        look_s: seconds between two looks when nothing rings.
    """

    at_once: int = 4
    tries: int = 2
    review_tries: int = 7  #: with the pauses below a quarter of an hour, longer than most outages
    first_wait_s: float = 10.0
    longest_wait_s: float = 300.0
    unborn: timedelta = timedelta(seconds=30)
    look_s: float = 15.0

    def tries_for(self, kind: str) -> int:
        return self.review_tries if kind == Kind.REVIEW else self.tries

    def wait_s(self, tries: int) -> float:
        return min(self.first_wait_s * 2.0 ** max(tries - 1, 0), self.longest_wait_s)


class Orchestrator:
    """Answers what the supervisor asks.

    Parameters:
        models, policy: as they are now; called for each answer.
        clock: the present, UTC.
        secrets: literal values that must not stand in any prompt.
    """

    def __init__(
        self,
        registry: Registry,
        context: ContextStore,
        reader: RepositoryReader,
        models: Callable[[], Panel],
        policy: Callable[[], Policy],
        clock: Callable[[], datetime],
        *,
        secrets: Sequence[str] = (),
        patience: Patience | None = None,
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._patience = patience or Patience()
        self._desk = Desk(registry, context, reader, models, policy, clock, tuple(secrets))
        self._loop: asyncio.Task[None] | None = None
        self._working: dict[int, asyncio.Task[None]] = {}
        self._bell: asyncio.Event | None = None

    async def start(self) -> None:
        """Begin to answer, with what was asked while nobody was there."""
        await self._desk.context.prepare()
        self._bell = self._registry.bell(Topic.JUDGEMENTS)
        self._bell.set()
        self._loop = asyncio.create_task(self._run(self._bell), name="orchestrator")

    async def stop(self) -> None:
        """Stop at once. What was being answered stays asked."""
        tasks = [*self._working.values(), *([self._loop] if self._loop else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._working.clear()
        self._loop = None

    async def _run(self, bell: asyncio.Event) -> None:
        while True:
            bell.clear()
            try:
                pause = await self._take()
            except Exception:
                # The registry could not be read: everything else would fail too. It is shown, and tried again.
                log.exception("judgements could not be read")
                pause = self._patience.look_s
            await rung(bell, pause)

    async def _take(self) -> float:
        """Start on what can be answered now; returns the seconds until there may be more."""
        now = self._clock()
        rows = await self._registry.read(_asked)
        due = [row for row in rows if row.not_before is None or row.not_before <= now]
        for row in due:
            if len(self._working) >= self._patience.at_once:
                break
            if row.id is not None and row.id not in self._working:
                work = asyncio.create_task(self._answer(row), name=f"judgement-{row.id}")
                self._working[row.id] = work
                work.add_done_callback(partial(self._done, row.id))
        later = [(row.not_before - now).total_seconds() for row in rows if row.not_before and row.not_before > now]
        return max(min([self._patience.look_s, *later]), 0.05)

    def _done(self, row_id: int, work: asyncio.Task[None]) -> None:
        self._working.pop(row_id, None)
        if not work.cancelled() and work.exception() is not None:
            log.error("an answer could not be written", judgement=row_id, exc_info=work.exception())
        elif self._bell is not None:
            self._bell.set()

    async def _answer(self, row: Judgement) -> None:
        """Answer one row, or write down why it has to wait."""
        assert row.id is not None
        try:
            answered = await self._work_out(row)
        except NobodyAnswered as failed:
            wait = self._wait(row, failed.not_before)
            setback = Setback(
                str(failed), wait, tuple(str(one) for one in failed.failures), failed.charges, failed.failures
            )
        except (EmptyRepository, NoDefaultBranch) as problem:
            setback = Setback(problem.user_message, self._patience.unborn, (str(problem),), unborn=True)
        except IntegrationError as problem:
            wait = self._wait(row, problem.not_before)
            setback = Setback(problem.user_message, wait, (str(problem),), stuck=self._spent(row))
        except Exception as problem:
            log.exception("a judgement could not be answered", judgement=row.id, kind=row.kind)
            reason = f"{type(problem).__name__}: {problem}"
            setback = Setback(reason, self._wait(row, None), (reason,), stuck=self._spent(row))
        else:
            await self._registry.write(partial(_write_answer, clock=self._clock, row_id=row.id, answered=answered))
            return
        await self._registry.write(partial(_postpone, clock=self._clock, row_id=row.id, setback=setback))

    async def _work_out(self, row: Judgement) -> Answered:
        panel = self._desk.models()
        spent = self._spent(row)
        by_rules = Turn((panel.rules,), last=True)
        match Kind(row.kind):
            case Kind.PROMPT:
                return await write_prompt(self._desk, row)
            case Kind.REVIEW:
                return await review(self._desk, row, Turn(panel.judges, last=spent))
            case kind:
                answer = scope if kind is Kind.SCOPE else diagnose
        if spent or not panel.judges:
            return await answer(self._desk, row, by_rules)
        try:
            return await answer(self._desk, row, Turn(panel.judges))
        except NobodyAnswered as failed:
            if failed.retryable:
                raise
            instead = await answer(self._desk, row, by_rules)
            return replace(
                instead,
                charges=(*failed.charges, *instead.charges),
                failures=(*failed.failures, *instead.failures),
            )

    def _spent(self, row: Judgement) -> bool:
        """Whether the models had their chances, and rules answer now."""
        return row.tries >= self._patience.tries_for(row.kind)

    def _wait(self, row: Judgement, not_before: datetime | None) -> timedelta:
        own = timedelta(seconds=self._patience.wait_s(row.tries + 1))
        named = not_before - self._clock() if not_before is not None else own
        return min(max(named, timedelta(0)), timedelta(seconds=self._patience.longest_wait_s))


def _write_answer(session: Session, clock: Callable[[], datetime], row_id: int, answered: Answered) -> None:
    write_answer(session, clock(), row_id, answered)


def _postpone(session: Session, clock: Callable[[], datetime], row_id: int, setback: Setback) -> None:
    postpone(session, clock(), row_id, setback)


def _asked(session: Session) -> list[Judgement]:
    return list(session.exec(select(Judgement).where(Judgement.state == "asked").order_by(col(Judgement.id))).all())
