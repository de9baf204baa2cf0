"""Questions to a model, whoever answers them: Anthropic, OpenAI, or rules.

    errors.py      the tree of what can go wrong
    anthropic.py   Anthropic Messages, through its SDK
    openai.py      OpenAI Responses, through its SDK
    on_demand.py   the two above, imported when they are asked first
    rules/         answers without a model
    judgements.py  the questions and answers themselves

Nothing here reads the environment: keys and addresses come in as arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from integrations.models.errors import (
    AuthRefused,
    BillingRefused,
    InvalidAnswer,
    ModelError,
    NoSuchModel,
    Overloaded,
    PromptTooLong,
    RateLimited,
    Refused,
    RequestRejected,
    Truncated,
    Unreachable,
    Usage,
)

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True)
class Ask:
    """One question.

    Attributes:
        purpose: what it is for (`scope`, `diagnose`, `review`), for the ledger.
        system: who the model is to be, and the rules.
        prompt: the question with its fenced facts.
        max_output_tokens: the answer is cut there, which is an error (`Truncated`).
    """

    purpose: str
    system: str
    prompt: str
    max_output_tokens: int = 4000


@dataclass(frozen=True)
class Answer(Generic[T]):
    """A valid answer, and what it took.

    Attributes:
        value: an instance of the schema that was asked for.
        family: the vendor, or `rules`: two answers of one family are one opinion.
        model: the model that answered, as the vendor names it.
        usage: tokens spent.
    """

    value: T
    family: str
    model: str
    usage: Usage


class Model(Protocol):
    """Somebody who answers questions."""

    @property
    def family(self) -> str: ...

    @property
    def name(self) -> str: ...

    async def answer(self, ask: Ask, schema: type[T]) -> Answer[T]:
        """Answer in the shape of `schema`.

        Raises:
            ModelError: it was refused, failed, or does not fit the schema.
        """
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...


__all__ = [
    "Answer",
    "Ask",
    "AuthRefused",
    "BillingRefused",
    "InvalidAnswer",
    "Model",
    "ModelError",
    "NoSuchModel",
    "Overloaded",
    "PromptTooLong",
    "RateLimited",
    "Refused",
    "RequestRejected",
    "Truncated",
    "Unreachable",
    "Usage",
]
