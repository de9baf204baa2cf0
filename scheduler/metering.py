"""What a run has used so far, counted from its own events while it goes on, and written down once for each attempt.

A run that was never seen from its beginning, after a restart, is counted from its beginning again: what was used
before the restart is used.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session, func, select

from integrations.agents import AgentEvent, Heard, Spent, Started, Text, Tokens, ToolCall, ToolResult, Usage
from integrations.prices import cost_usd
from scheduler.registry.work import Attempt
from scheduler.registry.writers import pay

_SHOWN = 150


@dataclass(frozen=True)
class Reading:
    """Figures of one run.

    Attributes:
        cost_usd: as the agent says; None when it says nothing.
        turns: requests to its model.
        whole_session: the figures count earlier runs of the resumed session in.
    """

    tokens: Tokens = field(default_factory=Tokens)
    cost_usd: float | None = None
    whole_session: bool = False
    model: str = ""
    turns: int = 0


class Meter:
    """Follows the events of one run.

    Attributes:
        offset: bytes of its event log that were counted.
        milestone: the last thing it was seen doing, one line.
        session_id: of its session, once it was seen.
        ledger_offset: bytes of the session's own ledger that were counted.
        heard: what was said to it while it ran and has reached it.
    """

    def __init__(self) -> None:
        self.offset = 0
        self.milestone = ""
        self._counted: list[Usage] = []
        self._pending: dict[str, Spent] = {}
        self._model = ""
        self.session_id = ""
        self.ledger_offset = 0
        self.heard: list[str] = []
        self._turns = 0
        self._answering = False

    def take(self, events: Iterable[AgentEvent]) -> None:
        """Count events, in their order."""
        for event in events:
            self._count_turn(event)
            match event:
                case Started():
                    self._model = event.model or self._model
                    self.session_id = event.session_id or self.session_id
                case Heard():
                    self.heard.append(event.text)
                case ToolCall():
                    self.milestone = f"{event.name}: {event.summary}"[:_SHOWN]
                case Text() if event.text.strip():
                    self.milestone = event.text.strip().splitlines()[0][:_SHOWN]
                case Spent():
                    self._pending[event.request] = event
                case Usage():
                    # The truth about every request since the last one.
                    self._counted = [event] if event.whole_session else [*self._counted, event]
                    self._pending.clear()
                case _:
                    pass

    def read(self) -> Reading:
        """What was used up to now."""
        parts: list[Usage | Spent] = [*self._counted, *self._pending.values()]
        costs = [one.cost_usd for one in parts if one.cost_usd is not None]
        return Reading(
            sum((one.tokens for one in parts), Tokens()),
            sum(costs) if costs and len(costs) == len(parts) else None,
            any(one.whole_session for one in self._counted),
            self._model,
            self._turns,
        )

    def _count_turn(self, event: AgentEvent) -> None:
        """A turn begins with the first word or tool after a tool came back."""
        if isinstance(event, ToolResult):
            self._answering = False
        elif isinstance(event, Text | ToolCall) and not self._answering:
            self._turns, self._answering = self._turns + 1, True


def charge(session: Session, now: datetime, attempt: Attempt, reading: Reading) -> None:
    """Write down what an attempt has used; the same attempt again replaces its figures.

    Where the agent names no price, list prices are taken, so that dollars bound every agent whose model is known.
    """
    tokens, cost = reading.tokens, reading.cost_usd
    if tokens == Tokens() and cost is None:
        return  # nothing could be read, which does not make what was read before untrue
    if reading.whole_session:
        tokens = _without_earlier(session, attempt, tokens)
    if cost is None:
        model = reading.model or attempt.model
        cost = cost_usd(model, input=tokens.input + tokens.cached, cached=tokens.cached, output=tokens.output)
    attempt.tokens_input, attempt.tokens_cached, attempt.tokens_output = tokens.input, tokens.cached, tokens.output
    attempt.cost_usd = attempt.cost_usd if cost is None else cost
    session.add(attempt)
    pay(
        session,
        now,
        key=f"attempt:{attempt.name}",
        purpose="attempt",
        task_id=attempt.task_id,
        attempt_id=attempt.id,
        model=attempt.model or reading.model,
        tokens_input=attempt.tokens_input,
        tokens_cached=attempt.tokens_cached,
        tokens_output=attempt.tokens_output,
        cost_usd=attempt.cost_usd,
    )


def _without_earlier(session: Session, attempt: Attempt, tokens: Tokens) -> Tokens:
    """Figures of a whole session, less what earlier attempts in it were charged for."""
    before = session.exec(
        select(
            func.coalesce(func.sum(Attempt.tokens_input), 0),
            func.coalesce(func.sum(Attempt.tokens_cached), 0),
            func.coalesce(func.sum(Attempt.tokens_output), 0),
        ).where(Attempt.task_id == attempt.task_id, Attempt.session_id == attempt.session_id, Attempt.n < attempt.n)
    ).one()
    return Tokens(
        max(tokens.input - before[0], 0), max(tokens.cached - before[1], 0), max(tokens.output - before[2], 0)
    )
