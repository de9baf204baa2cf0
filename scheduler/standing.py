"""How a pull request stands: everything that rows know about it, as values for the definition of done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from scheduler.done import CheckRun, DiffFact, DonePolicy, PullFacts, ReviewFact, State
from scheduler.judging import Kind
from scheduler.lifecycle import PullState, TaskState
from scheduler.policy import Policy, RepositoryPolicy
from scheduler.registry.reading import latest_attempt
from scheduler.registry.work import Evidence, Judgement, PullRequest, Review, Task

#: states of a task in which its pull request is held against the definition of done
JUDGED = frozenset({TaskState.VERIFYING, TaskState.READY, TaskState.NEEDS_HELP})


def facts_of(session: Session, pull: PullRequest, repository: RepositoryPolicy) -> PullFacts:
    """Everything that rows know about a pull request, as values."""
    diff = pull.facts.get("diff")
    unresolved = [comment["id"] for comment in pull.facts.get("unresolved", ())]
    reviews = session.exec(select(Review).where(Review.pull_request_id == pull.id, Review.head == pull.head_sha)).all()
    asked = session.exec(
        select(Judgement).where(
            Judgement.kind == Kind.REVIEW, col(Judgement.subject).startswith(f"pull:{pull.id}:{pull.head_sha}:")
        )
    ).all()
    return PullFacts(
        state=pull.state.value,
        head=pull.head_sha,
        head_since=pull.head_since,
        url=pull.url,
        draft=pull.draft,
        mergeable=pull.mergeable,
        checks_head=pull.facts_head if "checks" in pull.facts else "",
        checks=tuple(
            CheckRun(check["name"], check["state"], bool(check["required"]), check.get("url") or "")
            for check in pull.facts.get("checks", ())
        ),
        required=tuple(pull.facts.get("required", ())),
        checks_complete=bool(pull.facts.get("complete", True)),
        unresolved_threads=pull.facts.get("threads"),
        threads_handed=bool(unresolved) and not set(unresolved) - set(pull.comments_seen),
        diff=DiffFact(
            diff["head"],
            tuple(diff["files"]),
            diff["lines"],
            tuple(diff["secrets"]),
            tuple(diff["ui_files"]),
            tuple(diff["workflow_files"]),
        )
        if diff
        else None,
        has_ci=repository.has_ci,
        verified_head=pull.facts.get("verified_head", ""),
        verified_ok=pull.facts.get("verified_ok"),
        verified_why=" ".join(pull.facts.get("verified_tail", ())[:1]),
        reviews=tuple(
            ReviewFact(
                one.family,
                one.verdict,
                one.head,
                blockers=sum(1 for finding in one.findings if finding.get("blocks")),
                unmet=sum(1 for line in one.acceptance if line.get("met") == "no"),
                counts=one.real or repository.playground,
            )
            for one in reviews
        ),
        reviewers_left=not asked or any(one.state in {"asked", "answered"} for one in asked),
    )


def done_policy(policy: Policy, task: Task, author: str) -> DonePolicy:
    """What "done" means for this task."""
    repository = policy.repository(task.repo)
    wanted = max(policy.reviews.families, repository.families if repository else 0)
    if task.lane == "small":
        wanted = policy.reviews.small_lane_reviews
    return DonePolicy(
        families=wanted,
        author_family=author,
        no_checks_s=policy.settle.no_checks_s,
        missing_checks_s=policy.settle.missing_checks_s,
        max_lines=(repository.max_lines if repository else 0) or DonePolicy.max_lines,
    )


@dataclass(frozen=True)
class Standing:
    """One open pull request with all that rows know about it.

    Attributes:
        author: the model family that wrote the change.
        known: the evidence already recorded for this head commit: check, (state, detail).
        ok_since: since when each line that holds for it does.
    """

    pull: PullRequest
    task: Task
    repository: RepositoryPolicy
    facts: PullFacts
    author: str
    known: dict[str, tuple[str, str]]
    ok_since: dict[str, datetime]


def evidence_of(session: Session, pull: PullRequest) -> Sequence[Evidence]:
    """The lines recorded for the pull request's head commit as it is now."""
    return session.exec(
        select(Evidence).where(Evidence.pull_request_id == pull.id, Evidence.head == pull.head_sha)
    ).all()


def ok_since(rows: Sequence[Evidence]) -> dict[str, datetime]:
    """Since when each line that holds does."""
    return {row.check: row.since for row in rows if row.state == State.OK}


def standings(session: Session, policy: Policy) -> list[Standing]:
    """Every open pull request whose task waits for its verdict."""
    found = session.exec(
        select(PullRequest, Task)
        .join(Task, col(PullRequest.task_id) == col(Task.id))
        .where(PullRequest.state == PullState.OPEN, col(Task.state).in_(list(JUDGED)))
        .order_by(col(PullRequest.id))
    ).all()
    result = []
    for pull, task in found:
        repository = policy.repository(task.repo)
        if repository is None:
            continue
        rows = evidence_of(session, pull)
        known = {row.check: (row.state, row.detail) for row in rows}
        latest = latest_attempt(session, task)
        author = policy.family_of(latest.agent, latest.model) if latest else ""
        result.append(
            Standing(pull, task, repository, facts_of(session, pull, repository), author, known, ok_since(rows))
        )
    return result
