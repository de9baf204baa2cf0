"""One pull request of a repository is brought up to its base at a time; the others wait for their turn.

Two that are mended side by side would conflict again as soon as the first of them is merged. And a merge that was
resolved by an agent is believed only when what the pull request added before is still in it.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from sqlmodel import Session, col, select

from scheduler.lifecycle import TaskState
from scheduler.names import task_label
from scheduler.registry.work import Task
from scheduler.registry.writers import refresh_card

CONFLICT = "conflict"
_IN_ITS_TURN = (TaskState.DIAGNOSING, TaskState.QUEUED, TaskState.RUNNING)


def whose_turn(session: Session, task: Task) -> Task | None:
    """Another task of the repository whose conflict is being resolved now; one that waits for a person is passed."""
    return session.exec(
        select(Task)
        .where(
            Task.repo == task.repo,
            Task.id != task.id,
            Task.repairs == CONFLICT,
            col(Task.state).in_(_IN_ITS_TURN),
        )
        .order_by(col(Task.id))
    ).first()


def wait_in_line(session: Session, now: datetime, task: Task, first: Task | None) -> None:
    """Say on the card for whom the task waits with its conflict, or that it waits no more."""
    text = f"waits for {task_label(first.id)}, which is brought up to the base branch first" if first else ""
    if task.waits_for != text:
        task.waits_for = text
        session.add(task)
        refresh_card(session, task, now)


def added_lines(diff: str) -> Counter[str]:
    """The lines that a unified diff adds, without their indentation and without blank ones."""
    inside = False
    found: Counter[str] = Counter()
    for line in diff.splitlines():
        if line.startswith("diff --git "):
            inside = False
        elif line.startswith("@@"):
            inside = True
        elif inside and line.startswith("+") and line[1:].strip():
            found[" ".join(line[1:].split())] += 1
    return found


def lost_lines(before: str, after: str) -> tuple[str, ...]:
    """What a pull request added before its conflict was resolved and does not add any more. Pure.

    Parameters:
        before: its diff against the base of then.
        after: its diff against the base of now.
    """
    return tuple((added_lines(before) - added_lines(after)).elements())
