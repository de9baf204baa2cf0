"""How a run ended, in the words of the failure taxonomy, and what every agent's outcome has in common."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from integrations.agents.events import (
    AgentEvent,
    Ended,
    Failed,
    Limited,
    Retry,
    Spent,
    Started,
    Text,
    Tokens,
    ToolCall,
    ToolResult,
    Unknown,
    Unreadable,
    Usage,
)
from integrations.agents.json_line import storable
from integrations.agents.question import AgentQuestion, read_question
from integrations.agents.resets import reset_in_words
from integrations.engines import RunExit


class OutcomeKind(StrEnum):
    DONE = "done"  #: a terminal event without an error; whether it changed anything is for git to say
    STOPPED = "stopped"  #: somebody stopped it
    TIMEOUT = "timeout"  #: its deadline passed
    LOST = "lost"  #: no exit record and nobody holds its lock
    CRASHED = "crashed"  #: it ended without a terminal event
    MEMORY = "memory"  #: it was stopped because it used more memory than a run may
    PROCESSES = "processes"  #: it was stopped because it started more processes than a run may
    OUTPUT = "output"  #: it was stopped because it wrote more than a run may
    BAD_SETUP = "bad-setup"  #: it could not start, or was not allowed to work
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
        message: the agent's or provider's own words for a failure, one line. With a good end: what makes it doubtful.
        session_id: None when no session began, so that there is none to go on with.
        turns: requests to the model.
        tokens, cost_usd: of this run alone, unless `whole_session`.
        whole_session: the figures count earlier runs of the resumed session in.
        final_text: what the agent said last.
        question: it ended with a question to a person.
        unreadable: lines of its stream that were no events.
        resets_at: when the provider's limit ends, in seconds since 1970; None when it is not known.
    """

    kind: OutcomeKind
    message: str = ""
    session_id: str | None = None
    turns: int = 0
    tokens: Tokens = field(default_factory=Tokens)
    cost_usd: float | None = None
    final_text: str = ""
    question: AgentQuestion | None = None
    whole_session: bool = False
    model: str = ""
    version: str = ""
    unreadable: int = 0
    resets_at: float | None = None


_ERROR = re.compile(r"(fatal|error)\b", re.IGNORECASE)
#: the limits that a runaway passed, by the runner's own names for them
RUNAWAY = {one.value: one for one in (OutcomeKind.MEMORY, OutcomeKind.PROCESSES, OutcomeKind.OUTPUT)}


def ended_by_runner(events: Sequence[AgentEvent], exit: RunExit | None, stderr_tail: str) -> OutcomeKind | None:
    """What the runner alone can tell, for every agent alike; None when it is for the agent's stream to say."""
    ended = any(isinstance(one, Ended) for one in events)
    if exit is None or exit.why == "lost":
        return None if ended else OutcomeKind.LOST
    if exit.why == "stopped":
        return OutcomeKind.STOPPED
    if exit.why == "timeout":
        return OutcomeKind.TIMEOUT
    if exit.why in RUNAWAY:
        return RUNAWAY[exit.why]
    if exit.rc in {126, 127}:
        return OutcomeKind.BAD_SETUP
    said_nothing = all(isinstance(one, Unknown) for one in events)
    if said_nothing and (exit.rc or 0) > 0 and stderr_tail.strip():
        return OutcomeKind.BAD_SETUP
    return None


