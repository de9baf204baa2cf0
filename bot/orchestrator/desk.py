"""What an answer is worked out with: one value that holds every door of the orchestrator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import BaseModel

from bot.context.store import ContextStore
from bot.orchestrator.asking import Charge, Failure
from bot.orchestrator.models import Panel, Voice
from bot.orchestrator.reading import RepositoryReader
from integrations.redact import redact
from scheduler.policy import Policy
from scheduler.registry import Registry


@dataclass(frozen=True)
class Desk:
    """The doors of the orchestrator.

    Attributes:
        models, policy: as they are now; both may change while Waggle runs.
        secrets: literal values that must not stand in any prompt.
    """

    registry: Registry
    context: ContextStore
    reader: RepositoryReader
    models: Callable[[], Panel]
    policy: Callable[[], Policy]
    clock: Callable[[], datetime]
    secrets: Sequence[str] = ()

    def clean(self, prompt: str) -> str:
        """A prompt without anything that looks like, or is, a secret."""
        return redact(prompt, self.secrets)


@dataclass(frozen=True)
class Answered:
    """An answer to a judgement row, ready to be written down.

    Attributes:
        value: the answer, in the shape that `scheduler.judging` names.
        by: the model that gave it, `rules`, or `facts` when it follows from rows alone.
        charges: what it cost, apart from reviews, which the supervisor books with their rows.
        failures: models that were asked in vain.
        notes: what was left out or corrected, for the audit log.
    """

    value: BaseModel
    by: str
    charges: tuple[Charge, ...] = ()
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Turn:
    """Who is asked this time: the models in order, or the rules after these have failed."""

    judges: tuple[Voice, ...]
    last: bool = False  #: nobody is asked after these: what cannot be had is done without
