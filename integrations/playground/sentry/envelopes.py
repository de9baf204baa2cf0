"""What a Sentry SDK sends: envelopes of lines, read into error events. Pure.

An envelope is one JSON line, then items: a JSON header line, and a payload of `length` bytes or up to the line's end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_KEY = re.compile(r"\bsentry_key=(\w+)")


class BadEnvelope(ValueError):
    """It is not an envelope; the message says where."""


def read_envelope(data: bytes) -> list[dict[str, Any]]:
    """The error events of an envelope. Sessions, transactions, check-ins and what else comes along are left out.

    Raises:
        BadEnvelope
    """
    _, rest = _line(data, "the envelope's header")
    events = []
    while rest.strip(b"\n"):
        header, rest = _line(rest.lstrip(b"\n"), "an item's header")
        length = header.get("length")
        if length is None:
            payload, _, rest = rest.partition(b"\n")
        elif not isinstance(length, int) or length > len(rest):
            raise BadEnvelope("an item is shorter than it says")
        else:
            payload, rest = rest[:length], rest[length:]
        if header.get("type") == "event":
            events.append(read_event(payload))
    return events


def read_event(payload: bytes) -> dict[str, Any]:
    """The event of a store call or of an envelope's item.

    Raises:
        BadEnvelope
    """
    try:
        event = json.loads(payload)
    except ValueError as problem:
        raise BadEnvelope(f"an event is not JSON: {problem}") from problem
    if not isinstance(event, dict) or not event.get("event_id"):
        raise BadEnvelope("an event has no id")
    return event


def key_of(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    """The DSN's public key, from the header or the address; empty when there is none."""
    found = _KEY.search(headers.get("X-Sentry-Auth", ""))
    return found[1] if found else query.get("sentry_key", "")


def _line(data: bytes, what: str) -> tuple[dict[str, Any], bytes]:
    line, _, rest = data.partition(b"\n")
    try:
        value = json.loads(line)
    except ValueError as problem:
        raise BadEnvelope(f"{what} is not JSON: {problem}") from problem
    if not isinstance(value, dict):
        raise BadEnvelope(f"{what} is no object")
    return value, rest
