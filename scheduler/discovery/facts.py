"""What a signal row holds of an error, as values."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from integrations.errors import Event, Issue
from scheduler.registry.work import Signal

ERRORS = "errors"  #: the source of such signals
CURSOR = "discovery:errors"  #: the fact that holds how far the scan has come
_LONGEST_TRACE = 6000


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Place(_Value):
    """A frame of the application, found in the repository."""

    path: str
    line: int
    function: str = ""


class ErrorFacts(_Value):
    """An issue and what was found out about it.

    Attributes:
        event: the latest one that was looked at; None before.
        places: its frames in the repository, outermost first.
    """

    issue: Issue
    event: Event | None = None
    places: tuple[Place, ...] = ()


class Gate(_Value):
    """One condition, whether it holds, and why: a clause that people can read."""

    name: str
    ok: bool
    why: str


def read_facts(row: Signal) -> ErrorFacts:
    return ErrorFacts.model_validate(row.facts)


def read_gates(row: Signal) -> tuple[Gate, ...]:
    return tuple(Gate.model_validate(one) for one in row.gates)


def trace(facts: ErrorFacts, *, own_only: bool = False) -> str:
    """The stack trace as text, innermost call last. Data: strangers wrote it.

    Parameters:
        own_only: only the application's frames.
    """
    event = facts.event
    if event is None:
        return ""
    rows = []
    for frame in event.in_app if own_only else event.frames:
        rows.append(f"{frame.path}:{frame.line} in {frame.function}")
        if frame.code.strip():
            rows.append(f"    {frame.code.strip()}")
    rows.append(f"{event.kind}: {event.message}")
    return "\n".join(rows)[-_LONGEST_TRACE:]
