"""The ways in which rows are written by more than one room. All take an open write session and the time.

Each keeps a promise: a state never changes without an event, a message to people stands in the same
transaction as the change that causes it, and the second time that the same thing is written is a no-op.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from scheduler.judging import Kind
from scheduler.lifecycle import AttemptState, Cause, PullState, QuestionState, SignalState, TaskState, move
from scheduler.registry.database import Topic, wake
from scheduler.registry.talk import Event, Fact, Inbox, Ledger, Outbox
from scheduler.registry.work import Attempt, Judgement, PullRequest, Question, Signal, Task

WAGGLE = "waggle"  #: the actor of everything that no person did


def record(
    session: Session,
    now: datetime,
    *,
    what: str,
    actor: str = WAGGLE,
    why: str = "",
    task_id: int | None = None,
    subject: str = "",
    before: str = "",
    after: str = "",
    evidence: Sequence[str] = (),
) -> None:
    """Append one event to the audit log."""
    session.add(
        Event(
            at=now,
            task_id=task_id,
            subject=subject,
            actor=actor,
            what=what,
            why=why,
            before=before,
            after=after,
            evidence=list(evidence),
        )
    )


def move_task(
    session: Session,
    task: Task,
    wanted: TaskState,
    cause: Cause,
    now: datetime,
    *,
    actor: str = WAGGLE,
    why: str = "",
    evidence: Sequence[str] = (),
) -> None:
    """Change a task's state, record why, refresh its card and wake the supervisor.

    Raises:
        IllegalTransitionError: the lifecycle does not allow it.
    """
    step = move(task.state, wanted, cause, task.paused_from)
    if wanted is TaskState.PAUSED:
        task.paused_from = task.state
    elif task.state is TaskState.PAUSED:
        task.paused_from = None
    task.state = wanted
    task.version += 1
    task.updated_at = now
    task.archived_at = None  # whoever takes it up again finds it in the lists
    session.add(task)
    record(
        session,
        now,
        what=cause.value,
        actor=actor,
        why=why,
        task_id=task.id,
        subject="task",
        before=step.before.value,
        after=step.after.value,
        evidence=evidence,
    )
    refresh_card(session, task, now)
    wake(session, Topic.SUPERVISOR)


def move_attempt(
    session: Session,
    attempt: Attempt,
    wanted: AttemptState,
    cause: Cause,
    now: datetime,
    *,
    actor: str = WAGGLE,
    why: str = "",
    evidence: Sequence[str] = (),
) -> None:
    """Change an attempt's state and record why.

    Raises:
        IllegalTransitionError: the lifecycle does not allow it.
    """
    step = move(attempt.state, wanted, cause)
    attempt.state = wanted
    if wanted in {AttemptState.ENDED, AttemptState.LOST, AttemptState.STOPPED, AttemptState.PARKED}:
        attempt.ended_at = attempt.ended_at or now
    session.add(attempt)
    record(
        session,
        now,
        what=cause.value,
        actor=actor,
        why=why,
        task_id=attempt.task_id,
        subject=f"attempt {attempt.name}",
        before=step.before.value,
        after=step.after.value,
        evidence=evidence,
    )
    wake(session, Topic.SUPERVISOR)


def move_question(
    session: Session,
    question: Question,
    wanted: QuestionState,
    cause: Cause,
    now: datetime,
    *,
    actor: str = WAGGLE,
    why: str = "",
) -> None:
    """Change a question's state and record why."""
    step = move(question.state, wanted, cause)
    question.state = wanted
    session.add(question)
    record(
        session,
        now,
        what=cause.value,
        actor=actor,
        why=why,
        task_id=question.task_id,
        subject=f"question {question.id}",
        before=step.before.value,
        after=step.after.value,
    )


def move_pull(
    session: Session,
    pull: PullRequest,
    wanted: PullState,
    cause: Cause,
    now: datetime,
    *,
    actor: str = WAGGLE,
    why: str = "",
) -> None:
    """Change a pull request's state and record why."""
    step = move(pull.state, wanted, cause)
    pull.state = wanted
    session.add(pull)
    record(
        session,
        now,
        what=cause.value,
        actor=actor,
        why=why,
        task_id=pull.task_id,
        subject=f"pull request {pull.number}",
        before=step.before.value,
        after=step.after.value,
    )


def move_signal(
    session: Session,
    signal: Signal,
    wanted: SignalState,
    cause: Cause,
    now: datetime,
    *,
    actor: str = WAGGLE,
    why: str = "",
) -> None:
    """Change a signal's state and record why. Being where it is wanted already only renews the reason."""
    if signal.state is not wanted:
        step = move(signal.state, wanted, cause)
        signal.state = wanted
        record(
            session,
            now,
            what=cause.value,
            actor=actor,
            why=why,
            task_id=signal.task_id,
            subject=f"signal {signal.name or signal.dedupe_key}",
            before=step.before.value,
            after=step.after.value,
        )
    signal.reason, signal.updated_at = why, now
    session.add(signal)


