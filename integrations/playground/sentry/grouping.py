"""Which events are one issue, and how it is called. Pure, over events as a Sentry SDK sends them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

_TITLE = 200


def raised(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The exception that was not caught: of a chain, the last; empty for a message."""
    values = (event.get("exception") or {}).get("values") or []
    return values[-1] if values else {}


def frames(event: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The calls of that exception, outermost first."""
    return (raised(event).get("stacktrace") or {}).get("frames") or []


def fingerprint(event: Mapping[str, Any]) -> str:
    """The same for events of one type that were raised through the same functions of the application.

    Lines are left out: they move with every change of a file. Without a stack trace the text has to do.
    """
    own = [one for one in frames(event) if one.get("in_app")] or frames(event)
    path = [f"{one.get('module') or one.get('filename')}:{one.get('function')}" for one in own]
    parts = [str(raised(event).get("type") or ""), *(path or [message(event)])]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def message(event: Mapping[str, Any]) -> str:
    said = event.get("logentry") or {}
    return str(said.get("formatted") or said.get("message") or event.get("message") or "")


def title(event: Mapping[str, Any]) -> str:
    """`ValueError: what it says`, on one line."""
    kind, value = raised(event).get("type"), raised(event).get("value")
    text = f"{kind}: {value}" if kind and value else str(kind or message(event) or "<unlabeled event>")
    return " ".join(text.split())[:_TITLE]


def culprit(event: Mapping[str, Any]) -> str:
    """The transaction, or the innermost function of the application."""
    own = [one for one in frames(event) if one.get("in_app")]
    last = own[-1] if own else {}
    return str(event.get("transaction") or (f"{last.get('module')} in {last.get('function')}" if last else ""))


def person(event: Mapping[str, Any]) -> str:
    """Somebody who was affected, as a number that tells them apart and nothing else; empty when nobody is named."""
    user = event.get("user") or {}
    known = next((str(user[name]) for name in ("id", "email", "username", "ip_address") if user.get(name)), "")
    return hashlib.sha256(known.encode()).hexdigest()[:16] if known else ""
