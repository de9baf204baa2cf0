"""Outbox rows to messages, at the moment of sending: what is out of date by then is not sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from bot.slack.shown import task_facts
from bot.slack.values import SlackValues
from bot.slack.views import messages
from bot.slack.views.budget import Message
from bot.slack.views.card import card
from bot.slack.views.facts import TaskFacts
from scheduler.lifecycle import QuestionState, TaskState
from scheduler.policy import Policy
from scheduler.registry import Event, Outbox, Question, Task


@dataclass(frozen=True)
class Rendered:
    """What to send for a row.

    Attributes:
        message: None when there is nothing to send any more (`why`) or not yet (`later`).
        edits, channel: the message to edit instead of posting a new one.
    """

    message: Message | None = None
    task: Task | None = None
    edits: str = ""
    channel: str = ""
    why: str = ""
    later: bool = False


def render(session: Session, row: Outbox, policy: Policy, values: SlackValues, secrets: tuple[str, ...]) -> Rendered:
    """The message of a row that belongs to a task, as things are now."""
    task = session.get(Task, row.task_id)
    if task is None:
        return Rendered(why="the task is gone")
    facts = task_facts(session, policy, values.missing, task)
    payload = row.payload
    match row.kind:
        case "card":
            # While it is being scoped there is nothing to show yet: the plan is the card's first appearance.
            early = task.state is TaskState.SCOPING and not task.card_ts
            return Rendered(task=task, later=True) if early else Rendered(card(facts), task)
        case "question":
            asked = session.get(Question, payload.get("question_id"))
            if asked is None or asked.state is not QuestionState.OPEN:
                return Rendered(task=task, why="the question is no longer open")
            return Rendered(messages.question(facts, asked), task)
        case "needs_help":
            if task.state is not TaskState.NEEDS_HELP:
                return Rendered(task=task, why=f"the task is {task.state} by now")
            return Rendered(messages.needs_help(facts, secrets), task)
        case "pr_ready":
            if facts.pull is None or facts.pull.head_sha != row.head or task.state is not TaskState.READY:
                return Rendered(task=task, why="the head commit has moved or the task went on")
            said = _said_ready(session, task, row.head)
            if said is not None:  # it was withdrawn since: one message for each head commit
                return Rendered(messages.pr_ready(facts), task, said.ts, said.channel)
            return Rendered(messages.pr_ready(facts), task)
        case "pictures":
            if facts.pull is None or facts.pull.head_sha != row.head:
                return Rendered(task=task, why="the head commit has moved")
            if not task.card_ts:
                return Rendered(task=task, later=True)
            return Rendered(messages.pictures(facts, str(payload.get("url", ""))), task)
        case "ready_withdrawn":
            said = _said_ready(session, task, row.head)
            if said is None:
                return Rendered(task=task, why="nobody was told that it is ready")
            withdrawn = messages.ready_withdrawn(facts, row.head, str(payload.get("why", "")))
            return Rendered(withdrawn, task, said.ts, said.channel)
        case "merged":
            return Rendered(messages.merged(facts, str(payload.get("by", ""))), task)
        case "closed":
            return Rendered(messages.closed(facts, str(payload.get("by", ""))), task)
        case "stopped":
            return Rendered(messages.stopped(facts), task)
        case "budget":
            return Rendered(_budget(facts, payload), task)
        case "note":
            return Rendered(messages.note(str(payload.get("text", ""))), task)
        case _:
            return Rendered(task=task, why=f"nobody knows how to say {row.kind}")


def _budget(facts: TaskFacts, payload: Mapping[str, Any]) -> Message:
    percent = int(payload.get("percent", 0))
    if "shared" not in payload:
        return messages.budget(facts, percent, str(payload.get("spent", "")))
    return messages.shared_budget(facts, percent, payload["shared"], datetime.fromisoformat(payload["until"]))


def _said_ready(session: Session, task: Task, head: str) -> Outbox | None:
    return session.exec(
        select(Outbox).where(
            Outbox.task_id == task.id, Outbox.kind == "pr_ready", Outbox.head == head, Outbox.state == "sent"
        )
    ).first()


@dataclass(frozen=True)
class Settled:
    """A message that was sent and asks for something that nobody has to do any more."""

    row: Outbox
    message: Message


def settled(
    session: Session, task: Task, policy: Policy, values: SlackValues, secrets: tuple[str, ...]
) -> list[Settled]:
    """Messages of a task whose question was answered or whose help was given: they get their last form once."""
    rows = session.exec(
        select(Outbox).where(
            Outbox.task_id == task.id,
            col(Outbox.kind).in_(["question", "needs_help"]),
            Outbox.state == "sent",
        )
    ).all()
    found = []
    facts = task_facts(session, policy, values.missing, task)
    for row in rows:
        if row.payload.get("settled"):
            continue
        last = _last_form(session, row, task, facts, secrets)
        if last is not None:
            found.append(Settled(row, last))
    return found


def _last_form(session: Session, row: Outbox, task: Task, facts: TaskFacts, secrets: tuple[str, ...]) -> Message | None:
    if row.kind == "needs_help":
        if task.state is TaskState.NEEDS_HELP:
            return None
        called = session.exec(
            select(Event)
            .where(Event.task_id == task.id, Event.after == TaskState.NEEDS_HELP.value, Event.at <= row.created_at)
            .order_by(col(Event.id).desc())
        ).first()
        return messages.help_settled(facts, called.why if called else "", called.evidence if called else (), secrets)
    asked = session.get(Question, row.payload.get("question_id"))
    if asked is None or asked.state is QuestionState.OPEN:
        return None
    return messages.question_settled(facts, asked)
