"""The rows of the work itself: requests, tasks, attempts, workspaces, pull requests and what is known of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from scheduler.lifecycle import AttemptState, PullState, QuestionState, SignalState, TaskState
from scheduler.registry.columns import EnumText, UtcDateTime


def _instant(*, nullable: bool = False, index: bool = False) -> Any:
    return Field(default=None, sa_type=UtcDateTime, nullable=nullable, index=index)


def _json(default: type[list[Any]] | type[dict[str, Any]] = list) -> Any:
    return Field(default_factory=default, sa_column=Column(JSON, nullable=False))


class Request(SQLModel, table=True):
    """What somebody or some signal asked for, with its source."""

    __tablename__ = "request"

    id: int | None = Field(default=None, primary_key=True)
    dedupe_key: str = Field(unique=True)
    text: str
    requester: str  #: Slack user id, `cli:<login>` or `signal:<id>`
    source: str  #: slack, cli, signal
    channel: str = ""
    thread_ts: str = ""  #: the thread that the task lives in; empty until the card is posted
    permalink: str = ""
    created_at: datetime = _instant()


class Task(SQLModel, table=True):
    """The scoped unit of work, shown as `T-<id>`."""

    __tablename__ = "task"

    id: int | None = Field(default=None, primary_key=True)
    request_id: int = Field(foreign_key="request.id", unique=True)
    state: TaskState = Field(sa_column=Column(EnumText(TaskState), nullable=False, index=True))
    paused_from: TaskState | None = Field(default=None, sa_column=Column(EnumText(TaskState)))
    version: int = 0  #: rises with every change of state; a button made for an older one is stale
    title: str
    goal: str = ""
    acceptance: list[str] = _json()
    expected_files: list[str] = _json()
    kind: str = "backend"
    size: str = "medium"
    lane: str = "full"
    lane_reason: str = ""
    priority: str = "p2"
    priority_reason: str = ""
    repo: str = ""
    base_branch: str = ""
    branch: str = ""
    routes: list[dict[str, Any]] = _json()  #: ranked: {"agent", "model", "why"}
    citations: list[dict[str, Any]] = _json()
    scoped_by: str = ""  #: model that scoped it, or "rules"
    requester: str = ""
    channel: str = ""
    thread_ts: str = ""  #: the thread in which people talk to this task
    card_ts: str = ""  #: the message that is edited in place
    budget_usd: float = 0.0
    budget_tokens: int = 0
    next_prompt: str = ""  #: what the next attempt will be told; empty while it is being written
    next_resumes: bool = False  #: the next attempt goes on with the last session
    next_change: str = ""  #: what changed in that prompt, for the card
    guidance: list[dict[str, Any]] = _json()  #: {"at", "by", "text", "used_in"} of people's words in the thread
    retries_failure: int = 0  #: agent failures and CI together
    retries_review: int = 0
    retries_people: int = 0
    infra_waits: int = 0  #: rate limits, overloads and lost processes in a row; spends no retry
    extra_attempts: int = 0  #: attempts that a person granted beyond the retries
    last_failure: str = ""  #: signature of the last failure
    after: list[int] = _json()  #: tasks that must be merged before it starts
    follows: int | None = None  #: the merged task that it continues or takes back
    reverts: str = ""  #: the commit that it takes back; empty when it takes back none
    background: list[str] = _json()  #: what it is told of that task
    repairs: str = ""  #: the failure that its current round repairs, such as `conflict`; empty when it is published
    waits_for: str = ""  #: while queued: why it has not started; while verified: whose turn it is to be rebased
    help_cause: str = ""  #: why a person is needed, one sentence
    help_class: str = ""  #: name of that cause in the taxonomy
    help_from: str = ""  #: the state in which the need arose: one that arose in `verifying` may go away by itself
    help_evidence: list[str] = _json()
    not_before: datetime | None = _instant(nullable=True)
    cleaned_at: datetime | None = _instant(nullable=True)
    archived_at: datetime | None = _instant(nullable=True)  #: since when it is left out of the lists
    created_at: datetime = _instant()
    updated_at: datetime = _instant()


class Attempt(SQLModel, table=True):
    """One run of one agent on a task. Its name, `t-12-a1`, is carried by everything it causes."""

    __tablename__ = "attempt"
    __table_args__ = (UniqueConstraint("task_id", "n"),)

    id: int | None = Field(default=None, primary_key=True)
    task_id: int = Field(foreign_key="task.id", index=True)
    n: int
    name: str = Field(unique=True)
    state: AttemptState = Field(sa_column=Column(EnumText(AttemptState), nullable=False, index=True))
    agent: str
    model: str = ""
    agent_version: str = ""
    prompt: str
    prompt_change: str = ""  #: what was changed against the attempt before
    resumes: bool = False
    session_id: str = ""
    workspace: str = ""  #: path of the worktree
    base_sha: str = ""  #: head of the branch when the attempt started
    head_sha: str = ""  #: head of the branch when it ended
    outcome: str = ""  #: name from the failure taxonomy, `done` for a good end
    message: str = ""
    final_text: str = ""
    evidence: list[str] = _json()
    milestone: str = ""  #: the last thing it was seen doing, one line
    event_offset: int = 0  #: bytes of its event log already read
    deadline: datetime | None = _instant(nullable=True)  #: for preparing and starting
    misses: int = 0  #: probes in a row that found nothing alive
    signs: dict[str, Any] = _json(dict)  #: what shows that it lives and gets on, as `scheduler.signs` reads it
    isolation: str = ""  #: how it was kept apart from the machine when it started
    tokens_input: int = 0
    tokens_cached: int = 0
    tokens_output: int = 0
    cost_usd: float = 0.0
    budget_usd: float = 0.0
    budget_tokens: int = 0
    peak_bytes: int = Field(default=0, sa_type=BigInteger)  #: the most memory of its processes; 0: not measured
    stop_reason: str = ""  #: why a stop was asked for; empty when none was
    published: bool = False  #: its branch was pushed and the pull request exists
    started_at: datetime | None = _instant(nullable=True)
    ended_at: datetime | None = _instant(nullable=True)
    created_at: datetime = _instant()


class PortLease(SQLModel, table=True):
    """The port that a workspace has for servers that are started in it."""

    __tablename__ = "port_lease"

    workspace: str = Field(primary_key=True)  #: its name, such as `t-12`
    port: int = Field(unique=True)
    leased_at: datetime = _instant()


class PullRequest(SQLModel, table=True):
    """Facts about a pull request, always with the head commit they were seen at."""

    __tablename__ = "pull_request"
    __table_args__ = (UniqueConstraint("repo", "number"),)

    id: int | None = Field(default=None, primary_key=True)
    task_id: int = Field(foreign_key="task.id", index=True)
    repo: str
    number: int
    node_id: str
    url: str
    branch: str
    state: PullState = Field(sa_column=Column(EnumText(PullState), nullable=False, index=True))
    head_sha: str
    base_sha: str = ""
    draft: bool = False
    mergeable: str = "unknown"
    fingerprint: str = ""
    facts: dict[str, Any] = _json(dict)  #: the last detail that was fetched, for `facts_head`
    facts_head: str = ""
    head_since: datetime = _instant()  #: when this head commit was first seen
    checks_since: datetime | None = _instant(nullable=True)  #: since when all checks hold for this head commit
    ready_head: str = ""  #: head commit for which "PR ready" was said
    pushed_sha: str = ""  #: what Waggle pushed last
    merged_by: str = ""
    merge_commit: str = ""
    comments_seen: list[str] = _json()  #: ids of people's comments already handed to the agent
    owed_answers: list[dict[str, Any]] = _json()  #: those of them that are not answered: {"id", "thread", "head", …}
    observed_at: datetime | None = _instant(nullable=True)
    created_at: datetime = _instant()


class Evidence(SQLModel, table=True):
    """One line of the definition of done for one head commit."""

    __tablename__ = "evidence"
    __table_args__ = (UniqueConstraint("pull_request_id", "head", "check"),)

    id: int | None = Field(default=None, primary_key=True)
    pull_request_id: int = Field(foreign_key="pull_request.id", index=True)
    head: str
    check: str
    state: str
    detail: str = ""
    url: str = ""
    since: datetime = _instant()


class Judgement(SQLModel, table=True):
    """One question put to the orchestrator, and its answer."""

    __tablename__ = "judgement"
    __table_args__ = (UniqueConstraint("kind", "subject"),)

    id: int | None = Field(default=None, primary_key=True)
    kind: str  #: scope, diagnose, review
    subject: str  #: what it is about, e.g. `task:12:v3`, `attempt:t-12-a2`, `pull:5:<head>`
    task_id: int = Field(foreign_key="task.id", index=True)
    facts: dict[str, Any] = _json(dict)
    answer: dict[str, Any] = _json(dict)
    answered_by: str = ""
    state: str = Field(default="asked", index=True)  #: asked, answered, used, void
    tries: int = 0
    error: str = ""
    not_before: datetime | None = _instant(nullable=True)
    created_at: datetime = _instant()
    answered_at: datetime | None = _instant(nullable=True)


class Review(SQLModel, table=True):
    """One model's verdict and findings for one head commit."""

    __tablename__ = "review"
    __table_args__ = (UniqueConstraint("pull_request_id", "head", "reviewer"),)

    id: int | None = Field(default=None, primary_key=True)
    pull_request_id: int = Field(foreign_key="pull_request.id", index=True)
    head: str
    reviewer: str  #: name of the reviewer in the settings
    family: str
    model: str
    focus: str = ""
    verdict: str  #: approve, request_changes, abstain, error
    summary: str = ""
    findings: list[dict[str, Any]] = _json()
    acceptance: list[dict[str, Any]] = _json()
    real: bool = True  #: false when a stand-in or rules answered: counts on playground repositories only
    cost_usd: float = 0.0
    created_at: datetime = _instant()


