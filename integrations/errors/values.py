"""Issues, events and stack frames, as every error tracker gives them. Frozen, and safe to keep as JSON.

What a person could be recognised by (names, addresses, e-mail) is not among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

Status = Literal["unresolved", "resolved", "ignored"]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Issue(_Value):
    """Events that the tracker takes for one and the same error.

    Attributes:
        short_id: what people call it, such as `LEDGERLINE-1`.
        substatus: new, ongoing, escalating, regressed, archived…; empty when the tracker does not say.
        category: `error`; others are performance, crons, feedback.
        project: the slug.
        count, users: how often it happened, and to how many people.
        assigned_to: a person's or team's name; empty when nobody works on it.
        has_open_fix: the tracker knows of an open pull request for it.
    """

    id: str
    short_id: str
    title: str
    culprit: str = ""
    url: str = ""
    status: Status = "unresolved"
    substatus: str = ""
    level: str = "error"
    category: str = "error"
    project: str
    project_id: str = ""
    kind: str = ""  #: the exception's type
    message: str = ""  #: the exception's text
    count: int = 0
    users: int = 0
    first_seen: datetime
    last_seen: datetime
    assigned_to: str = ""
    has_open_fix: bool = False


class Frame(_Value):
    """One call of a stack trace. `path` is relative to the application where the tracker knows it."""

    path: str
    function: str = ""
    line: int = 0
    in_app: bool = False
    code: str = ""  #: the line itself


class Event(_Value):
    """One time that the error happened.

    Attributes:
        frames: outermost call first, of the exception that was not caught.
        release: as the application named itself: a version or a commit.
        host: of the request that caused it; empty when none did.
        user_agent: what sent that request.
    """

    id: str
    at: datetime
    kind: str = ""
    message: str = ""
    frames: tuple[Frame, ...] = ()
    release: str = ""
    environment: str = ""
    host: str = ""
    user_agent: str = ""

    @property
    def in_app(self) -> tuple[Frame, ...]:
        return tuple(one for one in self.frames if one.in_app)


@dataclass(frozen=True)
class Changed:
    """What happened since a moment. `complete` is False when there was more than could be read."""

    issues: tuple[Issue, ...]
    complete: bool = True
