"""Who acts, what they are told, and the sentences and rows that several commands share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from scheduler.lifecycle import Cause, TaskState
from scheduler.names import task_label
from scheduler.registry.talk import Event
from scheduler.registry.work import Task
from scheduler.registry.writers import record

IN_WORDS = {
    TaskState.PROPOSED: "is only proposed",
    TaskState.SCOPING: "is being scoped",
    TaskState.PLANNED: "waits for approval",
    TaskState.QUEUED: "is queued",
    TaskState.RUNNING: "is running",
    TaskState.ASKING: "waits for an answer",
    TaskState.VERIFYING: "is being verified",
    TaskState.READY: "is ready for you to merge",
    TaskState.DIAGNOSING: "is being diagnosed",
    TaskState.NEEDS_HELP: "needs help",
    TaskState.TAKEN_OVER: "was taken over by a person",
    TaskState.MERGED: "is merged",
    TaskState.DROPPED: "was dropped",
    TaskState.STOPPED: "is stopped",
    TaskState.PAUSED: "is paused",
}


@dataclass(frozen=True)
class Actor:
    """Who acts: a Slack user id, or `cli:<login>` for the local command line."""

    id: str
    name: str = ""


@dataclass(frozen=True)
class Reply:
    """What the person is told. `ok` is False when nothing was changed."""

    ok: bool
    text: str
    task_id: int | None = None


def unknown(task_id: int) -> Reply:
    return Reply(False, f"There is no {task_label(task_id)}. `status` lists the tasks.")


def not_now(task: Task, verb: str, hint: str = "") -> Reply:
    text = f"I cannot {verb} {task_label(task.id)} now: it {IN_WORDS[task.state]}. {hint}"
    return Reply(False, text.strip(), task.id)


def too_late(session: Session, task: Task, now: datetime, causes: tuple[Cause, ...], verb: str) -> Reply:
    """Somebody was faster: who, and when."""
    done = session.exec(
        select(Event)
        .where(Event.task_id == task.id, Event.subject == "task", col(Event.what).in_([c.value for c in causes]))
        .order_by(col(Event.id).desc())
    ).first()
    if done is None:
        return not_now(task, "approve")
    minutes = int((now - done.at).total_seconds() // 60)
    who = f"<@{done.actor}>" if done.actor.startswith("U") else done.actor
    ago = "just now" if minutes < 1 else f"{minutes} min ago"
    return Reply(False, f"{task_label(task.id)} was {verb} already by {who} {ago}; it {IN_WORDS[task.state]}.", task.id)


def add_guidance(session: Session, now: datetime, task: Task, actor: Actor, text: str) -> None:
    """Keep a person's words until a prompt holds them."""
    entry = {"at": now.isoformat(), "by": actor.id, "text": text.strip(), "used_in": ""}
    task.guidance = [*task.guidance, entry]
    session.add(task)
    record(session, now, what="guidance", actor=actor.id, why=text.strip(), task_id=task.id, subject="task")


def unused_guidance(task: Task) -> bool:
    return any(not entry["used_in"] for entry in task.guidance)


def clear_help(task: Task) -> None:
    task.help_cause, task.help_class, task.help_evidence = "", "", []
