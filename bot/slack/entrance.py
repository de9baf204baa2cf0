"""The one door: is this for us, is the person allowed, and has it been stored? All in one transaction.

What is refused is stored as well, as something to tell the person, so that every delivery has one visible
outcome and a redelivered one has no second.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, select

from bot.slack.access import Action, Caller, Decision, audit_refusal, authorize
from bot.slack.buttons import action_of, action_of_verb
from bot.slack.deliveries import Personal, Pressed, Said, Submitted, Told, payload_of
from bot.slack.grammar import parse
from bot.slack.inbox import Arrival, Home
from bot.slack.intents import Command, FreeText, SideTalk, Surface
from bot.slack.shown import tasks_of_thread
from scheduler.registry import Inbox, Task
from scheduler.registry.writers import receive


def admit(session: Session, now: datetime, home: Home, arrival: Arrival) -> bool:
    """Store a delivery that a person caused, or that they are refused. False when it is not for Waggle at all.

    A delivery that is not stored here must still be acknowledged: nothing would become of another try.
    """
    delivery = arrival.delivery
    if isinstance(delivery, Said):
        return _admit_words(session, now, home, arrival.key, delivery)
    if isinstance(delivery, Pressed | Submitted):
        task = session.get(Task, delivery.task_id)
        decision = authorize(session, delivery.caller, action_of_verb(delivery.verb), task, team=home.team)
        return _store(session, now, arrival.key, delivery, action_of_verb(delivery.verb), decision, task)
    receive(session, now, delivery_key=arrival.key, kind=delivery.kind, payload=payload_of(delivery))
    return True


def may_press(session: Session, now: datetime, home: Home, arrival: Arrival) -> bool:
    """Whether a form may be opened for this person; a refusal is stored like any other."""
    pressed = arrival.delivery
    assert isinstance(pressed, Pressed)
    task = session.get(Task, pressed.task_id)
    action = action_of_verb(pressed.verb)
    decision = authorize(session, pressed.caller, action, task, team=home.team)
    if not decision.allowed:
        _store(session, now, arrival.key, pressed, action, decision, task)
    return decision.allowed


def tell(session: Session, now: datetime, key: str, delivery: Personal, text: str) -> bool:
    """Store one sentence for the person who caused `delivery`."""
    told = Told(
        user=delivery.user,
        channel=delivery.channel,
        thread_ts=delivery.thread_ts,
        ts=delivery.ts,
        response_url=delivery.response_url,
        text=text,
    )
    return receive(session, now, delivery_key=key, kind=told.kind, payload=payload_of(told))


def admit_edit(session: Session, now: datetime, said_key: str, edit_key: str, said: Said) -> bool:
    """Somebody changed words that were acted on. They are not acted on again; the person is told so, once."""
    row = session.exec(select(Inbox).where(Inbox.delivery_key == said_key, Inbox.kind == "said")).first()
    if row is None:
        return False
    text = "I acted on the first version of that message. To change something, write a new reply."
    return tell(session, now, edit_key, said, text)


def surface_of(session: Session, said: Said) -> tuple[Surface, Task | None]:
    """Where words were said, now that the registry can be asked: a reply in a thread of a task belongs to it."""
    if said.surface is Surface.SLASH or not said.thread_ts:
        return said.surface, None
    tasks = tasks_of_thread(session, said.channel, said.thread_ts)
    return (Surface.THREAD, tasks[0]) if tasks else (said.surface, None)


def command_of(session: Session, home: Home, said: Said) -> tuple[Command, Surface, Task | None]:
    """The command in words, where it was said, and the task of that thread."""
    surface, task = surface_of(session, said)
    return parse(said.text, surface, home.bot_user), surface, task


def named_task(session: Session, command: Command, thread_task: Task | None) -> Task | None:
    """The task that a command acts on: the one it names, else the one whose thread it was said in."""
    task_id = getattr(command, "task_id", None)
    return session.get(Task, task_id) if task_id is not None else thread_task


def _admit_words(session: Session, now: datetime, home: Home, key: str, said: Said) -> bool:
    if said.user == home.bot_user or (said.is_bot and not said.addressed):
        return False
    command, surface, task = command_of(session, home, said)
    if surface is Surface.MENTION and not said.addressed:
        return False
    if isinstance(command, SideTalk):
        return False
    action = action_of(command, in_task_thread=surface is Surface.THREAD)
    decision = authorize(session, said.caller, action, named_task(session, command, task), team=home.team)
    overheard = surface is Surface.THREAD and not said.addressed and isinstance(command, FreeText)
    if not decision.allowed and overheard:
        # Colleagues may talk in the thread. They are told once that Waggle does not listen to them, not each time.
        key = f"told:{home.team}:{said.channel}:{said.thread_ts}:{said.user}"
    return _store(session, now, key, said, action, decision, task)


def _store(
    session: Session, now: datetime, key: str, delivery: Personal, action: Action, decision: Decision, task: Task | None
) -> bool:
    if decision.allowed:
        receive(session, now, delivery_key=key, kind=delivery.kind, payload=payload_of(delivery))
        return True
    if not decision.text:
        # Bots are not answered: two of them would never stop. The key keeps a redelivery from being written twice.
        if _first_time(session, now, key, delivery):
            audit_refusal(session, now, _named(delivery.caller), action, decision.reason, task.id if task else None)
        return True
    if tell(session, now, key, delivery, decision.text):
        audit_refusal(session, now, delivery.caller, action, decision.reason, task.id if task else None)
    return True


def _first_time(session: Session, now: datetime, key: str, delivery: Personal) -> bool:
    if session.exec(select(Inbox.id).where(Inbox.delivery_key == key)).first() is not None:
        return False
    session.add(Inbox(delivery_key=key, kind="ignored", state="done", received_at=now, handled_at=now))
    return True


def _named(caller: Caller) -> Caller:
    return caller if caller.user_id else Caller("a bot", caller.team_id, caller.is_bot, caller.external)