def assemble(
    kind: OutcomeKind, events: Sequence[AgentEvent], exit: RunExit | None, stderr_tail: str, message: str = ""
) -> Outcome:
    """An outcome of the given kind, with all that can be read off the events."""
    started = next((one for one in reversed(events) if isinstance(one, Started)), None)
    said = next((one.text for one in reversed(events) if isinstance(one, Text) and one.text.strip()), "")
    ends = [one for one in events if isinstance(one, Ended)]
    final = ends[-1].text if ends and ends[-1].text else said
    tokens, cost, whole = spent(events)
    if kind is not OutcomeKind.DONE:
        message = message or _why(kind, ends, exit, stderr_tail)
    return Outcome(
        kind=kind,
        message=storable(message)[:300],
        session_id=started.session_id if started and started.session_id else None,
        turns=sum(one.turns for one in ends) or count_turns(events),
        tokens=tokens,
        cost_usd=cost,
        final_text=final,
        question=read_question(final) if kind is OutcomeKind.DONE else None,
        whole_session=whole,
        model=started.model if started else "",
        version=started.version if started else "",
        unreadable=sum(1 for one in events if isinstance(one, Unreadable)),
        resets_at=_reset(events, exit, (message, final, stderr_tail)) if kind is OutcomeKind.RATE_LIMIT else None,
    )


def _reset(events: Sequence[AgentEvent], exit: RunExit | None, told: Sequence[str]) -> float | None:
    """When the limit ends: as the stream says it, else in the words of whoever complained last."""
    said = next((one.resets_at for one in reversed(events) if isinstance(one, Limited)), None)
    if said is not None or exit is None or not exit.ended_at:
        return said
    errors = [one for one in events if isinstance(one, Failed | Retry)][-3:]
    complaints = [one.message if isinstance(one, Failed) else one.error for one in reversed(errors)]
    read = (reset_in_words(text, exit.ended_at) for text in (*told, *complaints))
    return next((at for at in read if at is not None), None)


def _why(kind: OutcomeKind, ends: Sequence[Ended], exit: RunExit | None, stderr_tail: str) -> str:
    if kind in RUNAWAY.values():
        return _runaway(kind, exit)
    if kind in {OutcomeKind.STOPPED, OutcomeKind.TIMEOUT, OutcomeKind.LOST}:
        return ""
    told = next((line.strip() for line in ends[-1].text.splitlines() if line.strip()), "") if ends else ""
    told = told or _complaint(stderr_tail)
    if not told and exit is not None:
        signalled = exit.rc is not None and (exit.rc < 0 or exit.rc > 128)
        how = f"was killed by signal {abs(exit.rc or 0) % 128}" if signalled else f"ended with exit code {exit.rc}"
        told = f"It {how}, without a last word."
    return told


def _runaway(kind: OutcomeKind, exit: RunExit | None) -> str:
    if kind is OutcomeKind.PROCESSES:
        return "It started more processes at once than a run may."
    if kind is OutcomeKind.OUTPUT:
        return "It wrote more output than a run may."
    most = exit.peak_rss_bytes if exit is not None else 0
    return f"It used {most / 2**20:,.0f} MB of memory, more than a run may." if most else "It used too much memory."


def _complaint(stderr_tail: str) -> str:
    """The line that says what is wrong: one that calls itself an error, else the last."""
    lines = [line.strip() for line in stderr_tail.splitlines() if line.strip()]
    return next((line for line in lines if _ERROR.match(line)), lines[-1] if lines else "")


def spent(events: Sequence[AgentEvent]) -> tuple[Tokens, float | None, bool]:
    """Tokens, cost, and whether they are the whole session's. Without a final count, the sum of what was seen."""
    counts = [one for one in events if isinstance(one, Usage)]
    if counts and counts[-1].whole_session:
        return counts[-1].tokens, counts[-1].cost_usd, True
    if counts:
        known = [one.cost_usd for one in counts if one.cost_usd is not None]
        return sum((one.tokens for one in counts), Tokens()), sum(known) if known else None, False
    requests = {one.request: one for one in events if isinstance(one, Spent)}.values()
    known = [one.cost_usd for one in requests if one.cost_usd is not None]
    return sum((one.tokens for one in requests), Tokens()), sum(known) if known else None, False


def count_turns(events: Sequence[AgentEvent]) -> int:
    """Requests to the model, as far as its words and its tools show them."""
    turns, answering = 0, False
    for one in events:
        if isinstance(one, Text | ToolCall) and not answering:
            turns, answering = turns + 1, True
        elif isinstance(one, ToolResult):
            answering = False
    return turns
