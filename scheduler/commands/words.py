"""What people say to the agent: one more attempt, an answer, a hint for the next prompt."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from sqlmodel import Session

from scheduler import pushed_by_people
from scheduler.commands.after_merge import follow_up
from scheduler.commands.plans import approve, reject
from scheduler.commands.replies import (
    IN_WORDS,
    Actor,
    Reply,
    add_guidance,
    clear_help,
    not_now,
    unknown,
    unused_guidance,
)
from scheduler.commands.steering import answer_push, stop
from scheduler.dependencies import ABOUT, DROP, GO_ON, forget_gone
from scheduler.guiding import STOP_TO_TELL
from scheduler.held_agents import try_now
from scheduler.judging import DiagnoseFacts, Kind
from scheduler.lifecycle import LIVE_ATTEMPT, AttemptState, Cause, QuestionState, TaskState
from scheduler.names import task_label
from scheduler.policy import Policy
from scheduler.pushed_by_people import waits_for_answer
from scheduler.questions import missed_question, open_question, settle_question
from scheduler.registry.database import Topic, wake
from scheduler.registry.reading import latest_attempt
from scheduler.registry.work import Attempt, Question, Task
from scheduler.registry.writers import ask, move_question, move_task, refresh_card, unask
from scheduler.scoping import rescope


def retry(session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int, *, guidance: str = "") -> Reply:
    """One more attempt, with the person's words in its prompt."""
    task = session.get(Task, task_id)
    if task is None:
        return unknown(task_id)
    guidance = guidance.strip()
    if task.state is TaskState.PAUSED:
        return not_now(task, "retry", "Reply `resume` first.")
    if task.state is TaskState.MERGED:
        return follow_up(session, now, policy, actor, task_id, guidance)
    missed = missed_question(session, task) if guidance else None
    if missed is not None:
        return _answer_late(session, now, task, missed, actor, guidance)
    if guidance and not waits_for_answer(session, task):
        add_guidance(session, now, task, actor, guidance)
    told = " It will be told what you wrote." if guidance else ""
    match task.state:
        case TaskState.NEEDS_HELP:
            task.extra_attempts += 1
            task.infra_waits = 0
            evidence = tuple(task.help_evidence)
            clear_help(task)
            if not task.goal:
                return _scope_again(session, now, task, Cause.PERSON_RETRY, actor, guidance)
            move_task(session, task, TaskState.QUEUED, Cause.PERSON_RETRY, now, actor=actor.id, why=guidance)
            _diagnose_for_person(session, now, task, guidance, evidence)
            return Reply(True, f"{task_label(task.id)} goes on with one more attempt.{told}", task.id)
        case TaskState.STOPPED | TaskState.DROPPED:
            task.cleaned_at, task.infra_waits = None, 0
            if latest_attempt(session, task) is None:
                return _scope_again(session, now, task, Cause.PERSON_RESTARTED, actor, guidance)
            task.extra_attempts += 1
            move_task(session, task, TaskState.QUEUED, Cause.PERSON_RESTARTED, now, actor=actor.id, why=guidance)
            _diagnose_for_person(session, now, task, guidance, ())
            return Reply(True, f"{task_label(task.id)} starts again.{told}", task.id)
        case TaskState.ASKING:
            question = open_question(session, task)
            if question is not None and question.about == "retry":
                return approve(session, now, policy, actor, task_id)
            if question is not None and question.about == pushed_by_people.ABOUT:
                reply = answer_push(session, now, task, question, actor, pushed_by_people.AGENT)
                return retry(session, now, policy, actor, task_id, guidance=guidance) if guidance else reply
            return not_now(task, "retry", "Reply `answer …` first.")
        case TaskState.VERIFYING | TaskState.READY:
            if not guidance:
                return Reply(False, "Say what should change, for example: `retry use semicolons`.", task.id)
            move_task(session, task, TaskState.DIAGNOSING, Cause.PEOPLE_COMMENTED, now, actor=actor.id, why=guidance)
            _diagnose(
                session, now, task, f"thread:{task.id}:v{task.version}", "people", f"{actor.name or actor.id} wrote it"
            )
            return Reply(True, f"{task_label(task.id)} goes back to the agent with your words.", task.id)
        case TaskState.QUEUED if try_now(session, now, _agent_of(session, task)):
            return Reply(True, f"{task_label(task.id)} tries again now.{told}", task.id)
        case _ if guidance:
            return Reply(
                True, f"Noted. {task_label(task.id)} {IN_WORDS[task.state]}; the next prompt holds it.", task.id
            )
        case _:
            return not_now(task, "retry")


