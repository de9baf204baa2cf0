"""From a failure to what follows: counting it, asking for a diagnosis, and acting on the answer.

The counts stand in the task's row and rise in the transaction that records the failure, so neither a
restart nor a check that flaps between red and pending gives an attempt back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, select

from scheduler.budget import purse_of
from scheduler.held_agents import hold_agent
from scheduler.judging import Diagnosed, DiagnoseFacts, Kind, PersonComment, PromptFacts, WrittenPrompt
from scheduler.lifecycle import Cause, TaskState
from scheduler.limits import limit_agent
from scheduler.policy import Policy
from scheduler.questions import put_question
from scheduler.recovery import Action, Counter, counter_for, rule_for, signature, wait_s
from scheduler.registry.reading import latest_attempt
from scheduler.registry.work import Attempt, Diagnosis, Judgement, Task
from scheduler.registry.writers import ask, move_task, refresh_card, say

_EVIDENCE_LINES = 40
#: what a provider says of an account or of itself, not of one task
_LIMITS = frozenset({"rate-limit", "overloaded"})


def fail(
    session: Session,
    now: datetime,
    policy: Policy,
    task: Task,
    *,
    cause: str,
    transition: Cause,
    subject: str,
    attempt: Attempt | None = None,
    message: str = "",
    final_text: str = "",
    evidence: Sequence[str] = (),
    findings: Sequence[dict[str, Any]] = (),
    comments: tuple[PersonComment, ...] = (),
    head: str = "",
    resets_at: datetime | None = None,
) -> None:
    """Record that a task failed for `cause`, and start what follows from it.

    Parameters:
        transition: how the lifecycle calls it when the task leaves for `diagnosing`.
        subject: what failed. The judgement's subject holds the task's version beside it: the same commit may
            fail, be mended from outside and fail again, and each time wants an answer of its own.
        resets_at: when the provider's limit ends, where the provider says it.
    """
    rule = rule_for(cause)
    if rule.action is Action.HOLD and attempt is not None and task.state is TaskState.RUNNING:
        hold_agent(session, now, attempt.agent, cause, message)
        _requeue(session, now, task, rule.sentence, "parked")
        return
    waits = rule.action in {Action.PARK, Action.RESUME}
    if waits and task.infra_waits < policy.retries.infrastructure:
        _wait(session, now, policy, task, cause, rule.action, resets_at)
        return
    came_from = task.state
    lines = tuple(line for line in evidence if line.strip())[:_EVIDENCE_LINES]
    again = signature(cause, lines)
    repeated = bool(again) and again == task.last_failure
    task.last_failure = again
    move_task(session, task, TaskState.DIAGNOSING, transition, now, why=message or rule.sentence, evidence=lines[:10])
    if rule.action in {Action.PERSON, Action.HOLD} or waits:
        ask_for_help(
            session,
            now,
            task,
            Cause.ONLY_A_PERSON,
            cause=cause,
            sentence=f"{rule.sentence} {message}".strip(),
            evidence=lines,
            cure=rule.cure,
            came_from=came_from,
        )
        return
    spent = _count(task, cause)
    if came_from is not TaskState.RUNNING or not task.repairs:
        task.repairs = cause  # an attempt that fails on the way leaves what the round is for as it is
    task.next_prompt = ""
    facts = DiagnoseFacts(
        cause=cause,
        signature=again,
        attempt=attempt.name if attempt else "",
        message=message or rule.sentence,
        final_text=final_text,
        evidence=lines,
        findings=tuple(findings),
        comments=comments,
        head=head,
    )
    session.add(task)
    row = ask(
        session,
        now,
        kind=Kind.DIAGNOSE,
        subject=f"{subject}:v{task.version}",
        task=task,
        facts=facts.model_dump(mode="json"),
    )
    row.facts = {**row.facts, "spent": spent, "repeated": repeated, "came_from": came_from.value}
    session.add(row)


def _wait(
    session: Session,
    now: datetime,
    policy: Policy,
    task: Task,
    cause: str,
    action: Action,
    resets_at: datetime | None = None,
) -> None:
    task.infra_waits += 1
    until = resets_at or now + timedelta(seconds=wait_s(task.infra_waits))
    task.not_before = until if action is Action.PARK else None
    last = latest_attempt(session, task)
    if action is Action.PARK and last is not None and policy.retries.failover:
        task.not_before = None  # the agent waits, the task need not: another one may take it
    if action is Action.PARK and last is not None and cause in _LIMITS:
        limit_agent(session, now, last.agent, until, cause)
    again = f" It is over at {until:%Y-%m-%d %H:%M:%S} UTC, says the provider." if resets_at else ""
    why = "parked" if action is Action.PARK else "lost"
    _requeue(session, now, task, rule_for(cause).sentence + again, why)


def _requeue(session: Session, now: datetime, task: Task, sentence: str, why: str) -> None:
    """It goes on with the same session later, and nothing is counted."""
    task.next_prompt = ""
    move_task(session, task, TaskState.QUEUED, Cause.PARKED, now, why=sentence)
    ask(
        session,
        now,
        kind=Kind.PROMPT,
        subject=f"prompt:{task.id}:v{task.version}",
        task=task,
        facts=PromptFacts(why=why).model_dump(mode="json"),
    )


def _count(task: Task, cause: str) -> int:
    match counter_for(cause):
        case Counter.REVIEW:
            task.retries_review += 1
            return task.retries_review
        case Counter.PEOPLE:
            task.retries_people += 1
            return task.retries_people
        case _:
            task.retries_failure += 1
            return task.retries_failure


def _limit(policy: Policy, task: Task, cause: str) -> int:
    match counter_for(cause):
        case Counter.REVIEW:
            return policy.retries.reviews + task.extra_attempts
        case Counter.PEOPLE:
            return policy.retries.people + task.extra_attempts
        case _:
            return policy.retries.failures + task.extra_attempts


def ask_for_help(
    session: Session,
    now: datetime,
    task: Task,
    transition: Cause,
    *,
    cause: str,
    sentence: str,
    evidence: Sequence[str] = (),
    cure: str = "",
    came_from: TaskState | None = None,
) -> None:
    """Call a person, once for this need. The task waits until one replies."""
    task.help_cause = sentence
    task.help_class = cause
    task.help_from = (came_from or task.state).value
    task.help_evidence = [*list(evidence)[:_EVIDENCE_LINES], *([f"What to do: {cure}"] if cure else [])]
    move_task(session, task, TaskState.NEEDS_HELP, transition, now, why=sentence, evidence=task.help_evidence[:10])
    say(session, now, kind="needs_help", dedupe_key=f"needs_help:{task.id}:v{task.version}", task=task)


# --- acting on the orchestrator's answers ------------------------------------------------------------------------


def apply_diagnosis(session: Session, now: datetime, policy: Policy, row: Judgement) -> None:
    """Turn an answered diagnosis into the next attempt, a question or a call for help."""
    task = session.get(Task, row.task_id)
    assert task is not None
    said = Diagnosed.model_validate(row.answer)
    facts = DiagnoseFacts.model_validate(row.facts)
    attempt = session.exec(select(Attempt).where(Attempt.name == facts.attempt)).first() if facts.attempt else None
    row.state = "used"
    session.add(row)
    session.add(
        Diagnosis(
            task_id=row.task_id,
            attempt_id=attempt.id if attempt else None,
            cause=facts.cause,
            summary=said.summary,
            change=said.change,
            instruction=said.instruction,
            evidence=list(facts.evidence),
            answered_by=row.answered_by,
            created_at=now,
        )
    )
    put_prompt(session, now, task, said.prompt, said.resume, said.summary)
    if task.state is not TaskState.DIAGNOSING:
        # A person's retry queued the task already; its prompt is all that was missing.
        refresh_card(session, task, now)
        return
    spent = int(row.facts.get("spent", 0))
    came_from = TaskState(row.facts.get("came_from", TaskState.RUNNING.value))
    limit = _limit(policy, task, facts.cause)
    if row.facts.get("repeated"):
        _give_up(session, now, task, Cause.SAME_FAILURE_TWICE, facts, said, came_from, "The same failure came twice.")
    elif spent > limit:
        tries = f"{spent} attempts failed, {limit} retries are spent."
        _give_up(session, now, task, Cause.RETRIES_SPENT, facts, said, came_from, tries)
    elif (purse := purse_of(session, policy, task)).empty:
        _give_up(session, now, task, Cause.ONLY_A_PERSON, facts, said, came_from, purse.sentence)
    elif policy.retries.approve == "always":
        _ask_to_retry(session, now, task, said)
    else:
        task.not_before = None
        move_task(session, task, TaskState.QUEUED, Cause.RETRY, now, why=said.summary)


def _give_up(
    session: Session,
    now: datetime,
    task: Task,
    transition: Cause,
    facts: DiagnoseFacts,
    said: Diagnosed,
    came_from: TaskState,
    why: str,
) -> None:
    sentence = f"{said.summary} {why}"
    if said.missing:
        sentence += f" What is missing: {said.missing}"
    evidence = facts.evidence or ((facts.final_text,) if facts.final_text else ())
    ask_for_help(
        session, now, task, transition, cause=facts.cause, sentence=sentence, evidence=evidence, came_from=came_from
    )


def _ask_to_retry(session: Session, now: datetime, task: Task, said: Diagnosed) -> None:
    put_question(
        session,
        now,
        task,
        Cause.RETRY_WANTS_APPROVAL,
        about="retry",
        text=f"{said.summary} Next prompt: {said.instruction or said.change}",
        options=("approve", "stop"),
    )


def apply_prompt(session: Session, now: datetime, row: Judgement) -> None:
    """Take over a prompt that followed from facts alone."""
    task = session.get(Task, row.task_id)
    assert task is not None
    said = WrittenPrompt.model_validate(row.answer)
    row.state = "used"
    session.add(row)
    put_prompt(session, now, task, said.prompt, said.resume, said.change)
    refresh_card(session, task, now)


def put_prompt(session: Session, now: datetime, task: Task, prompt: str, resumes: bool, change: str) -> None:
    """Give the task its next prompt; it may start with it as soon as a slot is free."""
    task.next_prompt = prompt
    task.next_resumes = resumes
    task.next_change = change
    task.updated_at = now
    session.add(task)
