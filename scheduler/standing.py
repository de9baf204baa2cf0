"""How a pull request stands: everything that rows know about it, as values for the definition of done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select
from sqlalchemy import select as sql_select
from sqlmodel import Session, and_, col, or_, select

from scheduler.check_facts import check_runs, machinery_of, rerun_of, was_red
from scheduler.comments import due
from scheduler.done import DiffFact, DonePolicy, PullFacts, ReviewFact, State
from scheduler.judging import Kind
from scheduler.lifecycle import PullState, QuestionState, TaskState
from scheduler.policy import Policy, RepositoryPolicy
from scheduler.pushed_by_people import ABOUT, waits_for_answer
from scheduler.registry.work import Attempt, Evidence, Judgement, PullRequest, Question, Review, Task
from scheduler.review_bots import bot_facts

#: states of a task in which its pull request is held against the definition of done
JUDGED = frozenset({TaskState.VERIFYING, TaskState.READY, TaskState.NEEDS_HELP})


@dataclass(frozen=True)
class Known:
    """What other tables hold about one pull request's head commit as it is now.

    Attributes:
        evidence: the lines recorded for it: check, (state, detail).
        ok_since: since when each line that holds does.
        reviews: what reviewers said about it.
        reviewers_left: a reviewer may still answer for it.
        under_review: the council was asked about it and has not answered.
        author: the agent and model of the latest attempt; None before the first.
    """

    evidence: dict[str, tuple[str, str]] = field(default_factory=dict)
    ok_since: dict[str, datetime] = field(default_factory=dict)
    reviews: tuple[ReviewFact, ...] = ()
    reviewers_left: bool = True
    under_review: bool = False
    author: tuple[str, str] | None = None


def facts_of(pull: PullRequest, repository: RepositoryPolicy, known: Known) -> PullFacts:
    """Everything that rows know about a pull request, as values."""
    facts = pull.facts
    diff = facts.get("diff")
    unresolved = [comment["id"] for comment in facts.get("unresolved", ())]
    pictures = facts.get("pictures", {})
    return PullFacts(
        state=pull.state.value,
        head=pull.head_sha,
        head_since=pull.head_since,
        url=pull.url,
        draft=pull.draft,
        mergeable=pull.mergeable,
        checks_head=pull.facts_head if "checks" in facts else "",
        checks=check_runs(facts),
        rerun=rerun_of(facts, pull.head_sha),
        machinery=machinery_of(facts, pull.head_sha),
        was_red=was_red(facts, pull.head_sha),
        required=tuple(facts.get("required", ())),
        checks_complete=bool(facts.get("complete", True)),
        unresolved_threads=facts.get("threads"),
        threads_handed=bool(unresolved) and not set(unresolved) - set(pull.comments_seen),
        answers_due=bool(due(pull)),
        outsider_threads=int(facts.get("outsiders", 0)),
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
        verified_head=facts.get("verified_head", ""),
        verified_ok=facts.get("verified_ok"),
        verified_why=" ".join(facts.get("verified_tail", ())[:1]),
        reviews=known.reviews,
        bots=bot_facts(facts),
        reviewers_left=known.reviewers_left,
        screenshots_head=pictures.get("head", ""),
        picture_count=pictures.get("count", 0),
        pictures_why=pictures.get("why", ""),
        pictures_url=pictures.get("url", ""),
        shown_by=_shown_by(pull),
        ui_label="ui" in facts.get("labels", ()),
    )


def _shown_by(pull: PullRequest) -> str:
    """Who showed what the change looks like in the conversation, since this head commit is there."""
    since = pull.head_since.isoformat()
    shown = [one for one in pull.facts.get("shown", ()) if one["at"] >= since]
    return str(shown[-1]["by"]) if shown else ""


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
        wants_screenshots=bool(repository and repository.screenshots),
        max_lines=(repository.max_lines if repository else 0) or DonePolicy.max_lines,
    )


@dataclass(frozen=True)
class Standing:
    """One open pull request with all that rows know about it.

    Attributes:
        author: the model family that wrote the change.
        known: the evidence already recorded for this head commit: check, (state, detail).
        ok_since: since when each line that holds for it does.
        under_review: the council was asked about this head commit and has not answered.
    """

    pull: PullRequest
    task: Task
    repository: RepositoryPolicy
    facts: PullFacts
    author: str
    known: dict[str, tuple[str, str]]
    ok_since: dict[str, datetime]
    under_review: bool = False


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
        .where(*_JUDGED_PULLS)
        .order_by(col(PullRequest.id))
    ).all()
    known = _known(session, policy, found) if found else {}
    result = []
    for pull, task in found:
        repository = policy.repository(task.repo)
        if repository is None:
            continue
        assert pull.id is not None
        of_pull = known[pull.id]
        author = policy.family_of(*of_pull.author) if of_pull.author else ""
        facts = facts_of(pull, repository, of_pull)
        result.append(
            Standing(pull, task, repository, facts, author, of_pull.evidence, of_pull.ok_since, of_pull.under_review)
        )
    return result


_JUDGED_PULLS = (
    col(PullRequest.state) == PullState.OPEN,
    or_(
        col(Task.state).in_(list(JUDGED)),
        and_(
            col(Task.state) == TaskState.ASKING,
            col(Task.id).in_(
                select(Question.task_id).where(Question.state == QuestionState.OPEN, Question.about == ABOUT)
            ),
        ),
    ),
)


def is_judged(session: Session, task: Task) -> bool:
    """Whether a task's pull request is held against the definition of done: also while people say who goes on."""
    return task.state in JUDGED or waits_for_answer(session, task) is not None


