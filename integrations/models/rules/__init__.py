"""Answers without a model: pure functions over the facts of a question.

    words.py     which words mean something, and sentences as they stand in a text
    scope.py     a request becomes a task
    diagnose.py  a failure becomes the next instruction
    review.py    a diff is looked at, check by check
    checks.py    those checks
    verify.py    whether a claim about a line is what a check sees there too
    diff.py      a unified diff as values

They are honest: keyword rules that quote what they saw and say when they do not understand.
"""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from integrations.models import Answer, Ask, InvalidAnswer, T, Usage
from integrations.models.judgements import ClaimFacts, DiagnoseFacts, ReviewFacts, ScopeFacts, read_facts
from integrations.models.rules.diagnose import diagnose
from integrations.models.rules.review import EVERYTHING, Lens, review
from integrations.models.rules.scope import scope
from integrations.models.rules.verify import verify

FAMILY = "rules"
NAME = "rules-1"


class RulesModel:
    """Answers a question from the fenced facts in its prompt; spends no tokens."""

    family = FAMILY
    name = NAME

    async def answer(self, ask: Ask, schema: type[T]) -> Answer[T]:
        """Raises InvalidAnswer when the prompt has no facts, or the schema asks for something else."""
        try:
            value = judge(ask.prompt)
        except ValidationError as error:
            raise InvalidAnswer(FAMILY, f"the facts in the prompt are not complete: {error}") from error
        if value is None:
            raise InvalidAnswer(FAMILY, "the prompt has no facts that rules understand")
        if not isinstance(value, schema):
            raise InvalidAnswer(FAMILY, f"the facts ask for a {type(value).__name__}, not for a {schema.__name__}")
        return Answer(value, FAMILY, NAME, Usage())

    async def close(self) -> None:
        """Nothing is held."""


def judge(prompt: str, lens: Lens = EVERYTHING) -> BaseModel | None:
    """The answer to the facts in a prompt, or None when it has none.

    Raises:
        pydantic.ValidationError: the fence holds something else than facts.
    """
    found = read_facts(prompt)
    if found is None:
        return None
    match found[1]:
        case ScopeFacts() as facts:
            return scope(facts)
        case DiagnoseFacts() as facts:
            return diagnose(facts)
        case ReviewFacts() as facts:
            return review(facts, lens)
        case ClaimFacts() as facts:
            return verify(facts)
        case _:
            return None


__all__ = ["FAMILY", "NAME", "RulesModel", "diagnose", "judge", "review", "scope", "verify"]
