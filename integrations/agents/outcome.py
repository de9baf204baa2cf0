"""How a run ended, in the words of the failure taxonomy."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from integrations.agents.events import Tokens
from integrations.agents.question import AgentQuestion


class OutcomeKind(StrEnum):
    DONE = "done"  #: a terminal event without an error; whether it changed anything is for git to say
    STOPPED = "stopped"  #: somebody stopped it
    TIMEOUT = "timeout"  #: its deadline passed
    LOST = "lost"  #: no exit record and nobody holds its lock
    CRASHED = "crashed"  #: it ended without a terminal event
    BAD_SETUP = "bad-setup"  #: it could not start
    AUTH = "auth"  #: its login was refused
    BILLING = "billing"  #: no credit
    RATE_LIMIT = "rate-limit"
    OVERLOADED = "overloaded"  #: the provider failed or could not be reached
    NO_MODEL = "no-model"
    CONTEXT = "context"  #: out of context
    MAX_TURNS = "max-turns"
    BUDGET = "budget"
    REFUSED = "refused"
    OUTPUT_CAP = "output-cap"
    IDLE = "idle"  #: alive without progress; decided by the supervisor
    NO_CHANGE = "no-change"  #: ended well and changed nothing; decided by the supervisor


@dataclass(frozen=True)
class Outcome:
    """How a run ended and what it used.

    Attributes:
        message: the agent's or provider's own words for a failure, one line.
        final_text: what the agent said last.
        question: it ended with a question to a person.
    """

    kind: OutcomeKind
    message: str = ""
    session_id: str | None = None
    turns: int = 0
    tokens: Tokens = field(default_factory=Tokens)
    cost_usd: float | None = None
    final_text: str = ""
    question: AgentQuestion | None = None
