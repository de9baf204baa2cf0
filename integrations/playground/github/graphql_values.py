"""What GraphQL resolvers pass to each other where a stored record is not enough."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from integrations.playground.github.checks import Rollup
from integrations.playground.github.diffs import FileChange
from integrations.playground.github.faults import Fault
from integrations.playground.github.people import Account
from integrations.playground.github.records import Annotation, Happening, Repo, node_id
from integrations.playground.github.refusal import Refused
from integrations.playground.github.world import GitHubWorld

EVENTS = {
    "closed": "ClosedEvent",
    "reopened": "ReopenedEvent",
    "merged": "MergedEvent",
    "head_ref_force_pushed": "HeadRefForcePushedEvent",
    "head_ref_deleted": "HeadRefDeletedEvent",
    "ready_for_review": "ReadyForReviewEvent",
    "convert_to_draft": "ConvertToDraftEvent",
    "base_ref_changed": "BaseRefChangedEvent",
    "auto_merge_disabled": "AutoMergeDisabledEvent",
}
_KINDS = {
    "Repo": "Repository",
    "Pull": "PullRequest",
    "Comment": "IssueComment",
    "Review": "PullRequestReview",
    "Thread": "PullRequestReviewThread",
    "ThreadComment": "PullRequestReviewComment",
    "Job": "CheckRun",
    "Status": "StatusContext",
    "CommitRef": "Commit",
    "Owner": "Organization",
    "RequiredChecks": "RequiredStatusChecksParameters",
    "ReviewRule": "PullRequestParameters",
    "Run": "WorkflowRun",
}


@dataclass(frozen=True)
class Asking:
    """One GraphQL request while it is executed."""

    world: GitHubWorld
    actor: Account
    cost: int
    nodes: int
    fault: Fault | None


@dataclass(frozen=True)
class CommitRef:
    """A commit of which only the name is known; the rest is read from git when somebody asks for it."""

    slug: str
    sha: str

    @property
    def id(self) -> str:
        return f"C_{self.sha}"

    @property
    def oid(self) -> str:
        return self.sha

    @property
    def abbreviated_oid(self) -> str:
        return self.sha[:7]


@dataclass(frozen=True)
class RefView:
    repo: Repo
    name: str
    sha: str

    @property
    def id(self) -> str:
        return f"REF_{self.repo.slug}/{self.name}"

    @property
    def is_protected(self) -> bool:
        return self.name == self.repo.default_branch


@dataclass(frozen=True)
class Owner:
    login: str

    @property
    def id(self) -> str:
        return f"O_{self.login}"


@dataclass(frozen=True)
class RollupView:
    slug: str
    sha: str
    found: Rollup

    @property
    def id(self) -> str:
        return f"SCR_{self.sha}"


@dataclass(frozen=True)
class RequiredChecks:
    contexts: tuple[str, ...]


@dataclass(frozen=True)
class ReviewRule:
    """The rule that nothing reaches the default branch but through a pull request."""


@dataclass(frozen=True)
class FileView:
    change: FileChange


@dataclass(frozen=True)
class AnnotationView:
    annotation: Annotation


def kind_of(value: Any, *_: Any) -> str:
    """The GraphQL type of a value, for interfaces and unions."""
    if isinstance(value, Account):
        return value.type
    if isinstance(value, Happening):
        return EVENTS[value.kind]
    return _KINDS[type(value).__name__]


@dataclass(frozen=True)
class Connection:
    nodes: Sequence[Any]
    total_count: int
    page_info: dict[str, Any]


def connection(
    items: Sequence[Any],
    first: int | None = None,
    last: int | None = None,
    after: str | None = None,
    before: str | None = None,
    **_: Any,
) -> Connection:
    """A page of a list: `first` counts from the start or after a cursor, `last` from the end or before one."""
    start, end = (_read_cursor(after) + 1 if after else 0), (_read_cursor(before) if before else len(items))
    start, end = max(start, 0), min(end, len(items))
    if first is not None:
        end = min(end, start + first)
    elif last is not None:
        start = max(start, end - last)
    info = {
        "hasNextPage": end < len(items),
        "hasPreviousPage": start > 0,
        "startCursor": _cursor(start) if start < end else None,
        "endCursor": _cursor(end - 1) if start < end else None,
    }
    return Connection(items[start:end], len(items), info)


def _cursor(position: int) -> str:
    return base64.b64encode(f"cursor:{position}".encode()).decode()


def _read_cursor(text: str) -> int:
    try:
        return int(base64.b64decode(text, validate=True).decode().removeprefix("cursor:"))
    except (binascii.Error, ValueError):
        raise Refused(422, f"`{text}` does not appear to be a valid cursor.", kind="INVALID_CURSOR_ARGUMENTS") from None


def label(name: str) -> dict[str, str]:
    return {"id": f"LA_{name}", "name": name, "color": "ededed"}


def record_id(record: Any, _info: Any) -> str:
    return node_id(record)
