"""Where a task is shown: its channel and thread, and what becomes of it when the channel is lost."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from bot.slack.values import SlackValues
from scheduler.registry import Task
from scheduler.registry.writers import refresh_card


def place_of(task: Task, values: SlackValues) -> tuple[str, str]:
    """Channel and thread in which a task is shown; the channel is empty when only a person can be written to."""
    return task.channel or values.work_channel(task.repo), task.thread_ts


def settle(session: Session, task_id: int, channel: str, thread_ts: str, card_ts: str) -> None:
    """Remember where the card is. A task without a thread lives in the thread of its card."""
    task = _task(session, task_id)
    task.channel = channel
    task.card_ts = card_ts
    task.thread_ts = thread_ts or card_ts
    session.add(task)


def anchor(session: Session, task_id: int | None, channel: str, ts: str) -> None:
    """Something of a task that has no thread yet was said in the channel: that message opens the thread."""
    task = _task(session, task_id)
    if not task.thread_ts:
        task.channel, task.thread_ts = channel, ts
        session.add(task)


def move(session: Session, now: datetime, task_id: int, channel: str) -> None:
    """Show the task somewhere else from now on: its old channel is gone. Its card goes with it."""
    task = _task(session, task_id)
    task.channel, task.thread_ts, task.card_ts = channel, "", ""
    session.add(task)
    refresh_card(session, task, now)


def _task(session: Session, task_id: int | None) -> Task:
    task = session.get(Task, task_id)
    assert task is not None
    return task
