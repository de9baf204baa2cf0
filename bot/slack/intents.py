"""What a person can ask of Waggle, as values. `grammar.py` reads them out of text; buttons and forms make them too."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Surface(StrEnum):
    SLASH = "slash"
    MENTION = "mention"  #: in a channel, outside of any thread that we own
    THREAD = "thread"  #: a reply in a thread that belongs to a task
    DM = "dm"


@dataclass(frozen=True)
class New:
    text: str
    repo: str = ""
    priority: str = ""


@dataclass(frozen=True)
class Status:
    task_id: int | None = None
    scope: str = ""  #: all, archived, mine, or empty for what is open


@dataclass(frozen=True)
class Approve:
    task_id: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Reject:
    task_id: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class Retry:
    task_id: int | None = None
    guidance: str = ""


@dataclass(frozen=True)
class Stop:
    task_id: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class Pause:
    task_id: int | None = None


@dataclass(frozen=True)
class Resume:
    task_id: int | None = None


@dataclass(frozen=True)
class Answer:
    task_id: int | None = None
    text: str = ""


@dataclass(frozen=True)
class Edit:
    task_id: int | None = None
    text: str = ""


@dataclass(frozen=True)
class After:
    """Wait until other tasks are merged: `T-3, T-4`, or `none`."""

    task_id: int | None = None
    labels: str = ""


@dataclass(frozen=True)
class Extend:
    """More money."""

    task_id: int | None = None


@dataclass(frozen=True)
class Revert:
    """Take back what a merged task changed."""

    task_id: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class TakeOver:
    task_id: int | None = None


@dataclass(frozen=True)
class GiveBack:
    task_id: int | None = None


@dataclass(frozen=True)
class Start:
    task_id: int | None = None


@dataclass(frozen=True)
class Snooze:
    task_id: int | None = None


@dataclass(frozen=True)
class Never:
    task_id: int | None = None


@dataclass(frozen=True)
class SearchContext:
    query: str


@dataclass(frozen=True)
class AddContext:
    text: str


@dataclass(frozen=True)
class Claim:
    code: str


@dataclass(frozen=True)
class Allow:
    user_id: str
    role: str = "requester"


@dataclass(frozen=True)
class Deny:
    user_id: str


@dataclass(frozen=True)
class Estop:
    pass


@dataclass(frozen=True)
class Thaw:
    pass


@dataclass(frozen=True)
class WhoAmI:
    pass


@dataclass(frozen=True)
class Help:
    pass


@dataclass(frozen=True)
class FreeText:
    """Words without a verb: a request, an answer or guidance, depending on where they were said."""

    text: str


@dataclass(frozen=True)
class SideTalk:
    """People talking to each other in our thread; nothing is done with it."""


@dataclass(frozen=True)
class Unclear:
    """A verb without what it needs. `usage` shows the form that works."""

    verb: str
    usage: str


Command = (
    New
    | Status
    | Approve
    | Reject
    | Retry
    | Stop
    | Pause
    | Resume
    | Answer
    | Edit
    | After
    | Extend
    | Revert
    | TakeOver
    | GiveBack
    | Start
    | Snooze
    | Never
    | SearchContext
    | AddContext
    | Claim
    | Allow
    | Estop
    | Thaw
    | Deny
    | WhoAmI
    | Help
    | FreeText
    | SideTalk
    | Unclear
)

ROLES = ("viewer", "requester", "approver", "admin")