def _known(session: Session, policy: Policy, found: Sequence[tuple[PullRequest, Task]]) -> dict[int, Known]:
    """What is known of each pull request, in as many queries as there are tables: a tick looks at all of them."""
    evidence: dict[int, dict[str, tuple[str, str]]] = {}
    since: dict[int, dict[str, datetime]] = {}
    for pull_id, check, state, detail, at in session.execute(
        _of_heads(Evidence.pull_request_id, Evidence.check, Evidence.state, Evidence.detail, Evidence.since).where(
            col(Evidence.pull_request_id) == col(PullRequest.id), col(Evidence.head) == col(PullRequest.head_sha)
        )
    ):
        evidence.setdefault(pull_id, {})[check] = (state, detail)
        if state == State.OK:
            since.setdefault(pull_id, {})[check] = at
    reviews: dict[int, list[ReviewFact]] = {}
    for pull, review in session.execute(
        _of_heads(PullRequest, Review).where(
            col(Review.pull_request_id) == col(PullRequest.id), col(Review.head) == col(PullRequest.head_sha)
        )
    ):
        repository = policy.repository(pull.repo)
        counts = review.real or (repository is not None and repository.playground)
        reviews.setdefault(pull.id, []).append(_review(review, counts=counts))
    asked: dict[str, bool] = {}
    for subject, state in session.execute(
        _of_heads(Judgement.subject, Judgement.state).where(
            col(Judgement.task_id) == col(Task.id), col(Judgement.kind) == Kind.REVIEW
        )
    ):
        head = ":".join(subject.split(":")[:3])  # `pull:5:<head>:r1`
        asked[head] = asked.get(head, False) or state in {"asked", "answered"}
    authors = {
        task_id: (agent, model)
        for task_id, agent, model, _ in session.execute(
            _of_heads(Attempt.task_id, Attempt.agent, Attempt.model, Attempt.n)
            .where(col(Attempt.task_id) == col(Task.id))
            .order_by(col(Attempt.n))
        )
    }
    return {
        pull.id: Known(
            evidence.get(pull.id, {}),
            since.get(pull.id, {}),
            tuple(reviews.get(pull.id, ())),
            asked.get(f"pull:{pull.id}:{pull.head_sha}", True),
            asked.get(f"pull:{pull.id}:{pull.head_sha}", False),
            authors.get(pull.task_id),
        )
        for pull, _ in found
        if pull.id is not None
    }


def _of_heads(*columns: Any) -> Select[Any]:
    """These columns of what belongs to the pull requests that are judged."""
    return sql_select(*columns).where(col(PullRequest.task_id) == col(Task.id), *_JUDGED_PULLS)


def _review(row: Review, *, counts: bool) -> ReviewFact:
    return ReviewFact(
        row.family,
        row.verdict,
        row.head,
        blockers=sum(1 for finding in row.findings if finding.get("blocks")),
        unmet=sum(1 for line in row.acceptance if line.get("met") == "no"),
        counts=counts,
    )
