"""What a command does: from a delivery to a change of rows and the words for the person. Synchronous, over a session.

The right to do it is asked again here, in the transaction that acts: a list may have changed since the delivery
was stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session, select

from bot.slack import access
from bot.slack.buttons import action_of, action_of_verb
from bot.slack.deliveries import Pressed, Said, Submitted
from bot.slack.entrance import command_of, named_task
from bot.slack.inbox import Home
from bot.slack.intents import (
    AddContext,
    After,
    Allow,
    Answer,
    Approve,
    Claim,
    Command,
    Deny,
    Edit,
    Estop,
    Extend,
    FreeText,
    GiveBack,
    Help,
    Never,
    New,
    Pause,
    Reject,
    Resume,
    Retry,
    Revert,
    SearchContext,
    SideTalk,
    Snooze,
    Start,
    Status,
    Stop,
    Surface,
    TakeOver,
    Thaw,
    Unclear,
    WhoAmI,
)
from bot.slack.shown import listed, task_facts
from bot.slack.values import SlackValues
from bot.slack.views import card, escape, help, status
from bot.slack.views.budget import Message
from scheduler import commands
from scheduler.commands import Actor, Reply
from scheduler.lifecycle import FINISHED
from scheduler.names import task_label
from scheduler.policy import Policy
from scheduler.questions import open_question
from scheduler.registry import Person, Task


class Audience(StrEnum):
    PERSON = "person"  #: seen by who asked
    THREAD = "thread"  #: seen by everybody in the thread: it is on record who decided


@dataclass(frozen=True)
class Outcome:
    message: Message
    audience: Audience = Audience.PERSON


@dataclass(frozen=True)
class Desk:
    """What acting needs beside the session.

    Attributes:
        names: what people who are part of this are called in Slack, by their ids.
    """

    now: datetime
    home: Home
    policy: Policy
    values: SlackValues
    names: Mapping[str, str] = field(default_factory=dict)


#: what is decided about a proposal, with the state that the person saw
_PROPOSALS = {"start": commands.start, "snooze": commands.snooze}


def act_on_words(session: Session, desk: Desk, key: str, said: Said) -> Outcome:
    """Do what words ask for."""
    command, surface, thread_task = command_of(session, desk.home, said)
    task = named_task(session, command, thread_task)
    action = action_of(command, in_task_thread=surface is Surface.THREAD)
    decision = access.authorize(session, said.caller, action, task, team=desk.home.team)
    if not decision.allowed:
        return Outcome(Message(escape.text(decision.text)))
    actor = _actor(session, desk, said.user)
    match command:
        case New() | FreeText() if isinstance(command, New) or surface in {Surface.MENTION, Surface.DM}:
            return _request(session, desk, key, said, actor, command, surface)
        case FreeText(text=text):
            if surface is Surface.SLASH or thread_task is None:
                return Outcome(help.overview(desk.values.command, _not_understood(desk, text)))
            assert thread_task.id is not None
            return _said(session, commands.guide(session, desk.now, desk.policy, actor, thread_task.id, text))
        case Status():
            return _status(session, desk, said, command, thread_task)
        case Help() | SideTalk():
            return Outcome(help.overview(desk.values.command))
        case Unclear(verb=verb, usage=usage):
            return Outcome(help.usage(desk.values.command, verb, usage))
        case Estop():
            return _said(session, commands.estop(session, desk.now, desk.policy, actor))
        case Thaw():
            return _said(session, commands.thaw(session, desk.now, desk.policy, actor))
        case WhoAmI():
            person = session.get(Person, said.user)
            role = person.role if person else ""
            return Outcome(status.who(said.user, role, access.admins(session), desk.values.command))
        case Claim() | Allow() | Deny():
            return Outcome(Message(escape.sentence(_access(session, desk, said.user, command), _known(session))))
    return _on_task(session, desk, actor, command, task, surface)


def needs_more(session: Session, desk: Desk, said: Said) -> SearchContext | AddContext | Allow | None:
    """The command, when it is allowed and needs what a transaction must not wait for: the context, or Slack."""
    command, _, _ = command_of(session, desk.home, said)
    if not isinstance(command, SearchContext | AddContext | Allow):
        return None
    action = action_of(command, in_task_thread=False)
    return command if access.authorize(session, said.caller, action, team=desk.home.team).allowed else None


def act_on_press(session: Session, desk: Desk, pressed: Pressed) -> Outcome:
    """Do what a button stands for."""
    task = session.get(Task, pressed.task_id)
    action = action_of_verb(pressed.verb)
    decision = access.authorize(session, pressed.caller, action, task, team=desk.home.team)
    if not decision.allowed:
        return Outcome(Message(escape.text(decision.text)))
    stale = _stale(session, desk, pressed, task)
    if stale:
        return Outcome(Message(stale))
    actor = _actor(session, desk, pressed.user)
    task_id = pressed.task_id
    if pressed.verb == "approve":
        reply = commands.approve(session, desk.now, desk.policy, actor, task_id, version=pressed.version)
        return _said(session, reply)
    if pressed.verb in _PROPOSALS:
        decide = _PROPOSALS[pressed.verb]
        reply = decide(session, desk.now, desk.policy, actor, task_id, version=pressed.version)
        return _said(session, reply)
    command: Command
    match pressed.verb:
        case "answer":
            question = open_question(session, task) if task is not None else None
            options = question.options if question else []
            if pressed.option is None or pressed.option >= len(options):
                return Outcome(Message("That answer is not offered any more; look at the card."))
            command = Answer(task_id, options[pressed.option])
        case "reject":
            command = Reject(task_id)
        case "never":
            command = Never(task_id)
        case "stop":
            command = Stop(task_id)
        case "extend":
            command = Extend(task_id)
        case "revert":
            command = Revert(task_id)
        case "takeover":
            command = TakeOver(task_id)
        case "giveback":
            command = GiveBack(task_id)
        case "resume":
            command = Resume(task_id)
        case "pause":
            command = Pause(task_id)
        case _:
            return Outcome(Message("That button opens a form; press it again."))
    return _on_task(session, desk, actor, command, task, Surface.SLASH)


def act_on_form(session: Session, desk: Desk, form: Submitted) -> Outcome:
    """Do what a form says."""
    task = session.get(Task, form.task_id)
    decision = access.authorize(session, form.caller, action_of_verb(form.verb), task, team=desk.home.team)
    if not decision.allowed:
        return Outcome(Message(escape.text(decision.text)))
    actor, task_id, text = _actor(session, desk, form.user), form.task_id, form.text.strip()
    match form.verb:
        case "guide":
            return _said(session, commands.guide(session, desk.now, desk.policy, actor, task_id, text))
        case "edit":
            return _on_task(session, desk, actor, Edit(task_id, text), task, Surface.SLASH)
        case "answer":
            return _on_task(session, desk, actor, Answer(task_id, text), task, Surface.SLASH)
        case _:
            return _on_task(session, desk, actor, Retry(task_id, text), task, Surface.SLASH)


def _request(
    session: Session, desk: Desk, key: str, said: Said, actor: Actor, command: New | FreeText, surface: Surface
) -> Outcome:
    # A thread belongs to one task. A request made inside of it starts a thread of its own.
    thread_ts = "" if surface is Surface.THREAD else said.thread_ts or said.ts
    reply = commands.new_request(
        session,
        desk.now,
        desk.policy,
        actor,
        text=command.text,
        source="slack",
        dedupe_key=key,
        channel=said.channel,
        thread_ts=thread_ts,
        permalink=desk.home.permalink(said.channel, said.ts, said.thread_ts) if said.ts else "",
        repo=(command.repo if isinstance(command, New) else "") or desk.values.repo_of(said.channel),
        priority=command.priority if isinstance(command, New) else "",
    )
    # The card comes when there is a plan to show. Until then this says that the words were heard.
    return _said(session, reply)


def _on_task(
    session: Session, desk: Desk, actor: Actor, command: Command, task: Task | None, surface: Surface
) -> Outcome:
    task_id = getattr(command, "task_id", None) or (task.id if task is not None else None)
    if task_id is None:
        verb = type(command).__name__.lower()
        return Outcome(
            Message(
                f"Which task? Reply `{verb}` in its thread, or name it: `{desk.values.command} {verb} T-12`. "
                f"`{desk.values.command} status` lists them."
            )
        )
    now, policy = desk.now, desk.policy
    match command:
        case Approve(note=note):
            reply = commands.approve(session, now, policy, actor, task_id, note=note)
        case Reject(reason=reason):
            reply = commands.reject(session, now, policy, actor, task_id, reason=reason)
        case Retry(guidance=guidance):
            reply = commands.retry(session, now, policy, actor, task_id, guidance=guidance)
        case Revert(reason=reason):
            reply = _revert(session, desk, actor, task_id, reason)
        case Stop(reason=reason):
            reply = commands.stop(session, now, policy, actor, task_id, reason=reason)
        case Answer(text=text):
            reply = commands.answer(session, now, policy, actor, task_id, text)
        case Edit(text=text):
            reply = commands.edit(session, now, policy, actor, task_id, text)
        case After(labels=labels):
            reply = commands.wait_for(session, now, policy, actor, task_id, labels)
        case Pause():
            reply = commands.pause(session, now, policy, actor, task_id)
        case Resume():
            reply = commands.resume(session, now, policy, actor, task_id)
        case Extend():
            reply = commands.extend(session, now, policy, actor, task_id)
        case TakeOver():
            reply = commands.take_over(session, now, policy, actor, task_id)
        case Start():
            reply = commands.start(session, now, policy, actor, task_id)
        case Snooze():
            reply = commands.snooze(session, now, policy, actor, task_id)
        case Never():
            reply = commands.never(session, now, policy, actor, task_id)
        case _:
            reply = commands.give_back(session, now, policy, actor, task_id)
    # Stopping says so in the thread by itself, through the outbox.
    public = reply.ok and surface is Surface.THREAD and not isinstance(command, Stop)
    return _said(session, reply, Audience.THREAD if public else Audience.PERSON)


def _revert(session: Session, desk: Desk, actor: Actor, task_id: int, reason: str) -> Reply:
    """Of what is merged; while an agent works, "revert the last change" is something it is told."""
    task = session.get(Task, task_id)
    if task is not None and task.state not in FINISHED and reason:
        return commands.guide(session, desk.now, desk.policy, actor, task_id, f"revert {reason}")
    return commands.revert(session, desk.now, desk.policy, actor, task_id, reason=reason)


def _said(session: Session, reply: Reply, audience: Audience = Audience.PERSON) -> Outcome:
    return Outcome(Message(escape.sentence(reply.text, _known(session))), audience)


def _status(session: Session, desk: Desk, said: Said, command: Status, thread_task: Task | None) -> Outcome:
    if command.task_id is None and (thread_task is None or command.scope):
        rows, pulls, total = listed(session, command.scope, said.user)
        return Outcome(status.tasks(rows, pulls, total, desk.values.command))
    task = session.get(Task, command.task_id) if command.task_id is not None else thread_task
    if task is None:
        return Outcome(Message(f"There is no {task_label(command.task_id)}. `{desk.values.command} status` lists all."))
    return Outcome(card.card(task_facts(session, desk.policy, desk.values.missing, task)))


def _access(session: Session, desk: Desk, user: str, command: Claim | Allow | Deny) -> str:
    match command:
        case Claim(code=code):
            refused = access.claim(session, desk.now, user, code)
            name = desk.values.command
            return refused or f"You are admin of this Waggle now. Let others in with `{name} allow @person approver`."
        case Allow(user_id=user_id, role=role):
            if role != "admin" and access.admins(session) == (user_id,):
                return "That is the only admin; allow another admin first."
            access.grant(session, desk.now, user_id, role, by=user, name=desk.names.get(user_id, ""))
            return f"<@{user_id}> is {role} now."
        case Deny(user_id=user_id):
            refused = access.revoke(session, desk.now, user_id, by=user)
            return refused or f"<@{user_id}> is off the list."


def _stale(session: Session, desk: Desk, pressed: Pressed, task: Task | None) -> str:
    """Why a button must not act any more; empty when it may. Stopping is never too late to try."""
    if task is None:
        return f"There is no {task_label(pressed.task_id)} any more."
    if pressed.verb in {"stop", "approve", "extend", "resume", *_PROPOSALS}:
        return ""  # the commands themselves say it better
    if pressed.verb == "answer" or pressed.nonce.startswith("q"):
        question = open_question(session, task)
        if question is None or pressed.nonce != f"q{question.id}":
            return f"That question of {task_label(task.id)} is settled; look at the card."
        return ""
    if pressed.version != task.version:
        return f"{task_label(task.id)} changed since that button was shown; look at the card again."
    return ""


def _not_understood(desk: Desk, text: str) -> str:
    short = text if len(text) <= 80 else text[:79] + "…"
    return f"I do not know “{short}”. To ask for work: `{desk.values.command} new {short}`."


def _actor(session: Session, desk: Desk, user_id: str) -> Actor:
    person = session.get(Person, user_id)
    return Actor(user_id, desk.names.get(user_id) or (person.name if person else ""))


def _known(session: Session) -> frozenset[str]:
    return frozenset(session.exec(select(Person.user_id)).all())
