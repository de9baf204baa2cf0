"""A signal becomes a task that waits for a person, with everything on its card that they need to decide."""

from __future__ import annotations

import re
from datetime import datetime

from sqlmodel import Session

from scheduler.discovery.facts import ErrorFacts, read_facts
from scheduler.lifecycle import Cause, SignalState
from scheduler.names import task_label
from scheduler.policy import Policy
from scheduler.registry.work import Signal, Task
from scheduler.registry.writers import move_signal, record, refresh_card
from scheduler.requests import file_request

_MESSAGE = 160
_ADDRESS = re.compile(r"\b\w+://\S+|\bwww\.\S+")


def promote(session: Session, now: datetime, policy: Policy, row: Signal) -> Task:
    """Propose a task for a signal. Nothing runs until a person starts it."""
    facts = read_facts(row)
    earlier = task_label(row.task_id) if row.task_id is not None else ""
    row.proposals += 1
    urgent = facts.issue.level == "fatal" or bool(row.fixes)
    task = file_request(
        session,
        now,
        policy,
        text=wanted(facts),
        requester=f"signal:{row.id}",
        source="signal",
        dedupe_key=f"signal:{row.id}:{row.proposals}",
        channel=policy.errors.channel,
        permalink=row.url,
        repo=row.repo,
        priority="p1" if urgent else "p2",
        priority_reason=f"it came back after {earlier}" if row.fixes else "",
    )
    row.task_id = task.id
    label = task_label(task.id)
    move_signal(session, row, SignalState.PROPOSED, Cause.PASSED, now, why=f"{label} is proposed for it")
    evidence = [f"{one['name']}: {one['why']}" for one in row.gates]
    record(
        session,
        now,
        what="proposed",
        why=f"{row.name}: {row.title}",
        task_id=task.id,
        subject="task",
        evidence=evidence,
    )
    refresh_card(session, task, now)
    return task


def wanted(facts: ErrorFacts) -> str:
    """What is to be done, in one sentence. The exception's words are data: on one line, short, without addresses."""
    issue, event = facts.issue, facts.event
    kind = (event.kind if event else "") or issue.kind or "an error"
    message = (event.message if event else "") or issue.message
    said = _ADDRESS.sub("…", " ".join(message.split()))[:_MESSAGE].strip()
    where = facts.places[-1] if facts.places else None
    at = f" in {where.function or where.path}" if where else ""
    return f"Fix {kind}{at}{': ' + said if said else ''}"
