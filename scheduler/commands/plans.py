"""From a request to an approved plan."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select

from scheduler.commands.proposals import never, start
from scheduler.commands.replies import Actor, Reply, add_guidance, not_now, too_late, unknown, unused_guidance
from scheduler.dependencies import put_after, refuse, split_after
from scheduler.judging import PromptFacts
from scheduler.lifecycle import Cause, QuestionState, TaskState
from scheduler.names import task_label
from scheduler.policy import Policy
from scheduler.questions import open_question, rewrite_prompt, withdraw_questions
from scheduler.registry.work import Request, Task
from scheduler.registry.writers import move_question, move_task, unask
from scheduler.requests import file_request
from scheduler.scoping import rescope


def new_request(
    session: Session,
    now: datetime,
    policy: Policy,
    actor: Actor,
    *,
    text: str,
    source: str,
    dedupe_key: str,
    channel: str = "",
    thread_ts: str = "",
    permalink: str = "",
    repo: str = "",
    priority: str = "",
) -> Reply:
    """Take in a request and have it scoped. The same `dedupe_key` again names the task that it made before.

    Parameters:
        text: the words; `after:T-3` among them lets the task wait until T-3 is merged.
    """
    text, waits_for = split_after(text)
    wanted = " ".join(text.split())
    if not wanted:
        return Reply(False, "Say what you want built or fixed, for example: `new CSV export of invoices`.")
    if repo and policy.repository(repo) is None:
        known = ", ".join(one.slug for one in policy.repositories) or "none"
        return Reply(False, f"I do not know the repository {repo}. Known: {known}.")
    earlier = session.exec(
        select(Task).join(Request, col(Task.request_id) == col(Request.id)).where(Request.dedupe_key == dedupe_key)
    ).first()
    if earlier is not None:
        return Reply(True, f"That request is {task_label(earlier.id)} already.", earlier.id)
    refused = refuse(session, waits_for)
    if refused:
        return Reply(False, refused)
    task = file_request(
        session,
        now,
        policy,
        text=text,
        requester=actor.id,
        source=source,
        dedupe_key=dedupe_key,
        channel=channel,
        thread_ts=thread_ts,
        permalink=permalink,
        repo=repo,
        priority=priority,
        priority_reason="asked for by the requester" if priority else "",
    )
    move_task(session, task, TaskState.SCOPING, Cause.START, now, actor=actor.id, why=wanted[:200])
    rescope(session, now, task)
    put_after(session, now, task, waits_for, actor.id)
    held = f" It will wait for {', '.join(task_label(one) for one in waits_for)}." if waits_for else ""
    return Reply(True, f"{task_label(task.id)}: reading the context and the repository to scope it.{held}", task.id)


def approve(
    session: Session,
    now: datetime,
    policy: Policy,
    actor: Actor,
    task_id: int,
    *,
    note: str = "",
    version: int | None = None,
) -> Reply:
    """Approve a plan, or a retry that waits for approval.

    Parameters:
        note: words for the agent, put into its prompt.
        version: the state the person saw; an older one than the row's is refused and explained.
    """
    task = session.get(Task, task_id)
    if task is None:
        return unknown(task_id)
    if task.state is TaskState.PROPOSED:
        return start(session, now, policy, actor, task_id, version=version)
    question = open_question(session, task)
    waits_for_retry = task.state is TaskState.ASKING and question is not None and question.about == "retry"
    if task.state is not TaskState.PLANNED and not waits_for_retry:
        return too_late(session, task, now, (Cause.APPROVED,), "approved")
    if version is not None and version != task.version:
        return Reply(
            False, f"{task_label(task.id)} changed since that button was shown; look at the card again.", task.id
        )
    if waits_for_retry and question is not None:
        question.answer, question.answered_by = "approve", actor.id
        move_question(session, question, QuestionState.ANSWERED, Cause.ANSWERED, now, actor=actor.id)
    move_task(session, task, TaskState.QUEUED, Cause.APPROVED, now, actor=actor.id, why=note)
    if note:
        add_guidance(session, now, task, actor, note)
    if unused_guidance(task):
        rewrite_prompt(session, now, task, PromptFacts(why="guidance"))
    return Reply(True, f"Approved. {task_label(task.id)} is queued for an agent.", task.id)


def edit(session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int, text: str) -> Reply:
    """Send a plan back to scoping with the person's words."""
    task = session.get(Task, task_id)
    if task is None:
        return unknown(task_id)
    if task.state is not TaskState.PLANNED:
        return not_now(task, "edit the plan of")
    if not text.strip():
        return Reply(False, "Say what should be different, for example: `edit only paid invoices`.", task.id)
    move_task(session, task, TaskState.SCOPING, Cause.EDITED, now, actor=actor.id, why=text.strip())
    rescope(session, now, task)
    return Reply(True, f"{task_label(task.id)} is scoped again with your words.", task.id)


def reject(session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int, *, reason: str = "") -> Reply:
    """Drop a task that nobody should work on."""
    task = session.get(Task, task_id)
    if task is None:
        return unknown(task_id)
    if task.state not in {
        TaskState.PROPOSED,
        TaskState.SCOPING,
        TaskState.PLANNED,
        TaskState.ASKING,
        TaskState.NEEDS_HELP,
        TaskState.TAKEN_OVER,
    }:
        return not_now(task, "reject", "Reply `stop` to stop it.")
    if task.state is TaskState.PROPOSED:
        return never(session, now, policy, actor, task_id, reason=reason)
    withdraw_questions(session, now, task)
    unask(session, now, task)
    move_task(session, task, TaskState.DROPPED, Cause.REJECTED, now, actor=actor.id, why=reason)
    return Reply(True, f"{task_label(task.id)} is dropped.", task.id)