class Diagnosis(SQLModel, table=True):
    """The named cause of a failure, its evidence lines, and the change to the prompt."""

    __tablename__ = "diagnosis"

    id: int | None = Field(default=None, primary_key=True)
    task_id: int = Field(foreign_key="task.id", index=True)
    attempt_id: int | None = Field(default=None, foreign_key="attempt.id")
    cause: str
    summary: str
    change: str
    instruction: str = ""
    evidence: list[str] = _json()
    answered_by: str = ""
    created_at: datetime = _instant()


class Question(SQLModel, table=True):
    """Something only a person can answer."""

    __tablename__ = "question"

    id: int | None = Field(default=None, primary_key=True)
    task_id: int = Field(foreign_key="task.id", index=True)
    attempt_id: int | None = Field(default=None, foreign_key="attempt.id")
    about: str  #: scope, agent, retry, dependency, push
    text: str
    options: list[str] = _json()
    default: str = ""
    state: QuestionState = Field(sa_column=Column(EnumText(QuestionState), nullable=False, index=True))
    answer: str = ""
    answered_by: str = ""
    deadline: datetime | None = _instant(nullable=True)
    created_at: datetime = _instant()


class Signal(SQLModel, table=True):
    """Something noticed outside that may deserve a task."""

    __tablename__ = "signal"

    id: int | None = Field(default=None, primary_key=True)
    source: str  #: what noticed it: `errors`
    dedupe_key: str = Field(unique=True)  #: the same thing noticed again is the same row
    name: str = ""  #: what people call it there, such as `LEDGERLINE-1`
    title: str
    url: str = ""
    repo: str = ""
    state: SignalState = Field(sa_column=Column(EnumText(SignalState), nullable=False, index=True))
    reason: str = ""  #: why it is in this state, one sentence
    facts: dict[str, Any] = _json(dict)  #: what was seen, as `scheduler.discovery.facts` reads it
    gates: list[dict[str, Any]] = _json()  #: {"name", "ok", "why"} of the last look
    not_before: datetime | None = _instant(nullable=True)  #: while snoozed: until when
    task_id: int | None = Field(default=None, foreign_key="task.id", index=True)  #: the latest task about it
    proposals: int = 0  #: how often a task was made of it
    fixes: int = 0  #: how many of these were merged
    fixed_at: datetime | None = _instant(nullable=True)
    created_at: datetime = _instant()
    updated_at: datetime = _instant()


Index("ix_attempt_live", Attempt.state, Attempt.task_id)  # type: ignore[arg-type]  # SQLModel types columns as values
