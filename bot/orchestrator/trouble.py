"""The error that a task is about, as agents and models are told it: the stack trace, and the code that it leads to."""

from __future__ import annotations

import asyncio

from bot.orchestrator.desk import Desk
from bot.orchestrator.prompts import Excerpt, Trouble
from integrations.fault import IntegrationError
from scheduler.discovery.facts import ErrorFacts, Place, read_facts, trace
from scheduler.discovery.following import signal_of
from scheduler.registry import Signal, Task

_AROUND = 8  #: lines before and behind the one that was reached
_MOST_EXCERPTS = 4
_LONGEST_LINE = 200


async def trouble_of(desk: Desk, task: Task) -> Trouble | None:
    """What is known of the error; None when the task is about none. The code is that of the base branch now."""
    row = await desk.registry.read(lambda session: signal_of(session, task))
    if row is None:
        return None
    facts = read_facts(row)
    return Trouble(row.name, _seen(facts), trace(facts), await asyncio.to_thread(_code, desk, row, facts))


def _seen(facts: ErrorFacts) -> str:
    issue = facts.issue
    return f"{issue.count} times, by {issue.users} people, since {issue.first_seen:%Y-%m-%d}"


def _code(desk: Desk, row: Signal, facts: ErrorFacts) -> tuple[Excerpt, ...]:
    found: dict[tuple[str, int], Excerpt] = {}
    for place in reversed(facts.places):
        if len(found) == _MOST_EXCERPTS:
            break
        excerpt = _excerpt(desk, row.repo, place)
        if excerpt is not None:
            found.setdefault((excerpt.path, excerpt.first), excerpt)
    return tuple(found.values())


def _excerpt(desk: Desk, slug: str, place: Place) -> Excerpt | None:
    try:
        text = desk.reader.read(slug, place.path)
    except IntegrationError:
        return None  # the agent has the file itself; this only saves it the way
    rows = (text or "").split("\n")
    if not 0 < place.line <= len(rows):
        return None
    first, last = max(1, place.line - _AROUND), min(len(rows), place.line + _AROUND)
    return Excerpt(place.path, first, last, "\n".join(one[:_LONGEST_LINE] for one in rows[first - 1 : last]))
