"""More money for what has spent its budget."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from scheduler.commands.replies import Actor, Reply, unknown
from scheduler.commands.words import retry
from scheduler.lifecycle import TaskState
from scheduler.names import task_label
from scheduler.policy import Policy
from scheduler.registry.work import Task
from scheduler.shared_budget import extend_shared


def extend(session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int) -> Reply:
    """Let a task whose budget is spent go on: with one more attempt, and with more of what it shares with others."""
    task = session.get(Task, task_id)
    if task is None:
        return unknown(task_id)
    broke = task.state is TaskState.NEEDS_HELP and task.help_class == "budget"
    if not broke and task.state is not TaskState.QUEUED:
        return Reply(False, f"{task_label(task.id)} waits for no money.", task.id)
    raised = extend_shared(session, now, policy, task.channel, actor.id)
    told = " ".join(f"More is granted. {one.sentence}" for one in raised)
    if broke:
        reply = retry(session, now, policy, actor, task_id)
        return Reply(reply.ok, f"{reply.text} {told}".strip(), task.id)
    if raised:
        return Reply(True, f"{told} What waited for it goes on.", task.id)
    return Reply(False, f"{task_label(task.id)} waits for no money.", task.id)
