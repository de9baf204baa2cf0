"""What a task waits for: `after:T-3` in people's words, held until T-3 is merged, and a question when it never will be.

Reading words and refusing them is here, as is the question; that a task is held is decided in `dispatch`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from scheduler.lifecycle import Cause, TaskState
from scheduler.names import task_label
from scheduler.questions import put_question
from scheduler.registry.work import Task
from scheduler.registry.writers import record, refresh_card

ABOUT = "dependency"
GO_ON, DROP = "go on", "drop"
GONE = frozenset({TaskState.DROPPED, TaskState.STOPPED})

_AFTER = re.compile(r"(?<![\w:/.-])after:\s*(?P<ids>T-\d{1,9}(?:\s*,\s*T-\d{1,9})*)(?![\w/-])", re.IGNORECASE)
_ID = re.compile(r"T-(\d{1,9})", re.IGNORECASE)


def read_labels(text: str) -> tuple[int, ...]:
    """The task ids in `T-3, T-4`, each once."""
    return tuple(dict.fromkeys(int(found) for found in _ID.findall(text)))


def split_after(text: str) -> tuple[str, tuple[int, ...]]:
    """A request without its `after:T-3`, and the ids that it named."""
    ids = read_labels(" ".join(found["ids"] for found in _AFTER.finditer(text)))
    return (" ".join(_AFTER.sub(" ", text).split()), ids) if ids else (text, ())


def circle(task_id: int, wanted: Iterable[int], after: Mapping[int, Sequence[int]]) -> tuple[int, ...]:
    """The chain from one of `wanted` back to `task_id`; empty when there is none. Pure.

    Parameters:
        after: what each task waits for already.
    """
    ways: list[tuple[int, ...]] = [(first,) for first in wanted]
    seen: set[int] = set()
    while ways:
        way = ways.pop()
        if way[-1] == task_id:
            return way
        if way[-1] not in seen:
            seen.add(way[-1])
            ways += [(*way, further) for further in after.get(way[-1], ())]
    return ()


def refuse(session: Session, ids: Sequence[int], task: Task | None = None) -> str:
    """Why a task, or a request that is no task yet, cannot wait for these; empty when it can."""
    rows = {row.id: row for row in session.exec(select(Task).where(col(Task.id).in_(list(ids)))).all()}
    for one in ids:
        if one not in rows:
            return f"There is no {task_label(one)}, so nothing can wait for it. `status` lists the tasks."
        if rows[one].state in GONE:
            return (
                f"{task_label(one)} is {rows[one].state.value} and will not be merged, so nothing can wait for it. "
                f"Leave it out, or `retry` it first."
            )
    if task is None or task.id is None:
        return ""
    if task.id in ids:
        return f"{task_label(task.id)} cannot wait for itself."
    known = {row.id: row.after for row in session.exec(select(Task)).all() if row.id is not None and row.after}
    way = circle(task.id, ids, known)
    if way:
        chain = " waits for ".join(task_label(one) for one in way)
        return f"{task_label(task.id)} cannot wait for {task_label(way[0])}: {chain}, and both would wait for ever."
    return ""


def open_ones(session: Session, task: Task) -> tuple[int, ...]:
    """What the task still waits for: everything that is not merged."""
    if not task.after:
        return ()
    rows = session.exec(select(Task.id).where(col(Task.id).in_(task.after), Task.state != TaskState.MERGED)).all()
    return tuple(one for one in task.after if one in rows)


def ask_about_gone(session: Session, now: datetime, task: Task) -> bool:
    """Ask a person, once, what becomes of a queued task that waits for one that will not be merged."""
    if task.state is not TaskState.QUEUED or not task.after:
        return False
    rows = session.exec(
        select(Task).where(col(Task.id).in_(task.after), col(Task.state).in_(list(GONE))).order_by(col(Task.id))
    ).all()
    if not rows:
        return False
    what = " and ".join(f"{task_label(row.id)} ({row.title}) is {row.state.value}" for row in rows)
    put_question(
        session,
        now,
        task,
        Cause.DEPENDENCY_GONE,
        about=ABOUT,
        text=f"{task_label(task.id)} waits for what will not be merged: {what}. Shall it go on without, or be dropped?",
        options=(GO_ON, DROP),
    )
    return True


def forget_gone(session: Session, now: datetime, task: Task, by: str) -> None:
    """It goes on without the ones that will not be merged."""
    rows = session.exec(select(Task.id).where(col(Task.id).in_(task.after), col(Task.state).in_(list(GONE)))).all()
    put_after(session, now, task, [one for one in task.after if one not in rows], by)


def put_after(session: Session, now: datetime, task: Task, ids: Sequence[int], by: str) -> None:
    """Record what a task waits for from now on."""
    if list(ids) == task.after:
        return
    task.after = list(ids)
    why = ", ".join(task_label(one) for one in ids) or "nothing"
    record(session, now, what="after", actor=by, why=why, task_id=task.id, subject="task")
    refresh_card(session, task, now)
