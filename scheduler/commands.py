"""What people can do to a task, from Slack or the command line, as changes of rows.

Each function takes an open write session, says in one sentence what it did or why it did not, and leaves
the side effects to the supervisor, which the change wakes. Who is allowed to call them was decided before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from scheduler.judging import DiagnoseFacts, Kind, PromptFacts
from scheduler.lifecycle import Cause, PullState, QuestionState, TaskState
from scheduler.names import task_label
from scheduler.policy import Policy
from scheduler.questions import open_question, rewrite_prompt, settle_question, withdraw_questions
from scheduler.registry.talk import Event
from scheduler.registry.work import PullRequest, Request, Task
from scheduler.registry.writers import ask, move_question, move_task, record, refresh_card, say
from scheduler.scoping import rescope

_TITLE_LENGTH = 80
_IN_WORDS = {
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
    """Take in a request and have it scoped. The same `dedupe_key` again names the task that it made before."""
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
    request = Request(
        dedupe_key=dedupe_key,
        text=text.strip(),
        requester=actor.id,
        source=source,
        channel=channel,
        thread_ts=thread_ts,
        permalink=permalink,
        created_at=now,
    )
    session.add(request)
    session.flush()
    assert request.id is not None
    task = Task(
        request_id=request.id,
        state=TaskState.PROPOSED,
        title=wanted if len(wanted) <= _TITLE_LENGTH else wanted[: _TITLE_LENGTH - 1] + "…",
        repo=repo,
        priority=priority or "p2",
        priority_reason="asked for by the requester" if priority else "",
        requester=actor.id,
        channel=channel,
        thread_ts=thread_ts,
        budget_usd=policy.budget.task_usd,
        budget_tokens=policy.budget.task_tokens,
        created_at=now,
        updated_at=now,
    )
    session.add(task)
    session.flush()
    move_task(session, task, TaskState.SCOPING, Cause.START, now, actor=actor.id, why=wanted[:200])
    rescope(session, now, task)
    return Reply(True, f"{task_label(task.id)}: reading the context and the repository to scope it.", task.id)


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
        return _unknown(task_id)
    question = open_question(session, task)
    waits_for_retry = task.state is TaskState.ASKING and question is not None and question.about == "retry"
    if task.state is not TaskState.PLANNED and not waits_for_retry:
        return _too_late(session, task, now, (Cause.APPROVED,), "approved")
    if version is not None and version != task.version:
        return Reply(
            False, f"{task_label(task.id)} changed since that button was shown; look at the card again.", task.id
        )
    if waits_for_retry and question is not None:
        question.answer, question.answered_by = "approve", actor.id
        move_question(session, question, QuestionState.ANSWERED, Cause.ANSWERED, now, actor=actor.id)
    move_task(session, task, TaskState.QUEUED, Cause.APPROVED, now, actor=actor.id, why=note)
    if note:
        _add_guidance(session, now, task, actor, note)
    if _unused_guidance(task):
        rewrite_prompt(session, now, task, PromptFacts(why="guidance"))
    return Reply(True, f"Approved. {task_label(task.id)} is queued for an agent.", task.id)


def edit(session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int, text: str) -> Reply:
    """Send a plan back to scoping with the person's words."""
    task = session.get(Task, task_id)
    if task is None:
        return _unknown(task_id)
    if task.state is not TaskState.PLANNED:
        return _not_now(task, "edit the plan of")
    if not text.strip():
        return Reply(False, "Say what should be different, for example: `edit only paid invoices`.", task.id)
    move_task(session, task, TaskState.SCOPING, Cause.EDITED, now, actor=actor.id, why=text.strip())
    rescope(session, now, task)
    return Reply(True, f"{task_label(task.id)} is scoped again with your words.", task.id)


def reject(session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int, *, reason: str = "") -> Reply:
    """Drop a task that nobody should work on."""
    task = session.get(Task, task_id)
    if task is None:
        return _unknown(task_id)
    cause = Cause.NEVER if task.state is TaskState.PROPOSED else Cause.REJECTED
    if task.state not in {
        TaskState.PROPOSED,
        TaskState.SCOPING,
        TaskState.PLANNED,
        TaskState.ASKING,
        TaskState.NEEDS_HELP,
        TaskState.TAKEN_OVER,
    }:
        return _not_now(task, "reject", "Reply `stop` to stop it.")
    withdraw_questions(session, now, task)
    move_task(session, task, TaskState.DROPPED, cause, now, actor=actor.id, why=reason)
    return Reply(True, f"{task_label(task.id)} is dropped.", task.id)


