"""Issues and events as Sentry's REST interface writes them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from integrations.playground.place import SENTRY_ORGANISATION, SENTRY_PROJECT
from integrations.playground.sentry.grouping import frames, raised
from integrations.playground.sentry.memory import StoredEvent, StoredIssue
from integrations.playground.sentry.world import PROJECT_ID, SentryWorld, short_id_of

_STANDARD = {"abs_path": "absPath", "filename": "filename", "module": "module", "function": "function"}


def organisation() -> dict[str, Any]:
    return {"id": "1", "slug": SENTRY_ORGANISATION, "name": "Acme", "status": {"id": "active", "name": "active"}}


def project() -> dict[str, Any]:
    return {"id": PROJECT_ID, "slug": SENTRY_PROJECT, "name": "Ledgerline", "platform": "python"}


def issue(world: SentryWorld, one: StoredIssue) -> dict[str, Any]:
    details: dict[str, Any] = {}
    if one.resolved_in and one.status == "resolved":
        details = {
            "inCommit": {"id": one.resolved_in, "repository": {"name": f"{SENTRY_ORGANISATION}/{SENTRY_PROJECT}"}}
        }
    return {
        "id": str(one.id),
        "shareId": None,
        "shortId": short_id_of(one),
        "title": one.title,
        "culprit": one.culprit,
        "permalink": f"{world.place.url}/sentry/issues/{one.id}/",
        "logger": None,
        "level": one.level,
        "status": one.status,
        "statusDetails": details,
        "substatus": world.substatus(one) or None,
        "isPublic": False,
        "platform": one.platform,
        "project": project(),
        "type": "error",
        "issueType": "error",
        "issueCategory": "error",
        "priority": "high" if one.level == "fatal" else "medium",
        "metadata": {"type": one.kind, "value": one.message},
        "numComments": 0,
        "assignedTo": None,
        "isBookmarked": False,
        "isUnhandled": True,
        "count": str(one.count),
        "userCount": one.people,
        "firstSeen": moment(one.first_seen),
        "lastSeen": moment(one.last_seen),
    }


def event(stored: StoredEvent) -> dict[str, Any]:
    body = stored.body
    entries = []
    if raised(body):
        values = (body.get("exception") or {}).get("values") or []
        entries.append({"type": "exception", "data": {"values": [_exception(one) for one in values]}})
    if body.get("request"):
        entries.append({"type": "request", "data": _request(body["request"])})
    return {
        "id": stored.id,
        "eventID": stored.id,
        "groupID": str(stored.issue),
        "projectID": PROJECT_ID,
        "dateCreated": moment(stored.at),
        "platform": body.get("platform") or "other",
        "type": "error",
        "entries": entries,
        "tags": [
            {"key": name, "value": str(body[name])} for name in ("environment", "level", "release") if body.get(name)
        ],
        "release": {"version": stored.release} if stored.release else None,
        "user": {"id": stored.person} if stored.person else None,
        "sdk": body.get("sdk") or None,
        "errors": [],
    }


def own_frames(stored: StoredEvent) -> list[dict[str, Any]]:
    """The application's frames, the innermost first, as the page shows them."""
    return [_frame(one) for one in reversed(list(frames(stored.body))) if one.get("in_app")]


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _exception(one: Mapping[str, Any]) -> dict[str, Any]:
    stack = (one.get("stacktrace") or {}).get("frames") or []
    return {
        "type": one.get("type"),
        "value": one.get("value"),
        "module": one.get("module"),
        "mechanism": one.get("mechanism"),
        "stacktrace": {"frames": [_frame(frame) for frame in stack], "hasSystemFrames": True},
    }


def _frame(one: Mapping[str, Any]) -> dict[str, Any]:
    line = int(one.get("lineno") or 0)
    before: Sequence[str] = one.get("pre_context") or []
    after: Sequence[str] = one.get("post_context") or []
    code = [(line - len(before) + n, text) for n, text in enumerate(before)]
    code += [(line, one["context_line"])] if one.get("context_line") is not None else []
    code += [(line + 1 + n, text) for n, text in enumerate(after)]
    named = {wire: one.get(name) for name, wire in _STANDARD.items()}
    return {**named, "lineNo": line or None, "colNo": None, "inApp": bool(one.get("in_app")), "context": code}


def _request(one: Mapping[str, Any]) -> dict[str, Any]:
    headers = one.get("headers") or {}
    return {
        "url": one.get("url"),
        "method": one.get("method"),
        "headers": [[name, value] for name, value in headers.items()],
    }
