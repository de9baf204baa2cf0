"""Acting on what came back: the orchestrator's answers, and the deadlines of questions to people.

Each row is a transaction of its own, and one that breaks keeps no other from being used.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import structlog
from sqlmodel import Session, col, select

from scheduler.failures import apply_diagnosis, apply_prompt, ask_for_help
from scheduler.frost import frost_of
from scheduler.judging import Kind
from scheduler.lifecycle import Cause, QuestionState, TaskState
from scheduler.outside import Outside
from scheduler.planning import apply_scope
from scheduler.questions import overdue, settle_question
from scheduler.registry.work import Judgement, Task
from scheduler.registry.writers import move_question
from scheduler.reviews import apply_review

log = structlog.get_logger(__name__)


class Answers:
    """Uses answers and ends waits.

    Parameters:
        tell: shows people what no rule covers, once.
    """

    def __init__(self, out: Outside, tell: Callable[[str, Exception], Awaitable[None]]) -> None:
        self._out = out
        self._tell = tell

    async def use(self) -> list[str]:
        """Act on every answer of the orchestrator; what was done, in words."""
        did: list[str] = []
        rows = await self._out.registry.read(
            lambda s: s.exec(
                select(Judgement)
                .join(Task, col(Judgement.task_id) == col(Task.id))
                # What was asked before a pause is used after it: the state that waits for it comes back then.
                .where(Judgement.state == "answered", Task.state != TaskState.PAUSED)
                .order_by(col(Judgement.id))
            ).all()
        )
        for row in rows:
            try:
                await self._out.registry.write(partial(self._use, judgement_id=row.id))
            except Exception as problem:
                log.exception("an answer could not be used", judgement=row.id)
                await self._tell(f"use the answer to {row.kind} {row.subject}", problem)
                await self._out.registry.write(partial(self._ask_again, judgement_id=row.id, why=str(problem)))
                continue
            did.append(f"used the answer to {row.kind} {row.subject}")
        return did

    def _use(self, session: Session, judgement_id: int | None) -> None:
        row = session.get(Judgement, judgement_id)
        assert row is not None
        if row.state != "answered":
            return
        now, policy = self._out.clock(), self._out.policy()
        match row.kind:
            case Kind.SCOPE:
                apply_scope(session, now, policy, row)
            case Kind.DIAGNOSE:
                apply_diagnosis(session, now, policy, row)
            case Kind.PROMPT:
                apply_prompt(session, now, row)
            case Kind.REVIEW:
                apply_review(session, now, row)
            case _:
                row.state = "void"
                session.add(row)

    def _ask_again(self, session: Session, judgement_id: int | None, why: str) -> None:
        """An answer that cannot be used is as good as none: it is asked for again, more and more rarely."""
        row = session.get(Judgement, judgement_id)
        assert row is not None
        row.state, row.answer, row.error = "asked", {}, why[:1000]
        row.tries += 1
        row.not_before = self._out.clock() + timedelta(seconds=min(30.0 * 2.0**row.tries, 3600.0))
        session.add(row)

    async def expire(self) -> list[str]:
        """Act on every question whose deadline has passed; what was done, in words."""
        did: list[str] = []
        now = self._out.clock()
        rows = await self._out.registry.read(lambda s: [] if frost_of(s).since else overdue(s, now))
        for question in rows:
            try:
                await self._out.registry.write(partial(self._expire, question_id=question.id))
            except Exception as problem:
                log.exception("a deadline could not be acted on", question=question.id)
                await self._tell(f"act on the deadline of question {question.id}", problem)
                continue
            did.append(f"question {question.id} reached its deadline")
        return did

    def _expire(self, session: Session, question_id: int | None) -> None:
        now = self._out.clock()
        question = next((one for one in overdue(session, now) if one.id == question_id), None)
        if question is None:
            return
        task = session.get(Task, question.task_id)
        assert task is not None
        if task.state is not TaskState.ASKING:
            move_question(session, question, QuestionState.WITHDRAWN, Cause.MOOT, now)
        elif question.default:
            settle_question(
                session,
                now,
                task,
                question,
                question.default,
                "waggle",
                QuestionState.DEFAULTED,
                Cause.DEFAULT_TAKEN,
            )
        else:
            move_question(session, question, QuestionState.EXPIRED, Cause.DEADLINE_PASSED, now)
            ask_for_help(
                session,
                now,
                task,
                Cause.DEADLINE_PASSED,
                cause="question",
                sentence=f"Nobody answered in time: {question.text}",
                cure="Reply `retry` with the answer.",
            )
