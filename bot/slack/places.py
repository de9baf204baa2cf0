"""Where a task is shown: its channel and thread, and what becomes of it when the channel is lost."""

from __future__ import annotations

from sqlmodel import Session

from bot.slack.values import SlackValues
from scheduler.registry import Task


def place_of(task: Task, values: SlackValues) -> tuple[str, str]:
    """Channel and thread in which a task is shown; the channel is empty when only its requester can be written to."""
    return task.channel or values.work_channel(task.repo), task.thread_ts


def settle(session: Session, task_id: int, channel: str, thread_ts: str, card_ts: str) -> None:
    """Remember where the card is. A task without a thread lives in the thread of its card."""
    task = session.get(Task, task_id)
    assert task is not None
    task.channel = channel
    task.card_ts = card_ts
    task.thread_ts = thread_ts or card_ts
    session.add(task)


def move(session: Session, task_id: int, channel: str) -> None:
    """Show the task somewhere else from now on: its old channel is gone."""
    task = session.get(Task, task_id)
    assert task is not None
    task.channel, task.thread_ts, task.card_ts = channel, "", ""
    session.add(task)
