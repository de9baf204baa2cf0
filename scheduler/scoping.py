"""From a request to a plan: asking for the scope, and turning the answer into the task's fields."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select

from scheduler.judging import Kind, ScopeFacts
from scheduler.registry.talk import Event
from scheduler.registry.work import Question, Request, Task
from scheduler.registry.writers import ask


def rescope(session: Session, now: datetime, task: Task) -> None:
    """Ask the orchestrator for the scope, with everything that people have said about it so far."""
    request = session.get(Request, task.request_id)
    assert request is not None
    facts = ScopeFacts(
        request=request.text,
        requester=request.requester,
        repo_hint=task.repo,
        answers=_said_so_far(session, task),
    )
    subject = f"task:{task.id}:v{task.version}"
    ask(session, now, kind=Kind.SCOPE, subject=subject, task=task, facts=facts.model_dump(mode="json"))


def _said_so_far(session: Session, task: Task) -> tuple[str, ...]:
    edits = session.exec(
        select(Event.why)
        .where(Event.task_id == task.id, Event.subject == "task", Event.what == "edited")
        .order_by(col(Event.id))
    ).all()
    answers = session.exec(
        select(Question)
        .where(Question.task_id == task.id, Question.about == "scope", col(Question.answer) != "")
        .order_by(col(Question.id))
    ).all()
    words = (str(entry["text"]) for entry in task.guidance)
    return (*edits, *(f"{one.text} — {one.answer}" for one in answers), *words)
