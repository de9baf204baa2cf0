"""What crosses the door of the GitHub room. GitHub's own words in capitals are kept where they are only shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

PullStateName = Literal["open", "merged", "closed"]
CheckState = Literal["ok", "fail", "wait", "human"]


@dataclass(frozen=True)
class RepositoryFacts:
    """A repository as this credential sees it. `clone_url` never holds a credential."""

    node_id: str
    default_branch: str
    private: bool
    can_push: bool
    html_url: str
    clone_url: str = ""
    archived: bool = False


@dataclass(frozen=True)
class PullRef:
    """Enough to name a pull request."""

    node_id: str
    number: int
    url: str
    head_sha: str


@dataclass(frozen=True)
class PullLight:
    """What one cheap query says about a pull request at one moment.

    Attributes:
        mergeable: "unknown" while GitHub computes; never to be read as a conflict.
        merge_state: GitHub's mergeStateStatus, such as CLEAN, BLOCKED, BEHIND, DIRTY.
        review_decision: GitHub's word, such as APPROVED; None when no review is required.
        comments, reviews, threads: how many there are.
        rollup: GitHub's word for all checks together, such as SUCCESS or PENDING; None when there is none.
        checks_by_state: checks and statuses counted by GitHub's state.
        checks_readable: false when the credential may not read checks, so that none seen means nothing.
        fingerprint: changes when anything worth a closer look changed.
    """

    node_id: str
    number: int
    url: str
    state: PullStateName
    draft: bool
    mergeable: Literal["yes", "no", "unknown"]
    merge_state: str
    head_sha: str
    base_sha: str
    head_branch: str
    base_branch: str
    review_decision: str | None
    comments: int
    reviews: int
    threads: int
    rollup: str | None
    checks_total: int
    checks_by_state: Mapping[str, int]
    labels: tuple[str, ...]
    updated_at: datetime
    checks_readable: bool = True
    fingerprint: str = ""


@dataclass(frozen=True)
class LightBatch:
    """Answer of one tick.

    Attributes:
        pulls: by node id.
        gone: ids that GitHub says do not exist, or are not visible any more.
        failed: ids that were not seen, for whatever reason: what was known about them stays true.
        requests, cost: HTTP requests made, and GraphQL points they cost.
        remaining: GraphQL points left this hour, when GitHub said so.
    """

    pulls: Mapping[str, PullLight]
    gone: frozenset[str]
    failed: frozenset[str]
    requests: int
    cost: int
    remaining: int | None


@dataclass(frozen=True)
class CheckFact:
    """One check run or commit status on one commit.

    Attributes:
        state: ok, fail, wait, or human (somebody must act in GitHub).
        conclusion: GitHub's word, lower case: the conclusion of a finished run, else its status.
        job_id: of a check run; for GitHub Actions also the job's, which has a log.
        run_id: the workflow run, which can be started again.
        required: the base branch's rules demand it.
        app: what reported it, such as "github-actions".
        started_at: orders reports of the same name.
    """

    name: str
    kind: Literal["check", "status"]
    state: CheckState
    conclusion: str
    url: str
    job_id: int | None = None
    required: bool = False
    app: str = ""
    workflow: str = ""
    run_id: int | None = None
    description: str = ""
    started_at: datetime | None = None

    @property
    def worth_a_rerun(self) -> bool:
        """True when it failed without judging the code: it was cancelled, or GitHub gave up on it."""
        return self.conclusion in ("cancelled", "stale")


@dataclass(frozen=True)
class JobAttempt:
    """Which try of its workflow run a job belongs to.

    Attributes:
        attempt: 1 for a job that nobody started again.
        latest: the run's newest attempt.
        running: the run has not ended.
    """

    run_id: int
    attempt: int
    latest: int
    running: bool


@dataclass(frozen=True)
class Review:
    """A submitted review. It counts for `commit` only."""

    author: str
    author_is_user: bool
    state: str
    body: str
    commit: str
    submitted_at: datetime | None
    id: str = ""
    url: str = ""
    insider: bool = True  #: see `Comment.insider`


@dataclass(frozen=True)
class Comment:
    """A comment, in the conversation or in a thread. The text is somebody else's: data, never a command.

    Attributes:
        insider: its author belongs to the repository. Anybody may comment on a public one; only insiders send an agent.
        commit: of a remark on a line: the commit that it was made at.
    """

    id: str
    author: str
    author_is_user: bool
    body: str
    url: str
    created_at: datetime
    path: str = ""
    line: int | None = None
    thread_id: str = ""
    insider: bool = True
    commit: str = ""


@dataclass(frozen=True)
class Thread:
    """A review thread on a line of the diff.

    Attributes:
        resolved_by: the account that resolved it; empty when nobody did or GitHub does not say.
        resolved_by_user: that is a person's account, and not Waggle's.
        own: it begins with a comment of Waggle's own account.
    """

    id: str
    path: str
    line: int | None
    resolved: bool
    outdated: bool
    comments: tuple[Comment, ...] = ()
    resolved_by: str = ""
    resolved_by_user: bool = False
    own: bool = False


@dataclass(frozen=True)
class PullDetail:
    """Everything about one pull request that a decision needs, with the head commit it was seen at.

    Attributes:
        state: whether it is open, merged, or closed without a merge.
        merged_by, closed_by: who did it; None when nobody did or GitHub does not say.
        merged_by_is_user: a person's account, not an app's.
        base_checks: what the checks say at the head of the base branch, as far as it can be seen.
        required: names of the checks that the base branch's rules demand.
        threads: review threads, resolved ones too.
        people_comments: comments of people other than Waggle, oldest first, those in threads included.
        bot_comments: what machines other than Waggle say in the conversation, oldest first.
        complete: false when the pull request has more checks than one query returns.
        checks_readable: false when the credential may not read checks; those of GitHub Actions are there all the same.
    """

    state: PullStateName
    head_sha: str
    merged_by: str | None
    merged_by_is_user: bool
    merge_commit: str | None
    closed_by: str | None
    checks: tuple[CheckFact, ...]
    required: tuple[str, ...]
    threads: tuple[Thread, ...]
    people_comments: tuple[Comment, ...]
    reviews: tuple[Review, ...]
    complete: bool = True
    checks_readable: bool = True
    closed_by_is_user: bool = False
    base_checks: tuple[CheckFact, ...] = ()
    bot_comments: tuple[Comment, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class MediumBatch:
    """Pull requests seen closer, many at once.

    Attributes:
        pulls: by node id; without the checks of the base branch, and with the required checks that its rules name.
        left: ids of which that is not enough: with review threads, too many checks or checks that may not be read, and
            those that were not seen at all.
        requests: HTTP requests made.
    """

    pulls: Mapping[str, PullDetail]
    left: frozenset[str]
    requests: int


@dataclass(frozen=True)
class Annotation:
    """A message that a check pinned to a line."""

    path: str
    line: int
    level: str
    title: str
    message: str


@dataclass(frozen=True)
class CheckOutput:
    """What a failed check has to say.

    Attributes:
        log: the job's whole log as text, secrets removed; empty when there is none to read.
        log_missing: why there is no log, for people.
        failed_steps: names of the job's steps that failed, in their order.
    """

    summary: str
    annotations: tuple[Annotation, ...]
    log: str
    log_missing: str = ""
    failed_steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReviewComment:
    """A remark on a line of the new version of a file."""

    path: str
    line: int
    body: str


@dataclass(frozen=True)
class Capability:
    """One thing that the credential can or cannot do, with the way to change that."""

    name: str
    ok: bool
    detail: str
    fix: str = ""


@dataclass(frozen=True)
class Rate:
    """What GitHub last said about a quota."""

    limit: int
    remaining: int
    reset: datetime


@dataclass(frozen=True)
class Excerpt:
    """The part of a log that explains a failure.

    Attributes:
        infra: the machine, network or service failed, not the code.
        signature: the same for the same failure on another day: numbers, times and paths do not count.
    """

    lines: tuple[str, ...] = field(default=())
    infra: bool = False
    signature: str = ""