def _agent_of(session: Session, task: Task) -> str:
    """The agent that a queued task waits for, as far as rows know; empty for any."""
    last = latest_attempt(session, task)
    return last.agent if last is not None else str(task.routes[0].get("agent", "")) if task.routes else ""


def answer(session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int, text: str) -> Reply:
    """Answer the task's open question."""
    task = session.get(Task, task_id)
    if task is None:
        return unknown(task_id)
    question = open_question(session, task)
    missed = missed_question(session, task)
    if missed is None and (task.state is not TaskState.ASKING or question is None):
        return Reply(False, f"{task_label(task.id)} has no open question.", task.id)
    said = text.strip()
    if not said:
        return Reply(False, "Write the answer behind the word: `answer …`.", task.id)
    if missed is not None:
        return _answer_late(session, now, task, missed, actor, said)
    assert question is not None
    if question.about == "retry":
        # These are the options that were offered; anything else is guidance for the attempt that it approves.
        if said.lower() == "stop":
            return stop(session, now, policy, actor, task_id)
        if said.lower() == "approve":
            return approve(session, now, policy, actor, task_id)
        return retry(session, now, policy, actor, task_id, guidance=said)
    if question.about == ABOUT:
        return _answer_gone(session, now, policy, task, question, actor, said)
    if question.about == pushed_by_people.ABOUT:
        return answer_push(session, now, task, question, actor, said)
    settle_question(session, now, task, question, said, actor.id, QuestionState.ANSWERED, Cause.ANSWERED)
    return Reply(True, f"Thanks. {task_label(task.id)} goes on with “{said}”.", task.id)


def guide(session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int, text: str) -> Reply:
    """Words in the thread without a verb: an answer when one is waited for, guidance otherwise."""
    task = session.get(Task, task_id)
    if task is None:
        return unknown(task_id)
    question = open_question(session, task)
    waits = task.state is TaskState.ASKING and question is not None and question.about != "retry"
    if waits or missed_question(session, task) is not None:
        return answer(session, now, policy, actor, task_id, text)
    if task.state is TaskState.DROPPED:
        hint = "reply `retry …` with what should be different, or write a new request"
        return Reply(False, f"{task_label(task.id)} {IN_WORDS[task.state]}; {hint}.", task.id)
    if task.state is TaskState.MERGED:
        return follow_up(session, now, policy, actor, task_id, text)
    at_once, words = _at_once(text)
    attempt = latest_attempt(session, task)
    if task.state is TaskState.RUNNING and attempt is not None and attempt.state in LIVE_ATTEMPT:
        return _guide_running(session, now, policy, actor, task, attempt, words if at_once else text, at_once)
    add_guidance(session, now, task, actor, text)
    refresh_card(session, task, now)
    hints = {
        TaskState.PLANNED: "It goes into the prompt when you approve; `edit …` scopes again instead.",
        TaskState.NEEDS_HELP: "Reply `retry` to start an attempt that is told.",
        TaskState.READY: "Reply `retry` followed by what should change to send it back.",
        TaskState.VERIFYING: "It is kept for the next attempt; `retry …` sends it back now.",
        TaskState.STOPPED: "Reply `retry` to start again with it.",
    }
    return Reply(True, "Noted for the next attempt. " + hints.get(task.state, ""), task.id)


_NOW = re.compile(r"now\b[\s,:!.]*(?P<words>.*)", re.IGNORECASE | re.DOTALL)


