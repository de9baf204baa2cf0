"""Rows that have done their work and are let go of after a time, so that the registry does not grow for ever.

Tasks, attempts, events and the ledger stay: they are the account of what happened and what it cost. Tasks that are
finished for long are archived: they leave the lists, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from scheduler.lifecycle import TaskState
from scheduler.policy import Keep
from scheduler.registry.talk import Fact, Inbox, Outbox
from scheduler.registry.work import Task
from scheduler.registry.writers import recall, record, remember

COUNTS = "let go"  #: the fact that counts what was let go of since this home was made
_MOST = 1000  #: rows in one transaction; other writers wait meanwhile


def let_go_of_rows(session: Session, now: datetime, keep: Keep) -> dict[str, int]:
    """Delete what is over and older than `keep.rows_s`; the counts by table. A card's row stays with its task.

    Messages of a task that goes on stay too: their keys keep them from being said twice. The newest delivery stays,
    because what Slack sent while Waggle was away is looked for from there on.
    """
    before = now - timedelta(seconds=keep.rows_s)
    over = select(Task.id).where(
        col(Task.state).in_([TaskState.MERGED, TaskState.DROPPED]), col(Task.cleaned_at).is_not(None)
    )
    said = session.exec(
        select(Outbox)
        .where(
            col(Outbox.state).in_(["sent", "void", "failed"]),
            Outbox.kind != "card",
            func.coalesce(Outbox.sent_at, Outbox.created_at) < before,
            col(Outbox.task_id).is_(None) | col(Outbox.task_id).in_(over),
        )
        .limit(_MOST)
    ).all()
    newest = session.exec(select(func.max(Inbox.id))).one()
    heard = session.exec(
        select(Inbox)
        .where(
            col(Inbox.state).in_(["done", "failed"]),
            func.coalesce(Inbox.handled_at, Inbox.received_at) < before,
            Inbox.id != newest,
        )
        .limit(_MOST)
    ).all()
    gone = session.exec(select(Task.id).where(col(Task.cleaned_at).is_not(None))).all()
    marks = {f"{what}:t-{task_id}" for task_id in gone for what in ("installed", "likely")}
    facts = [one for one in session.exec(select(Fact)).all() if one.key in marks]
    for row in (*said, *heard, *facts):
        session.delete(row)
    counts = {"outbox": len(said), "inbox": len(heard)}
    count(session, now, counts)
    return counts


def archive(session: Session, now: datetime, keep: Keep) -> int:
    """Leave finished tasks out of the lists after a time; how many. Everything about them stays, costs included."""
    rows = session.exec(
        select(Task)
        .where(
            col(Task.state).in_([TaskState.MERGED, TaskState.DROPPED]),
            col(Task.archived_at).is_(None),
            col(Task.cleaned_at).is_not(None) | (col(Task.branch) == ""),
            col(Task.updated_at) < now - timedelta(seconds=keep.listed_s),
        )
        .limit(_MOST)
    ).all()
    for task in rows:
        task.archived_at = now
        session.add(task)
        record(session, now, what="archived", task_id=task.id, subject="task")
    return len(rows)


def count(session: Session, now: datetime, more: Mapping[str, int]) -> None:
    """Add to the counts of what was let go of."""
    if not any(more.values()):
        return
    known = recall(session, COUNTS) or {}
    remember(session, now, COUNTS, {**known, **{what: int(known.get(what, 0)) + n for what, n in more.items()}})
