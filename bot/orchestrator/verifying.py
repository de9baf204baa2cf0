"""A second opinion: a serious finding is put to a model of another family, which tries to refute it."""

from __future__ import annotations

from dataclasses import dataclass

from bot.orchestrator.asking import Charge, NobodyAnswered, ask_in_turn
from bot.orchestrator.desk import Desk
from bot.orchestrator.findings import Weighed
from bot.orchestrator.models import Voice
from bot.orchestrator.prompts import model_prompt
from integrations.models import Ask
from integrations.models.judgements import ClaimFacts, JudgementKind, Verification, fence_facts

_AROUND = 40  #: lines of the file that are shown before and after the place


@dataclass(frozen=True)
class Opinion:
    """`result` is `unverified` when the other model could not be asked: the finding then keeps its weight."""

    result: str
    why: str
    charges: tuple[Charge, ...] = ()


async def second_opinion(desk: Desk, voice: Voice, one: Weighed, text: str) -> Opinion:
    """Ask `voice` about a finding of another family.

    Parameters:
        text: the file at head.
    """
    claim = ClaimFacts(
        path=one.finding.path,
        line=one.line,
        title=one.finding.title,
        why=one.finding.why,
        code=_numbered(text, one.line),
    )
    system, prompt = model_prompt("verify", fence_facts(JudgementKind.VERIFY, claim))
    try:
        said = await ask_in_turn((voice,), Ask("verify", system, desk.clean(prompt), 1000), Verification)
    except NobodyAnswered as failed:
        return Opinion("unverified", str(failed), failed.charges)
    return Opinion(said.value.result, said.value.why, said.charges)


def _numbered(text: str, line: int) -> str:
    rows = text.split("\n")
    first = max(line - _AROUND, 1)
    return "\n".join(f"{n}: {rows[n - 1]}" for n in range(first, min(line + _AROUND, len(rows)) + 1))
