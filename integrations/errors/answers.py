"""The shapes of Sentry's answers, as far as they are used, read into values. Pure.

Only what is asked for here is read: users, breadcrumbs, request bodies and variables never enter Waggle.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from integrations.errors.values import Event, Frame, Issue, Status
from integrations.redact import redact

_TEXT = 300
_LINE = 200
_FRAMES = 50
_STATUS: dict[str, Status] = {"unresolved": "unresolved", "resolved": "resolved", "resolvedInNextRelease": "resolved"}


class UnreadableError(ValueError):
    """The answer has not the shape that Sentry's has."""


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class _Project(_Wire):
    id: str = ""
    slug: str


class _Metadata(_Wire):
    type: str | None = None
    value: str | None = None


class _Person(_Wire):
    name: str | None = None


class _Derived(_Wire):
    has_open_fix: bool | None = Field(None, alias="hasOpenFixPr")


class _Issue(_Wire):
    id: str
    short_id: str = Field(alias="shortId")
    title: str | None = None
    culprit: str | None = None
    permalink: str | None = None
    status: str
    substatus: str | None = None
    level: str | None = None
    category: str | None = Field(None, alias="issueCategory")
    project: _Project
    metadata: _Metadata = _Metadata()
    count: int
    users: int = Field(0, alias="userCount")
    first_seen: datetime = Field(alias="firstSeen")
    last_seen: datetime = Field(alias="lastSeen")
    assigned: _Person | None = Field(None, alias="assignedTo")
    derived: _Derived | None = Field(None, alias="derivedData")


class _Frame(_Wire):
    filename: str | None = None
    abs_path: str | None = Field(None, alias="absPath")
    module: str | None = None
    function: str | None = None
    line: int | None = Field(None, alias="lineNo")
    in_app: bool | None = Field(None, alias="inApp")
    context: list[tuple[int, str | None]] | None = None


class _Stack(_Wire):
    frames: list[_Frame] | None = None


class _Exception(_Wire):
    type: str | None = None
    value: str | None = None
    stacktrace: _Stack | None = None


class _Entry(_Wire):
    type: str
    data: Any = None


class _Exceptions(_Wire):
    values: list[_Exception] | None = None


class _Request(_Wire):
    url: str | None = None
    headers: list[tuple[str | None, str | None]] | None = None


class _Tag(_Wire):
    key: str
    value: str | None = None


class _Release(_Wire):
    version: str | None = None


class _Event(_Wire):
    id: str = Field(alias="eventID")
    created: datetime = Field(alias="dateCreated")
    entries: list[_Entry] = []
    tags: list[_Tag] = []
    release: _Release | None = None


def read_issues(answer: Any) -> list[Issue]:
    """Issues in the order of the answer. Raises UnreadableError."""
    if not isinstance(answer, list):
        raise UnreadableError(f"a list was expected, not {type(answer).__name__}")
    return [read_issue(one) for one in answer]


def read_issue(answer: Any) -> Issue:
    """Raises UnreadableError."""
    wire = _read(_Issue, answer)
    return Issue(
        id=wire.id,
        short_id=wire.short_id,
        title=_clean(wire.title),
        culprit=_clean(wire.culprit),
        url=wire.permalink or "",
        status=_STATUS.get(wire.status, "ignored"),
        substatus=wire.substatus or "",
        level=wire.level or "error",
        category=wire.category or "error",
        project=wire.project.slug,
        project_id=wire.project.id,
        kind=_clean(wire.metadata.type),
        message=_clean(wire.metadata.value),
        count=wire.count,
        users=wire.users,
        first_seen=wire.first_seen,
        last_seen=wire.last_seen,
        assigned_to=_clean(wire.assigned.name if wire.assigned else ""),
        has_open_fix=bool(wire.derived and wire.derived.has_open_fix),
    )


def read_event(answer: Any) -> Event:
    """Raises UnreadableError."""
    wire = _read(_Event, answer)
    by_type = {one.type: one.data for one in wire.entries}
    raised = _read(_Exceptions, by_type["exception"]).values if by_type.get("exception") else None
    last = raised[-1] if raised else _Exception()  # chained exceptions: the last one is what was not caught
    request = _read(_Request, by_type["request"]) if by_type.get("request") else _Request()
    agents = [value for name, value in request.headers or [] if (name or "").lower() == "user-agent"]
    frames = (last.stacktrace.frames or []) if last.stacktrace else []
    return Event(
        id=wire.id,
        at=wire.created,
        kind=_clean(last.type),
        message=_clean(last.value),
        frames=tuple(_frame(one) for one in frames[-_FRAMES:]),
        release=_clean(wire.release.version if wire.release else ""),
        environment=_clean(next((tag.value for tag in wire.tags if tag.key == "environment"), "")),
        host=urlsplit(request.url or "").hostname or "",
        user_agent=_clean(agents[0] if agents else ""),
    )


def _frame(wire: _Frame) -> Frame:
    code = next((text for number, text in wire.context or [] if number == wire.line), "")
    return Frame(
        path=_clean(wire.filename or wire.abs_path or wire.module),
        function=_clean(wire.function),
        line=wire.line or 0,
        in_app=bool(wire.in_app),
        code=redact((code or "").rstrip())[:_LINE],
    )


def _clean(text: str | None) -> str:
    """One line, without secrets, not endless."""
    return redact(" ".join((text or "").split()))[:_TEXT]


def _read(shape: type[Any], answer: Any) -> Any:
    try:
        return shape.model_validate(answer)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UnreadableError(f"{where}: {first['msg']}") from problem
