"""Acting on the orchestrator's scope: the plan that a person approves, or the one question that is missing."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session

from scheduler.failures import put_prompt
from scheduler.judging import ScopedTask
from scheduler.lifecycle import Cause, TaskState
from scheduler.names import branch_name
from scheduler.policy import Policy
from scheduler.questions import put_question
from scheduler.registry.work import Judgement, Task
from scheduler.registry.writers import move_task


def apply_scope(session: Session, now: datetime, policy: Policy, row: Judgement) -> None:
    """Turn an answered scope into a plan, or ask the one question that is missing."""
    task = session.get(Task, row.task_id)
    assert task is not None and task.id is not None
    row.state = "used"
    session.add(row)
    if task.state is not TaskState.SCOPING:
        return
    said = ScopedTask.model_validate(row.answer)
    task.scoped_by = row.answered_by
    if not said.clear:
        put_question(
            session,
            now,
            task,
            Cause.TOO_VAGUE,
            about="scope",
            text=said.question or "What exactly should be different when this is done?",
            options=said.options,
            deadline=now + timedelta(seconds=policy.question_deadline_s),
        )
        return
    repository = policy.repository(said.repo)
    task.repo = said.repo
    task.base_branch = repository.base_branch if repository else ""
    task.title = said.title
    task.goal = said.goal
    task.acceptance = list(said.acceptance)
    task.expected_files = list(said.expected_files)
    task.kind, task.size, task.lane, task.lane_reason = said.kind, said.size, said.lane, said.lane_reason
    if task.priority_reason != "asked for by the requester":
        task.priority, task.priority_reason = said.priority, said.priority_reason
    task.routes = [route.model_dump(mode="json") for route in said.routes]
    task.citations = [citation.model_dump(mode="json") for citation in said.citations]
    task.branch = task.branch or branch_name(task.id, said.title)
    put_prompt(session, now, task, said.prompt, False, "")
    if policy.approve_plans:
        move_task(session, task, TaskState.PLANNED, Cause.NEEDS_APPROVAL, now, why=said.priority_reason)
    else:
        move_task(session, task, TaskState.QUEUED, Cause.POLICY, now, why="plans need no approval here")
