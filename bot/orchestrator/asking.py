"""Asking models in turn until one gives a usable answer, and keeping account of what each question cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel

from bot.orchestrator.models import Voice
from integrations.models import Answer, Ask, InvalidAnswer, ModelError, Truncated, Usage
from integrations.prices import cost_usd

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True)
class Charge:
    """What one question cost, answered or not. `cost_usd` is None when the model's price is not known."""

    purpose: str
    family: str
    model: str
    usage: Usage
    cost_usd: float | None


@dataclass(frozen=True)
class Failure:
    """A model that did not answer, with the name of the reason (`rate_limit`, `auth`, …)."""

    family: str
    model: str
    kind: str
    message: str
    retryable: bool
    not_before: datetime | None = None

    def __str__(self) -> str:
        return f"{self.model or self.family}: {self.kind}: {self.message}"


@dataclass(frozen=True)
class Said(Generic[T]):
    """A usable answer, who gave it, and the way to it.

    Attributes:
        by: the model's name, or `rules`.
        failures: the models that were asked before it, in vain.
    """

    value: T
    voice: Voice
    by: str
    charges: tuple[Charge, ...] = ()
    failures: tuple[Failure, ...] = ()


class NobodyAnswered(Exception):
    """Every model failed.

    Attributes:
        failures, charges: what was tried, and what it cost all the same.
    """

    def __init__(self, failures: Sequence[Failure], charges: Sequence[Charge]) -> None:
        super().__init__("; ".join(str(one) for one in failures) or "no model is configured")
        self.failures = tuple(failures)
        self.charges = tuple(charges)

    @property
    def retryable(self) -> bool:
        """Whether waiting may help."""
        return any(one.retryable for one in self.failures)

    @property
    def not_before(self) -> datetime | None:
        """The earliest moment at which one of them may answer; None when none named a time."""
        times = [one.not_before for one in self.failures if one.retryable and one.not_before is not None]
        return min(times, default=None)


async def ask_in_turn(
    voices: Sequence[Voice], ask: Ask, schema: type[T], complaint: Callable[[T], str] = lambda value: ""
) -> Said[T]:
    """Ask each voice until one gives a usable answer.

    Parameters:
        complaint: what is wrong with an answer that fits the schema and still cannot be used; empty for nothing.

    Raises:
        NobodyAnswered: none did.
    """
    failures: list[Failure] = []
    charges: list[Charge] = []
    for voice in voices:
        question = ask
        for last_chance in (False, True):
            try:
                answer = await voice.model.answer(question, schema)
                wrong = complaint(answer.value)
                if wrong:
                    raise InvalidAnswer(voice.family, wrong, usage=answer.usage)
            except ModelError as problem:
                charges += _charge(ask.purpose, voice, voice.model.name, problem.usage)
                if last_chance or not isinstance(problem, InvalidAnswer | Truncated):
                    failures.append(_failure(voice, problem))
                    break
                question = _ask_again(question, problem)
            else:
                charges += _charge(ask.purpose, voice, answer.model, answer.usage)
                return Said(answer.value, voice, _signature(answer), tuple(charges), tuple(failures))
    raise NobodyAnswered(failures, charges)


def _ask_again(ask: Ask, problem: ModelError) -> Ask:
    """One repair turn: more room for a cut answer, the complaint for an unusable one."""
    if isinstance(problem, Truncated):
        return replace(ask, max_output_tokens=ask.max_output_tokens * 2)
    return replace(ask, prompt=f"{ask.prompt}\n\nYour last answer could not be used: {problem}. Answer again.")


def _signature(answer: Answer[T]) -> str:
    return "rules" if answer.family == "rules" else answer.model


def _charge(purpose: str, voice: Voice, model: str, usage: Usage) -> list[Charge]:
    if not (usage.input or usage.output):
        return []
    cost = cost_usd(voice.price or model, input=usage.input, cached=usage.cached, output=usage.output)
    return [Charge(purpose, voice.family, model, usage, 0.0 if not voice.real else cost)]


def _failure(voice: Voice, problem: ModelError) -> Failure:
    return Failure(
        voice.family, voice.model.name, problem.kind, str(problem)[:300], problem.retryable, problem.not_before
    )
