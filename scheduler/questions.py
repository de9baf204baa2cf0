"""Questions that only a person can answer: putting them, settling them, and what a deadline does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from scheduler.judging import Kind, PromptFacts
from scheduler.lifecycle import Cause, QuestionState, TaskState
from scheduler.registry.work import Attempt, Question, Task
from scheduler.registry.writers import ask, move_question, move_task, say
from scheduler.scoping import rescope


def put_question(
    session: Session,
    now: datetime,
    task: Task,
    transition: Cause,
    *,
    about: str,
    text: str,
    options: Sequence[str] = (),
    default: str = "",
    deadline: datetime | None = None,
    attempt: Attempt | None = None,
) -> Question:
    """Ask people, and let the task wait for the answer.

    Parameters:
        about: `scope`, `agent` or `retry`: where the answer goes.
        default: taken at the deadline; without one the task then needs help.
    """
    assert task.id is not None
    question = Question(
        task_id=task.id,
        attempt_id=attempt.id if attempt else None,
        about=about,
        text=text,
        options=list(options),
        default=default,
        state=QuestionState.OPEN,
        deadline=deadline,
        created_at=now,
    )
    session.add(question)
    session.flush()
    move_task(session, task, TaskState.ASKING, transition, now, why=text)
    say(
        session,
        now,
        kind="question",
        dedupe_key=f"question:{question.id}",
        task=task,
        payload={"question_id": question.id},
    )
    return question


def open_question(session: Session, task: Task) -> Question | None:
    """The question that the task waits for; None when it has none."""
    return session.exec(
        select(Question)
        .where(Question.task_id == task.id, Question.state == QuestionState.OPEN)
        .order_by(col(Question.id).desc())
    ).first()


def settle_question(
    session: Session,
    now: datetime,
    task: Task,
    question: Question,
    said: str,
    by: str,
    state: QuestionState,
    cause: Cause,
) -> None:
    """Record an answer and let the task go on from it: scoping again, or the same session resumed."""
    question.answer, question.answered_by = said, by
    move_question(session, question, state, cause, now, actor=by, why=said)
    if question.about == "scope":
        move_task(session, task, TaskState.SCOPING, Cause.ANSWERED, now, actor=by, why=said)
        rescope(session, now, task)
        return
    move_task(session, task, TaskState.QUEUED, cause, now, actor=by, why=said)
    rewrite_prompt(session, now, task, PromptFacts(why="answered", question=question.text, answer=said))


def rewrite_prompt(session: Session, now: datetime, task: Task, facts: PromptFacts) -> None:
    """Have the task's next prompt written from facts alone; it does not start before that is done."""
    task.next_prompt = ""
    session.add(task)
    subject = f"prompt:{task.id}:v{task.version}"
    ask(session, now, kind=Kind.PROMPT, subject=subject, task=task, facts=facts.model_dump(mode="json"))


def missed_question(session: Session, task: Task) -> Question | None:
    """The question that nobody answered in time and for which the task needs help; None when it needs none for that."""
    if task.state is not TaskState.NEEDS_HELP or task.help_class != "question":
        return None
    return session.exec(
        select(Question)
        .where(Question.task_id == task.id, Question.state == QuestionState.EXPIRED)
        .order_by(col(Question.id).desc())
    ).first()


def withdraw_questions(session: Session, now: datetime, task: Task) -> None:
    """The task went another way; its open question needs no answer any more."""
    question = open_question(session, task)
    if question is not None:
        move_question(session, question, QuestionState.WITHDRAWN, Cause.MOOT, now)


def overdue(session: Session, now: datetime) -> list[Question]:
    """Open questions whose deadline has passed. That of a paused task waits until somebody resumes it."""
    rows = session.exec(
        select(Question)
        .join(Task, col(Question.task_id) == col(Task.id))
        .where(
            Question.state == QuestionState.OPEN,
            col(Question.deadline).is_not(None),
            Task.state != TaskState.PAUSED,
        )
    ).all()
    return [row for row in rows if row.deadline is not None and row.deadline <= now]
