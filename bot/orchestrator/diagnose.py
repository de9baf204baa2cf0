"""From a failure to the next attempt: what went wrong, what is done differently, and the prompt that says so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from bot.orchestrator.asking import ask_in_turn
from bot.orchestrator.desk import Answered, Desk, Turn
from bot.orchestrator.hostile import gives_orders
from bot.orchestrator.plan_rules import check_files
from bot.orchestrator.prompts import (
    Correction,
    Sheet,
    answered_prompt,
    correction_prompt,
    first_prompt,
    model_prompt,
    resume_prompt,
    retry_prompt,
    sheet_of_task,
)
from bot.orchestrator.scope import passage_fact
from bot.orchestrator.trouble import trouble_of
from integrations.models import Ask
from integrations.models.judgements import DiagnoseAnswer, JudgementKind, fence_facts
from integrations.models.judgements import DiagnoseFacts as ShownFacts
from scheduler.judging import Diagnosed, DiagnoseFacts, Kind, PromptFacts, WrittenPrompt
from scheduler.names import task_label
from scheduler.recovery import rule_for
from scheduler.registry import Attempt, Diagnosis, Judgement, Task

_EVIDENCE = 60
_FINAL_TEXT = 4000
_PASSAGES = 4

#: When the same cause came twice, the change that was made before is not made again.
_NEXT_WAY = {"narrow": "redirect", "redirect": "inject", "inject": "narrow", "resume": "narrow"}
#: What a person stops or starts again anew: the old session knows nothing that the new prompt does not say better.
_INTERRUPTIONS = {
    "parked": "the model provider's limit was reached",
    "broke": "the money that tasks share was spent, and now there is some again",
    "lost": "your process vanished",
    "resumed": "a person paused the work and now lets it go on",
    "guided": "people wrote to you, and their words stand below",
    "restarted": "a person stopped the work and started it again",
}


@dataclass(frozen=True)
class _Past:
    """A task and what happened to it."""

    task: Task
    last: Attempt | None
    attempts: int
    diagnoses: tuple[Diagnosis, ...]


async def diagnose(desk: Desk, row: Judgement, turn: Turn) -> Answered:
    """Answer a `diagnose` judgement.

    Raises:
        NobodyAnswered: no model gave a usable answer.
    """
    facts = DiagnoseFacts.model_validate(row.facts)
    past = await desk.registry.read(lambda session: _past(session, row.task_id))
    task = past.task
    sheet = sheet_of_task(task, desk.policy().repository(task.repo), await trouble_of(desk, task))
    final_text = facts.final_text or (past.last.final_text if past.last and facts.cause == "person_retry" else "")
    same = [one for one in past.diagnoses if one.cause == facts.cause]
    shown = ShownFacts(
        task=f"{task_label(task.id)} {task.title}",
        goal=task.goal,
        acceptance=tuple(task.acceptance),
        attempt=past.attempts,
        cause=facts.cause,
        message=facts.message or rule_for(facts.cause).sentence,
        final_text=final_text[-_FINAL_TEXT:],
        evidence=facts.evidence[:_EVIDENCE],
        expected_files=tuple(task.expected_files),
        earlier_changes=tuple(_in_words(one) for one in past.diagnoses[-5:]),
        guidance=tuple(one.text for one in sheet.fresh),
        passages=await _passages(desk, f"{task.title} {facts.message} {final_text[-400:]}"),
        files=tuple(task.expected_files),
    )
    system, prompt = model_prompt("diagnose", fence_facts(JudgementKind.DIAGNOSE, shown))
    said = await ask_in_turn(
        turn.judges, Ask("diagnose", system, desk.clean(prompt)), DiagnoseAnswer, lambda one: _complaint(one)
    )
    change = another_way(said.value.change, [one.change for one in same])
    diagnosed = _write(facts, said.value, change, sheet, past)
    return Answered(
        diagnosed.model_copy(update={"prompt": desk.clean(diagnosed.prompt)}), said.by, said.charges, said.failures
    )


async def write_prompt(desk: Desk, row: Judgement) -> Answered:
    """Answer a `prompt` judgement: the next prompt follows from rows alone, and no model is asked."""
    facts = PromptFacts.model_validate(row.facts)
    past = await desk.registry.read(lambda session: _past(session, row.task_id))
    sheet = sheet_of_task(past.task, desk.policy().repository(past.task.repo), await trouble_of(desk, past.task))
    has_session = past.last is not None and bool(past.last.session_id) and past.last.started_at is not None
    match facts.why:
        case "answered":
            change = f"The answer: {facts.answer}"
            written = WrittenPrompt(prompt=answered_prompt(sheet, facts.question, facts.answer), change=change)
        case "guidance":
            written = await _with_guidance(desk, row, sheet, past)
        case why if has_session:
            written = WrittenPrompt(prompt=resume_prompt(sheet, _INTERRUPTIONS[why]))
        case _:
            written = WrittenPrompt(prompt=first_prompt(sheet), resume=False)
    return Answered(written.model_copy(update={"prompt": desk.clean(written.prompt)}), "facts")


async def _with_guidance(desk: Desk, row: Judgement, sheet: Sheet, past: _Past) -> WrittenPrompt:
    """People wrote something after the prompt was made: the same prompt again, with their words in it."""
    words = "; ".join(one.text for one in sheet.fresh)
    last = await desk.registry.read(lambda session: _last_diagnosis(session, row.task_id))
    if last is None or past.last is None:
        return WrittenPrompt(prompt=first_prompt(sheet), resume=False, change=words)
    facts, diagnosed = DiagnoseFacts.model_validate(last.facts), Diagnosed.model_validate(last.answer)
    again = _render(facts, diagnosed, sheet, past)
    return WrittenPrompt(prompt=again, resume=diagnosed.resume, change=f"{diagnosed.summary} {words}".strip())


def another_way(change: str, before: Sequence[str]) -> str:
    """The change to make: the proposed one, unless it was made for this cause before and did not help. Pure."""
    tried = set(before)
    while change in tried and change in _NEXT_WAY:
        tried.discard(change)
        change = _NEXT_WAY[change]
    return change


def own_words(instruction: str, shown_elsewhere: Sequence[str]) -> str:
    """An instruction without the lines that stand in a fence of the prompt anyway, and without orders. Pure."""
    elsewhere = {" ".join(one.split()) for text in shown_elsewhere for one in text.split("\n") if one.strip()}
    kept = []
    for row in instruction.split("\n"):
        plain = " ".join(row.split())
        bare = re.sub(r"^[-*] ", "", plain)
        if bare in elsewhere or plain in elsewhere or re.fullmatch(r"[`~']{3,}\w*", plain) or gives_orders(plain):
            continue
        kept.append(row)
    text = "\n".join(kept).strip()
    return re.sub(r"(?m)^A person says, and this comes before everything else:\n*", "", text).strip()


def _complaint(answer: DiagnoseAnswer) -> str:
    if not answer.summary.strip():
        return "the summary is empty"
    wanting = answer.change != "ask_person" and not answer.instruction.strip()
    return "the instruction is empty" if wanting else ""


def _write(facts: DiagnoseFacts, answer: DiagnoseAnswer, change: str, sheet: Sheet, past: _Past) -> Diagnosed:
    known = {*past.task.expected_files, *_paths(facts.evidence)}
    files, _ = check_files(answer.files, known)
    instruction = own_words(answer.instruction, [*facts.evidence, *(one.text for one in sheet.fresh)])
    if change != answer.change:
        instruction = f"{_ANOTHER[change]} {instruction}".strip()
    session = past.last is not None and bool(past.last.session_id)
    repeated = any(one.cause == facts.cause for one in past.diagnoses)
    resume = session and not repeated and (rule_for(facts.cause).resumes or change == "resume")
    diagnosed = Diagnosed(
        summary=" ".join(answer.summary.split())[:400],
        change=change,
        instruction=instruction,
        files=files,
        missing=" ".join(answer.missing.split())[:400],
        resume=resume,
    )
    return diagnosed.model_copy(update={"prompt": _render(facts, diagnosed, sheet, past)})


_ANOTHER = {
    "narrow": "Do the smallest part of the goal that stands on its own, and nothing beside it.",
    "redirect": "The way taken so far did not work: start from the acceptance checks and choose a different one.",
    "inject": "Something is not known yet: before you change anything, find out how the code does this today.",
}


def _render(facts: DiagnoseFacts, diagnosed: Diagnosed, sheet: Sheet, past: _Past) -> str:
    if past.last is None:
        return first_prompt(sheet)  # stopped before anything ran: there is nothing to correct
    correction = Correction(
        attempt=past.attempts + 1,
        summary=diagnosed.summary,
        instruction=diagnosed.instruction,
        files=diagnosed.files,
        evidence=() if facts.comments else facts.evidence or _last_words(facts, past),
        comments=facts.comments,
        earlier=tuple(_in_words(one) for one in past.diagnoses if one.cause == facts.cause)[-3:],
    )
    return correction_prompt(sheet, correction) if diagnosed.resume else retry_prompt(sheet, correction)


def _last_words(facts: DiagnoseFacts, past: _Past) -> tuple[str, ...]:
    text = facts.final_text or (past.last.final_text if past.last else "")
    return tuple(row for row in text[-1500:].split("\n") if row.strip())


def _in_words(one: Diagnosis) -> str:
    told = " ".join(one.instruction.split())[:240]
    return f"{one.change}: {one.summary} {told}".strip()


def _paths(lines: Sequence[str]) -> set[str]:
    return {path for row in lines for path in re.findall(r"(?<![\w/])[\w.-]+(?:/[\w.-]+)+\.\w{1,8}\b", row)}


async def _passages(desk: Desk, about: str) -> tuple[Any, ...]:
    found = await desk.context.search(about, _PASSAGES)
    return tuple(passage_fact(one) for one in found if not gives_orders(one.text))


def _past(session: Session, task_id: int) -> _Past:
    task = session.get(Task, task_id)
    assert task is not None
    attempts = session.exec(select(Attempt).where(Attempt.task_id == task_id).order_by(col(Attempt.n))).all()
    diagnoses = session.exec(select(Diagnosis).where(Diagnosis.task_id == task_id).order_by(col(Diagnosis.id))).all()
    return _Past(task, attempts[-1] if attempts else None, attempts[-1].n if attempts else 0, tuple(diagnoses))


def _last_diagnosis(session: Session, task_id: int) -> Judgement | None:
    return session.exec(
        select(Judgement)
        .where(Judgement.task_id == task_id, Judgement.kind == Kind.DIAGNOSE, col(Judgement.answered_at).is_not(None))
        .order_by(col(Judgement.id).desc())
    ).first()
