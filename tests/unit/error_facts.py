"""Builders of an error that was noticed, as its signal row holds it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.errors import Event, Frame, Issue
from scheduler.discovery.facts import ERRORS, ErrorFacts, Place
from scheduler.discovery.gates import History, event_gates, issue_gates
from scheduler.lifecycle import SignalState
from scheduler.policy import ErrorScan, RepositoryPolicy
from scheduler.registry import Signal

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
REPOSITORY = RepositoryPolicy("acme/ledgerline")


def facts(words: str = "invalid literal for int() with base 10: 'abc'") -> ErrorFacts:
    """A broken address, seen by five people; all that strangers wrote says `words`."""
    issue = Issue(
        id="7",
        short_id="LEDGERLINE-7",
        title=f"ValueError: {words}",
        url="https://acme.sentry.io/issues/7/",
        project="ledgerline",
        kind="ValueError",
        message=words,
        count=12,
        users=5,
        first_seen=NOON - timedelta(days=2),
        last_seen=NOON,
    )
    event = Event(
        id="e1",
        at=NOON,
        kind="ValueError",
        message=words,
        frames=(
            Frame(path="wsgiref/handlers.py", function="run", line=137, code="self.result = application()"),
            Frame(path="app/web.py", function="__call__", line=41, in_app=True, code="response = handler(query)"),
            Frame(path="app/web.py", function="invoice_page", line=71, in_app=True, code=f"int({words!r})"),
        ),
        release="0123456789abcdef0123456789abcdef01234567",
    )
    places = (Place(path="app/web.py", line=41, function="__call__"), Place(path="app/web.py", line=71))
    return ErrorFacts(issue=issue, event=event, places=places)


def signal(state: SignalState = SignalState.PROPOSED, words: str = "it broke", **fields: Any) -> Signal:
    seen = facts(words)
    assert seen.event is not None
    gates = issue_gates(seen.issue, History(), REPOSITORY, ErrorScan(), NOON)
    gates += event_gates(seen.event, seen.places, REPOSITORY, ErrorScan(), History())
    given: dict[str, Any] = {
        "id": 3,
        "source": ERRORS,
        "dedupe_key": "errors:sentry.io/acme:7",
        "name": seen.issue.short_id,
        "title": seen.issue.title,
        "url": seen.issue.url,
        "repo": REPOSITORY.slug,
        "state": state,
        "facts": seen.model_dump(mode="json"),
        "gates": [gate.model_dump() for gate in gates],
        "task_id": 12,
        "created_at": NOON,
        "updated_at": NOON,
        **fields,
    }
    return Signal(**given)