def say(
    session: Session,
    now: datetime,
    *,
    kind: str,
    dedupe_key: str,
    task: Task | None = None,
    head: str = "",
    payload: Mapping[str, Any] | None = None,
) -> bool:
    """Tell people something, once for each `dedupe_key`. False when it was said before."""
    if session.exec(select(Outbox.id).where(Outbox.dedupe_key == dedupe_key)).first() is not None:
        return False
    session.add(
        Outbox(
            dedupe_key=dedupe_key,
            kind=kind,
            task_id=task.id if task else None,
            head=head,
            payload=dict(payload or {}),
            created_at=now,
        )
    )
    wake(session, Topic.OUTBOX)
    return True


def refresh_card(session: Session, task: Task, now: datetime) -> None:
    """Have the task's one card rendered again.

    The row is a wish, not a message: `want` counts how often the card became out of date, and the sender
    remembers up to which wish it rendered, so a hundred changes in a row cost one edit.
    """
    key = f"card:{task.id}"
    row = session.exec(select(Outbox).where(Outbox.dedupe_key == key)).first()
    if row is None:
        row = Outbox(dedupe_key=key, kind="card", task_id=task.id, payload={"want": 0, "done": 0}, created_at=now)
    row.payload = {**row.payload, "want": int(row.payload["want"]) + 1}
    if row.state in {"sent", "failed", "void"}:
        row.state = "pending"
    session.add(row)
    wake(session, Topic.OUTBOX)


def receive(session: Session, now: datetime, *, delivery_key: str, kind: str, payload: Mapping[str, Any]) -> bool:
    """Store one delivery. False when it was delivered before, which then acts no second time."""
    if session.exec(select(Inbox.id).where(Inbox.delivery_key == delivery_key)).first() is not None:
        return False
    session.add(Inbox(delivery_key=delivery_key, kind=kind, payload=dict(payload), received_at=now))
    wake(session, Topic.INBOX)
    return True


def ask(session: Session, now: datetime, *, kind: str, subject: str, task: Task, facts: Mapping[str, Any]) -> Judgement:
    """Put a question to the orchestrator, once for each kind and subject."""
    found = session.exec(select(Judgement).where(Judgement.kind == kind, Judgement.subject == subject)).first()
    if found is not None:
        return found
    assert task.id is not None
    row = Judgement(kind=kind, subject=subject, task_id=task.id, facts=dict(facts), created_at=now)
    session.add(row)
    wake(session, Topic.JUDGEMENTS)
    return row


def unask(session: Session, now: datetime, task: Task) -> None:
    """What was asked for a task's next step is void: the task goes another way, and an answer would come in between.

    Reviews stay: they are about a commit, whatever its task does.
    """
    rows = session.exec(
        select(Judgement).where(
            Judgement.task_id == task.id, col(Judgement.state).in_(["asked", "answered"]), Judgement.kind != Kind.REVIEW
        )
    ).all()
    for row in rows:
        row.state = "void"
        session.add(row)
        record(session, now, what="void", task_id=task.id, subject=f"judgement {row.kind}", why=row.subject)


def pay(
    session: Session,
    now: datetime,
    *,
    key: str,
    purpose: str,
    task_id: int | None,
    attempt_id: int | None = None,
    model: str = "",
    tokens_input: int = 0,
    tokens_cached: int = 0,
    tokens_output: int = 0,
    cost_usd: float = 0.0,
) -> None:
    """Record what something cost. The same `key` again replaces the figures instead of adding to them."""
    row = session.exec(select(Ledger).where(Ledger.key == key)).first() or Ledger(key=key, at=now, purpose=purpose)
    row.at = now
    row.task_id = task_id
    row.attempt_id = attempt_id
    row.model = model
    row.tokens_input = tokens_input
    row.tokens_cached = tokens_cached
    row.tokens_output = tokens_output
    row.cost_usd = cost_usd
    session.add(row)


def remember(session: Session, now: datetime, key: str, value: Mapping[str, Any]) -> None:
    """Write one small fact."""
    row = session.get(Fact, key) or Fact(key=key, at=now)
    row.value = dict(value)
    row.at = now
    session.add(row)


def recall(session: Session, key: str) -> dict[str, Any] | None:
    """Read one small fact; None when it was never written."""
    row = session.get(Fact, key)
    return None if row is None else dict(row.value)
