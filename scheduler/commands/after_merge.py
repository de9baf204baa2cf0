"""What people want of a task that is merged: its change taken back, or something more in the light of it."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select

from scheduler.commands.plans import new_request
from scheduler.commands.replies import Actor, Reply, add_guidance, not_now, unknown
from scheduler.comments import is_talk
from scheduler.judging import PromptFacts
from scheduler.lifecycle import Cause, PullState, TaskState
from scheduler.names import branch_name, task_label
from scheduler.policy import Policy
from scheduler.questions import rewrite_prompt
from scheduler.registry.work import PullRequest, Request, Task
from scheduler.registry.writers import move_task, record
from scheduler.requests import file_request

_MOST_FILES = 12


def revert(session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int, *, reason: str = "") -> Reply:
    """Make a task that takes back what a merged one changed, as a pull request of its own that a person merges.

    Parameters:
        reason: why, or what of it; the agent is told.
    """
    task = session.get(Task, task_id)
    if task is None:
        return unknown(task_id)
    if task.state is not TaskState.MERGED:
        return not_now(task, "revert", "Only what is merged can be reverted.")
    pull = _merged_pull(session, task)
    if pull is None or not pull.merge_commit:
        return Reply(False, f"GitHub does not say by which commit {task_label(task.id)} was merged.", task.id)
    key = f"revert:{task.id}:{pull.merge_commit}"
    earlier = _made_before(session, key)
    if earlier is not None:
        hint = " Reply `retry` there." if earlier.state in {TaskState.DROPPED, TaskState.STOPPED} else ""
        return Reply(True, f"{task_label(earlier.id)} takes it back already.{hint}", earlier.id)
    made = file_request(
        session,
        now,
        policy,
        text=f"Revert: {task.title}",
        requester=actor.id,
        source="revert",
        dedupe_key=key,
        channel=task.channel,
        repo=task.repo,
        priority=task.priority,
        priority_reason="asked for by the requester",
    )
    _scope_revert(task, pull, made)
    session.add(made)
    move_task(session, made, TaskState.SCOPING, Cause.START, now, actor=actor.id, why=f"takes back {pull.url}")
    move_task(session, made, TaskState.QUEUED, Cause.POLICY, now, actor=actor.id, why="what is asked for is known")
    if reason.strip():
        add_guidance(session, now, made, actor, reason)
    rewrite_prompt(session, now, made, PromptFacts(why="restarted"))
    why = f"{task_label(made.id)} takes it back"
    record(session, now, what="revert_wanted", actor=actor.id, why=why, task_id=task.id, subject="task")
    return Reply(
        True,
        f"{task_label(made.id)}: an agent reverts {pull.merge_commit[:8]} in a new pull request. You merge it.",
        made.id,
    )


def follow_up(session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int, text: str) -> Reply:
    """Make a task of what people want beyond a merged one, which it is told about. Thanks make none."""
    task = session.get(Task, task_id)
    if task is None:
        return unknown(task_id)
    if is_talk(text):
        words = f"{task_label(task.id)} is merged. Say what more is wanted, or reply `revert` to take it back."
        return Reply(False, words, task.id)
    followers = len(session.exec(select(Task.id).where(Task.follows == task.id)).all())
    reply = new_request(
        session,
        now,
        policy,
        actor,
        text=text,
        source="follow-up",
        dedupe_key=f"follow:{task.id}:{followers + 1}",
        channel=task.channel,
        repo=task.repo,
    )
    made = session.get(Task, reply.task_id) if reply.ok and reply.task_id else None
    if made is None:
        return reply
    made.follows, made.background = task.id, background_of(task, _merged_pull(session, task))
    session.add(made)
    why = f"{task_label(made.id)} follows"
    record(session, now, what="followed_up", actor=actor.id, why=why, task_id=task.id, subject="task")
    return Reply(True, f"{reply.text} It is told what {task_label(task.id)} was about.", made.id)


def background_of(task: Task, pull: PullRequest | None) -> list[str]:
    """What whoever follows a merged task is told about it: one line each. Pure."""
    merged = f", merged as {pull.merge_commit[:12]} ({pull.url})" if pull is not None and pull.merge_commit else ""
    files = _files(task, pull)
    more = f" and {len(files) - _MOST_FILES} more" if len(files) > _MOST_FILES else ""
    lines = [
        f"{task_label(task.id)} {task.title}{merged}",
        f"Its goal: {' '.join(task.goal.split())}" if task.goal else "",
        f"It changed: {', '.join(files[:_MOST_FILES])}{more}" if files else "",
    ]
    return [line for line in lines if line]


def _scope_revert(task: Task, pull: PullRequest, made: Task) -> None:
    sha = pull.merge_commit
    made.follows, made.reverts = task.id, sha
    made.background = background_of(task, pull)
    made.title = f"Revert: {task.title}"
    made.goal = (
        f"Take back what {task_label(task.id)} changed, which was merged as {sha} ({pull.url}). "
        f"First of all run `git revert --no-edit -m 1 {sha}`; where git says that this commit is no merge, run "
        f"`git revert --no-edit {sha}`. If the pull request was merged as several commits, that one is the last of "
        "them: revert the others as well, newest first. Where it conflicts with what came later, keep what came later."
    )
    made.acceptance = [
        f"What {task_label(task.id)} changed is as it was before, its own tests included; nothing else changed.",
        "All other tests and the linter pass.",
    ]
    made.expected_files = _files(task, pull)
    made.base_branch, made.routes = task.base_branch, list(task.routes)
    made.kind, made.size, made.lane, made.lane_reason = task.kind, "small", "full", ""
    made.scoped_by = "rules"
    made.branch = branch_name(made.id or 0, made.title)


def _files(task: Task, pull: PullRequest | None) -> list[str]:
    diff = pull.facts.get("diff") if pull is not None else None
    return list(diff["files"]) if diff else list(task.expected_files)


def _merged_pull(session: Session, task: Task) -> PullRequest | None:
    return session.exec(
        select(PullRequest)
        .where(PullRequest.task_id == task.id, PullRequest.state == PullState.MERGED)
        .order_by(col(PullRequest.id).desc())
    ).first()


def _made_before(session: Session, key: str) -> Task | None:
    return session.exec(
        select(Task).join(Request, col(Task.request_id) == col(Request.id)).where(Request.dedupe_key == key)
    ).first()
