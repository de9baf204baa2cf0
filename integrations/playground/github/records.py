"""What the stand-in remembers: one frozen dataclass for each table.

Times are seconds since the epoch. `id` is 0 until the store has given one. Addresses are never stored,
because the port may differ after a restart.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Repo:
    TABLE: ClassVar = "repos"
    UNIQUE: ClassVar = ("slug",)
    slug: str
    default_branch: str
    created_at: float
    description: str = ""
    private: bool = True
    required: tuple[str, ...] = ()  #: contexts that must pass before a merge into the default branch
    auto_merge: bool = False
    id: int = 0

    @property
    def owner(self) -> str:
        return self.slug.partition("/")[0]

    @property
    def name(self) -> str:
        return self.slug.partition("/")[2]


@dataclass(frozen=True)
class Branch:
    """A branch as it was when its last change was acted upon; the truth is the bare repository."""

    TABLE: ClassVar = "branches"
    UNIQUE: ClassVar = ("slug", "name")
    slug: str
    name: str
    sha: str
    id: int = 0


@dataclass(frozen=True)
class Pull:
    TABLE: ClassVar = "pulls"
    UNIQUE: ClassVar = ("slug", "number")
    INDEX: ClassVar = ("slug", "head_branch")
    slug: str
    number: int
    title: str
    body: str
    author: str
    head_branch: str
    head_sha: str
    base_branch: str
    base_sha: str  #: tip of the base when the head last moved: GitHub does not follow the base (texera#8096)
    merge_base: str
    created_at: float
    updated_at: float
    state: str = "open"  #: open | closed
    draft: bool = False
    merged: bool = False
    merged_at: float = 0.0
    merged_by: str = ""
    merge_sha: str = ""
    closed_at: float = 0.0
    mergeable: str = "UNKNOWN"  #: MERGEABLE | CONFLICTING | UNKNOWN
    merging_by: str = ""  #: who asked for the merge, written before the branch is moved
    auto_merge_by: str = ""
    auto_merge_at: float = 0.0
    auto_merge_method: str = ""
    labels: tuple[str, ...] = ()
    id: int = 0

    @property
    def is_open(self) -> bool:
        return self.state == "open"


@dataclass(frozen=True)
class Comment:
    TABLE: ClassVar = "comments"
    INDEX: ClassVar = ("pull_id",)
    pull_id: int
    author: str
    body: str
    created_at: float
    updated_at: float
    minimized: str = ""  #: the reason, or empty
    id: int = 0


@dataclass(frozen=True)
class Review:
    TABLE: ClassVar = "reviews"
    INDEX: ClassVar = ("pull_id",)
    pull_id: int
    author: str
    state: str  #: COMMENTED | APPROVED | CHANGES_REQUESTED | DISMISSED
    body: str
    commit_sha: str
    submitted_at: float
    id: int = 0


@dataclass(frozen=True)
class Thread:
    """Review comments on one place of the diff."""

    TABLE: ClassVar = "threads"
    INDEX: ClassVar = ("pull_id",)
    pull_id: int
    path: str
    side: str  #: LEFT | RIGHT
    line: int  #: where the place is at the head now; 0 once outdated
    original_line: int
    start_line: int = 0
    outdated: bool = False
    resolved_by: str = ""
    id: int = 0


@dataclass(frozen=True)
class ThreadComment:
    TABLE: ClassVar = "thread_comments"
    INDEX: ClassVar = ("pull_id",)
    pull_id: int
    thread_id: int
    review_id: int
    author: str
    body: str
    commit_sha: str
    diff_hunk: str
    created_at: float
    updated_at: float
    in_reply_to: int = 0
    id: int = 0


@dataclass(frozen=True)
class Run:
    """A workflow run: the jobs that one pushed commit started."""

    TABLE: ClassVar = "runs"
    INDEX: ClassVar = ("slug", "sha")
    slug: str
    branch: str
    sha: str
    number: int
    created_at: float
    event: str = "push"
    id: int = 0


@dataclass(frozen=True)
class Job:
    """A check run that CI makes by really running a command; its id is the job's id too, as on GitHub."""

    TABLE: ClassVar = "jobs"
    INDEX: ClassVar = ("slug", "sha")
    run_id: int
    slug: str
    sha: str
    name: str
    command: str
    created_at: float
    timeout_s: float = 120.0
    status: str = "queued"  #: queued | in_progress | completed
    conclusion: str = ""  #: success | failure | cancelled | timed_out
    started_at: float = 0.0
    completed_at: float = 0.0
    title: str = ""
    summary: str = ""
    pid: int = 0
    pid_started: float = 0.0
    id: int = 0


