"""Stopping, pausing and handing over: where a task goes next is a person's decision."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from scheduler.commands.replies import IN_WORDS, Actor, Reply, clear_help, not_now, unknown
from scheduler.dependencies import put_after, read_labels, refuse
from scheduler.lifecycle import Cause, QuestionState, TaskState
from scheduler.names import task_label
from scheduler.policy import Policy
from scheduler.pushed_by_people import AGENT, PERSON, ask_about_push, waits_for_answer
from scheduler.questions import withdraw_questions
from scheduler.registry.reading import open_pull
from scheduler.registry.work import Question, Task
from scheduler.registry.writers import move_question, move_task, say, unask

#: before its first agent, or between two of them
_MAY_WAIT = frozenset(
    {TaskState.PROPOSED, TaskState.SCOPING, TaskState.PLANNED, TaskState.QUEUED, TaskState.DIAGNOSING}
)

_AGENT, _PERSON = (AGENT, "go on", "agent"), (PERSON, "i go on", "takeover", "take over", "mine")


def stop(session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int, *, reason: str = "") -> Reply:
    """Stop a task at once. Its work is kept."""
    task = session.get(Task, task_id)
    if task is None:
        return unknown(task_id)
    if task.state in {TaskState.MERGED, TaskState.STOPPED, TaskState.DROPPED}:
        return Reply(False, f"{task_label(task.id)} {IN_WORDS[task.state]} already; nothing runs.", task.id)
    withdraw_questions(session, now, task)
    unask(session, now, task)
    move_task(session, task, TaskState.STOPPED, Cause.STOPPED, now, actor=actor.id, why=reason)
    say(session, now, kind="stopped", dedupe_key=f"stopped:{task.id}:v{task.version}", task=task)
    return Reply(True, f"Stopping {task_label(task.id)}. Its work is kept; `retry` goes on with it.", task.id)


def pause(session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int) -> Reply:
    """Pause a task; `resume` goes back to where it was."""
    task = session.get(Task, task_id)
    if task is None:
        return unknown(task_id)
    if task.state in {TaskState.MERGED, TaskState.DROPPED, TaskState.STOPPED, TaskState.PAUSED}:
        return not_now(task, "pause")
    move_task(session, task, TaskState.PAUSED, Cause.PAUSED, now, actor=actor.id)
    return Reply(True, f"{task_label(task.id)} is paused. `resume` goes on.", task.id)


def resume(session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int) -> Reply:
    """Go on with a paused task."""
    task = session.get(Task, task_id)
    if task is None:
        return unknown(task_id)
    if task.state is not TaskState.PAUSED or task.paused_from is None:
        return not_now(task, "resume")
    move_task(session, task, task.paused_from, Cause.RESUMED, now, actor=actor.id)
    pull = open_pull(session, task)
    if pull is not None and ask_about_push(session, now, pull, task):
        return Reply(True, f"{task_label(task.id)} goes on, with a question: somebody pushed meanwhile.", task.id)
    return Reply(True, f"{task_label(task.id)} goes on: it {IN_WORDS[task.state]}.", task.id)


def wait_for(session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int, labels: str) -> Reply:
    """Let a task that no agent works on wait until other tasks are merged; `none` lets it wait for nothing.

    Parameters:
        labels: `T-3`, `T-3, T-4` or `none`.
    """
    task = session.get(Task, task_id)
    if task is None:
        return unknown(task_id)
    if task.state not in _MAY_WAIT:
        return not_now(task, "let others go before")
    ids = read_labels(labels)
    if not ids and labels.strip().lower() != "none":
        return Reply(False, "Say for which task it waits, for example `after T-3`; `after none` ends the waiting.")
    refused = refuse(session, ids, task)
    if refused:
        return Reply(False, refused, task.id)
    put_after(session, now, task, ids, actor.id)
    if not ids:
        return Reply(True, f"{task_label(task.id)} waits for nothing any more.", task.id)
    return Reply(True, f"{task_label(task.id)} waits until {', '.join(map(task_label, ids))} is merged.", task.id)


def take_over(session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int) -> Reply:
    """A person goes on with the branch by hand."""
    task = session.get(Task, task_id)
    if task is None:
        return unknown(task_id)
    question = waits_for_answer(session, task)
    if question is not None:
        return answer_push(session, now, task, question, actor, PERSON)
    if task.state is not TaskState.NEEDS_HELP:
        return not_now(task, "take over")
    clear_help(task)
    move_task(session, task, TaskState.TAKEN_OVER, Cause.TAKEN_OVER, now, actor=actor.id)
    return Reply(
        True,
        f"{task_label(task.id)} is yours: branch `{task.branch}`. Reply `giveback` when it should be verified.",
        task.id,
    )


def answer_push(session: Session, now: datetime, task: Task, question: Question, actor: Actor, said: str) -> Reply:
    """Who goes on with a branch that somebody else pushed to."""
    words = said.strip().rstrip(".").lower()
    if words not in {*_AGENT, *_PERSON}:
        return Reply(False, f"Reply `{_AGENT[1]}` to let the agent go on, or `takeover` to go on yourself.", task.id)
    question.answer, question.answered_by = said, actor.id
    move_question(session, question, QuestionState.ANSWERED, Cause.ANSWERED, now, actor=actor.id, why=said)
    if words in _PERSON:
        move_task(session, task, TaskState.TAKEN_OVER, Cause.TAKEN_OVER, now, actor=actor.id)
        return Reply(
            True,
            f"{task_label(task.id)} is yours: branch `{task.branch}`. Reply `giveback` when it should be verified.",
            task.id,
        )
    move_task(session, task, TaskState.VERIFYING, Cause.ANSWERED, now, actor=actor.id, why=said)
    return Reply(
        True, f"{task_label(task.id)} goes on from that commit; the agent is sent when a check fails on it.", task.id
    )


def give_back(session: Session, now: datetime, policy: Policy, actor: Actor, task_id: int) -> Reply:
    """The person is done; Waggle holds the pull request against the definition of done again."""
    task = session.get(Task, task_id)
    if task is None:
        return unknown(task_id)
    if task.state is not TaskState.TAKEN_OVER:
        return not_now(task, "give back")
    if open_pull(session, task) is None:
        return Reply(False, f"{task_label(task.id)} has no open pull request to verify; open one first.", task.id)
    move_task(session, task, TaskState.VERIFYING, Cause.GIVEN_BACK, now, actor=actor.id)
    return Reply(True, f"{task_label(task.id)} is verified again.", task.id)