def retry(session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int, *, guidance: str = "") -> Reply:
    """One more attempt, with the person's words in its prompt."""
    task = session.get(Task, task_id)
    if task is None:
        return _unknown(task_id)
    guidance = guidance.strip()
    if guidance:
        _add_guidance(session, now, task, actor, guidance)
    told = " It will be told what you wrote." if guidance else ""
    match task.state:
        case TaskState.NEEDS_HELP:
            task.extra_attempts += 1
            evidence = tuple(task.help_evidence)
            _clear_help(task)
            move_task(session, task, TaskState.QUEUED, Cause.PERSON_RETRY, now, actor=actor.id, why=guidance)
            _diagnose_for_person(session, now, task, guidance, evidence)
            return Reply(True, f"{task_label(task.id)} goes on with one more attempt.{told}", task.id)
        case TaskState.STOPPED | TaskState.DROPPED:
            task.extra_attempts += 1
            task.cleaned_at = None
            move_task(session, task, TaskState.QUEUED, Cause.PERSON_RESTARTED, now, actor=actor.id, why=guidance)
            if task.repo and task.goal:
                _diagnose_for_person(session, now, task, guidance, ())
            return Reply(True, f"{task_label(task.id)} starts again.{told}", task.id)
        case TaskState.ASKING:
            question = open_question(session, task)
            if question is not None and question.about == "retry":
                return approve(session, now, policy, actor, task_id)
            return _not_now(task, "retry", "Reply `answer …` first.")
        case TaskState.VERIFYING | TaskState.READY:
            if not guidance:
                return Reply(False, "Say what should change, for example: `retry use semicolons`.", task.id)
            move_task(session, task, TaskState.DIAGNOSING, Cause.PEOPLE_COMMENTED, now, actor=actor.id, why=guidance)
            _diagnose(
                session, now, task, f"thread:{task.id}:v{task.version}", "people", f"{actor.name or actor.id} wrote it"
            )
            return Reply(True, f"{task_label(task.id)} goes back to the agent with your words.", task.id)
        case TaskState.PAUSED:
            return _not_now(task, "retry", "Reply `resume` first.")
        case _ if guidance:
            return Reply(
                True, f"Noted. {task_label(task.id)} {_IN_WORDS[task.state]}; the next prompt holds it.", task.id
            )
        case _:
            return _not_now(task, "retry")


def stop(session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int, *, reason: str = "") -> Reply:
    """Stop a task at once. Its work is kept."""
    task = session.get(Task, task_id)
    if task is None:
        return _unknown(task_id)
    if task.state in {TaskState.MERGED, TaskState.STOPPED, TaskState.DROPPED}:
        return Reply(False, f"{task_label(task.id)} {_IN_WORDS[task.state]} already; nothing runs.", task.id)
    withdraw_questions(session, now, task)
    move_task(session, task, TaskState.STOPPED, Cause.STOPPED, now, actor=actor.id, why=reason)
    say(session, now, kind="stopped", dedupe_key=f"stopped:{task.id}:v{task.version}", task=task)
    return Reply(True, f"Stopping {task_label(task.id)}. Its work is kept; `retry` goes on with it.", task.id)


def pause(session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int) -> Reply:
    """Pause a task; `resume` goes back to where it was."""
    task = session.get(Task, task_id)
    if task is None:
        return _unknown(task_id)
    if task.state in {TaskState.MERGED, TaskState.DROPPED, TaskState.STOPPED, TaskState.PAUSED}:
        return _not_now(task, "pause")
    move_task(session, task, TaskState.PAUSED, Cause.PAUSED, now, actor=actor.id)
    return Reply(True, f"{task_label(task.id)} is paused. `resume` goes on.", task.id)


def resume(session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int) -> Reply:
    """Go on with a paused task."""
    task = session.get(Task, task_id)
    if task is None:
        return _unknown(task_id)
    if task.state is not TaskState.PAUSED or task.paused_from is None:
        return _not_now(task, "resume")
    move_task(session, task, task.paused_from, Cause.RESUMED, now, actor=actor.id)
    return Reply(True, f"{task_label(task.id)} goes on: it {_IN_WORDS[task.state]}.", task.id)


def answer(session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int, text: str) -> Reply:
    """Answer the task's open question."""
    task = session.get(Task, task_id)
    if task is None:
        return _unknown(task_id)
    question = open_question(session, task)
    if task.state is not TaskState.ASKING or question is None:
        return Reply(False, f"{task_label(task.id)} has no open question.", task.id)
    said = text.strip()
    if not said:
        return Reply(False, "Write the answer behind the word: `answer …`.", task.id)
    if question.about == "retry":
        return retry(session, now, policy, actor, task_id, guidance=said)
    settle_question(session, now, task, question, said, actor.id, QuestionState.ANSWERED, Cause.ANSWERED)
    return Reply(True, f"Thanks. {task_label(task.id)} goes on with “{said}”.", task.id)