@dataclass(frozen=True)
class Annotation:
    TABLE: ClassVar = "annotations"
    INDEX: ClassVar = ("job_id",)
    job_id: int
    path: str
    line: int
    title: str
    message: str
    level: str = "failure"
    id: int = 0


@dataclass(frozen=True)
class Status:
    TABLE: ClassVar = "statuses"
    INDEX: ClassVar = ("slug", "sha")
    slug: str
    sha: str
    context: str
    state: str  #: error | failure | pending | success
    description: str
    target_url: str
    creator: str
    created_at: float
    id: int = 0


@dataclass(frozen=True)
class Happening:
    """One line of a pull request's timeline."""

    TABLE: ClassVar = "happenings"
    INDEX: ClassVar = ("pull_id",)
    pull_id: int
    kind: str  #: closed | reopened | merged | head_ref_force_pushed | head_ref_deleted | …
    actor: str
    created_at: float
    before_sha: str = ""
    after_sha: str = ""
    id: int = 0


@dataclass(frozen=True)
class Hook:
    """Somebody who wants to be told what happens in a repository."""

    TABLE: ClassVar = "hooks"
    slug: str
    url: str
    secret: str
    events: tuple[str, ...]  #: `*` for all
    active: bool
    created_at: float
    id: int = 0


@dataclass(frozen=True)
class CallRecord:
    """One call that somebody made of the API or of git over http, as it was answered."""

    TABLE: ClassVar = "calls"
    at: float
    actor: str
    method: str
    path: str
    query: str
    operation: str  #: the GraphQL operation's name
    status: int  #: 0 when the connection was dropped without an answer
    ms: float
    body: str  #: of a write, cut at 4,000 characters
    performed: bool  #: carried out, whether or not the caller heard of it
    id: int = 0


Record = (
    Repo
    | Branch
    | Pull
    | Comment
    | Review
    | Thread
    | ThreadComment
    | Run
    | Job
    | Annotation
    | Status
    | Happening
    | Hook
    | CallRecord
)

_PREFIX: dict[type, str] = {
    Repo: "R", Pull: "PR", Comment: "IC", Review: "PRR", Thread: "PRRT", ThreadComment: "PRRC", Job: "CR",
    Run: "WFR", Status: "SC", Happening: "EV",
}  # fmt: skip
_KIND = {prefix: kind for kind, prefix in _PREFIX.items()}


def node_id(record: Record) -> str:
    """The GraphQL id of a record: GitHub's form (a prefix for the kind, then an opaque part)."""
    return f"{_PREFIX[type(record)]}_kw{base64.urlsafe_b64encode(record.id.to_bytes(8, 'big')).decode().rstrip('=')}"


def read_node_id(text: str) -> tuple[type, int] | None:
    """Kind and id behind a GraphQL id; None when it is not one of ours."""
    prefix, _, opaque = text.partition("_kw")
    kind = _KIND.get(prefix)
    if kind is None:
        return None
    try:
        number = int.from_bytes(base64.urlsafe_b64decode(opaque + "=" * (-len(opaque) % 4)), "big")
    except ValueError:
        return None
    return kind, number