def _at_once(text: str) -> tuple[bool, str]:
    """Whether the words begin with `now`, and what follows it."""
    found = _NOW.fullmatch(text.strip())
    return (True, found["words"].strip()) if found else (False, text)


def _guide_running(
    session: Session,
    now: datetime,
    policy: Policy,
    actor: Actor,
    task: Task,
    attempt: Attempt,
    words: str,
    at_once: bool,
) -> Reply:
    """Words for an agent that works: said to it, kept for the end of its turn, or reason enough to stop it."""
    if words:
        add_guidance(session, now, task, actor, words)
    elif not unused_guidance(task):
        return Reply(False, "There is nothing new to tell it. Write `now` with your words behind it.", task.id)
    refresh_card(session, task, now)
    wake(session, Topic.SUPERVISOR)
    if at_once and attempt.state is AttemptState.RUNNING:
        attempt.stop_reason = attempt.stop_reason or STOP_TO_TELL
        session.add(attempt)
        return Reply(True, f"I stop {attempt.agent} and let it go on with your words.", task.id)
    if attempt.agent in policy.live_agents:
        return Reply(True, f"I tell {attempt.agent} now, and say here when it has heard it.", task.id)
    return Reply(
        True,
        f"Noted. {attempt.agent} hears nothing while it works: it is told when its turn ends. "
        "Reply `now` to stop it and go on with your words at once.",
        task.id,
    )


def _answer_gone(
    session: Session, now: datetime, policy: Policy, task: Task, question: Question, actor: Actor, said: str
) -> Reply:
    """What it waited for will not be merged: it goes on without, or is dropped."""
    match said.lower().rstrip("."):
        case word if word == DROP:
            return reject(session, now, policy, actor, task.id or 0, reason="what it waited for will not be merged")
        case word if word == GO_ON:
            forget_gone(session, now, task, actor.id)
            question.answer, question.answered_by = said, actor.id
            move_question(session, question, QuestionState.ANSWERED, Cause.ANSWERED, now, actor=actor.id, why=said)
            move_task(session, task, TaskState.QUEUED, Cause.ANSWERED, now, actor=actor.id, why=said)
            return Reply(True, f"{task_label(task.id)} goes on without it.", task.id)
        case _:
            return Reply(False, f"Reply `{GO_ON}` or `{DROP}`.", task.id)


def _answer_late(session: Session, now: datetime, task: Task, question: Question, actor: Actor, said: str) -> Reply:
    """A late answer is still an answer: the task goes on as if it had come in time."""
    clear_help(task)
    settle_question(session, now, task, question, said, actor.id, QuestionState.ANSWERED, Cause.ANSWERED)
    return Reply(True, f"Thanks, not too late. {task_label(task.id)} goes on with “{said}”.", task.id)


def _scope_again(session: Session, now: datetime, task: Task, cause: Cause, actor: Actor, guidance: str) -> Reply:
    """A task that no agent ever worked on starts where it was left: with its plan, which then wants its approval."""
    unask(session, now, task)
    move_task(session, task, TaskState.SCOPING, cause, now, actor=actor.id, why=guidance)
    rescope(session, now, task)
    return Reply(True, f"{task_label(task.id)} starts again with a new plan.", task.id)


def _diagnose_for_person(session: Session, now: datetime, task: Task, guidance: str, evidence: tuple[str, ...]) -> None:
    _diagnose(session, now, task, f"retry:{task.id}:v{task.version}", "person_retry", guidance, evidence)


def _diagnose(
    session: Session,
    now: datetime,
    task: Task,
    subject: str,
    cause: str,
    message: str,
    evidence: tuple[str, ...] = (),
) -> None:
    task.next_prompt = ""
    session.add(task)
    facts: dict[str, Any] = DiagnoseFacts(cause=cause, message=message, evidence=evidence).model_dump(mode="json")
    ask(session, now, kind=Kind.DIAGNOSE, subject=subject, task=task, facts=facts)