def guide(session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int, text: str) -> Reply:
    """Words in the thread without a verb: an answer when one is waited for, guidance otherwise."""
    task = session.get(Task, task_id)
    if task is None:
        return _unknown(task_id)
    question = open_question(session, task)
    if task.state is TaskState.ASKING and question is not None and question.about != "retry":
        return answer(session, now, policy, actor, task_id, text)
    if task.state in {TaskState.MERGED, TaskState.DROPPED}:
        return Reply(False, f"{task_label(task.id)} {_IN_WORDS[task.state]}; write a new request for more.", task.id)
    _add_guidance(session, now, task, actor, text)
    refresh_card(session, task, now)
    hints = {
        TaskState.PLANNED: "It goes into the prompt when you approve; `edit …` scopes again instead.",
        TaskState.NEEDS_HELP: "Reply `retry` to start an attempt that is told.",
        TaskState.READY: "Reply `retry` followed by what should change to send it back.",
        TaskState.VERIFYING: "It is kept for the next attempt; `retry …` sends it back now.",
        TaskState.STOPPED: "Reply `retry` to start again with it.",
    }
    return Reply(True, "Noted for the next attempt. " + hints.get(task.state, ""), task.id)


def take_over(session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int) -> Reply:
    """A person goes on with the branch by hand."""
    task = session.get(Task, task_id)
    if task is None:
        return _unknown(task_id)
    if task.state is not TaskState.NEEDS_HELP:
        return _not_now(task, "take over")
    _clear_help(task)
    move_task(session, task, TaskState.TAKEN_OVER, Cause.TAKEN_OVER, now, actor=actor.id)
    return Reply(
        True,
        f"{task_label(task.id)} is yours: branch `{task.branch}`. Reply `giveback` when it should be verified.",
        task.id,
    )


def give_back(session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int) -> Reply:
    """The person is done; Waggle holds the pull request against the definition of done again."""
    task = session.get(Task, task_id)
    if task is None:
        return _unknown(task_id)
    if task.state is not TaskState.TAKEN_OVER:
        return _not_now(task, "give back")
    pull = session.exec(
        select(PullRequest).where(PullRequest.task_id == task.id, PullRequest.state == PullState.OPEN)
    ).first()
    if pull is None:
        return Reply(False, f"{task_label(task.id)} has no open pull request to verify; open one first.", task.id)
    move_task(session, task, TaskState.VERIFYING, Cause.GIVEN_BACK, now, actor=actor.id)
    return Reply(True, f"{task_label(task.id)} is verified again.", task.id)


# --- what several commands share ------------------------------------------------------------------------------


def _diagnose_for_person(session: Session, now: datetime, task: Task, guidance: str, evidence: tuple[str, ...]) -> None:
    _diagnose(session, now, task, f"retry:{task.id}:v{task.version}", "person_retry", guidance, evidence)


def _diagnose(
    session: Session,
    now: datetime,
    task: Task,
    subject: str,
    cause: str,
    message: str,
    evidence: tuple[str, ...] = (),
) -> None:
    task.next_prompt = ""
    session.add(task)
    facts: dict[str, Any] = DiagnoseFacts(cause=cause, message=message, evidence=evidence).model_dump(mode="json")
    ask(session, now, kind=Kind.DIAGNOSE, subject=subject, task=task, facts=facts)


def _add_guidance(session: Session, now: datetime, task: Task, actor: Actor, text: str) -> None:
    entry = {"at": now.isoformat(), "by": actor.id, "text": text.strip(), "used_in": ""}
    task.guidance = [*task.guidance, entry]
    session.add(task)
    record(session, now, what="guidance", actor=actor.id, why=text.strip(), task_id=task.id, subject="task")


def _unused_guidance(task: Task) -> bool:
    return any(not entry["used_in"] for entry in task.guidance)


def _clear_help(task: Task) -> None:
    task.help_cause = ""
    task.help_evidence = []


def _unknown(task_id: int) -> Reply:
    return Reply(False, f"There is no {task_label(task_id)}. `status` lists the tasks.")


def _not_now(task: Task, verb: str, hint: str = "") -> Reply:
    text = f"I cannot {verb} {task_label(task.id)} now: it {_IN_WORDS[task.state]}. {hint}"
    return Reply(False, text.strip(), task.id)


def _too_late(session: Session, task: Task, now: datetime, causes: tuple[Cause, ...], verb: str) -> Reply:
    done = session.exec(
        select(Event)
        .where(Event.task_id == task.id, Event.subject == "task", col(Event.what).in_([c.value for c in causes]))
        .order_by(col(Event.id).desc())
    ).first()
    if done is None:
        return _not_now(task, "approve")
    minutes = int((now - done.at).total_seconds() // 60)
    who = f"<@{done.actor}>" if done.actor.startswith("U") else done.actor
    ago = "just now" if minutes < 1 else f"{minutes} min ago"
    return Reply(
        False, f"{task_label(task.id)} was {verb} already by {who} {ago}; it {_IN_WORDS[task.state]}.", task.id
    )
