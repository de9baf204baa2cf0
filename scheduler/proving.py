"""Holding pull requests against the definition of done: facts from rows, a pure verdict, and what follows.

| the verdict says | what follows |
|---|---|
| all lines hold for the settle time | the task is ready; people hear it once for this head commit |
| CI, reviews, a conflict or people want changes | the failure is recorded with its evidence and diagnosed |
| only a person can move a line | one call for help |
| CI is green and the head is still | the review council is asked |
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlmodel import Session, col, select

from scheduler.done import (
    Check,
    CheckRun,
    DiffFact,
    DonePolicy,
    PullFacts,
    ReviewFact,
    State,
    Verdict,
    verdict,
)
from scheduler.failures import ask_for_help, fail
from scheduler.judging import Kind, ReviewFacts
from scheduler.lifecycle import Cause, PullState, TaskState
from scheduler.outside import Outside
from scheduler.policy import Policy, RepositoryPolicy
from scheduler.pulls import withdraw_before_changes, withdraw_ready
from scheduler.registry.work import Attempt, Evidence, Judgement, PullRequest, Review, Task
from scheduler.registry.writers import ask, move_task, refresh_card, say

_JUDGED = frozenset({TaskState.VERIFYING, TaskState.READY, TaskState.NEEDS_HELP})


def facts_of(session: Session, pull: PullRequest, repository: RepositoryPolicy) -> PullFacts:
    """Everything that rows know about a pull request, as values."""
    diff = pull.facts.get("diff")
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
        unresolved_threads=pull.facts.get("threads"),
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
        reviewers_left=not asked or any(one.state == "asked" for one in asked),
    )


def done_policy(policy: Policy, task: Task, author: str) -> DonePolicy:
    """What "done" means for this task."""
    wanted = policy.reviews.small_lane_reviews if task.lane == "small" else policy.reviews.families
    return DonePolicy(
        families=wanted,
        author_family=author,
        no_checks_s=policy.settle.no_checks_s,
        missing_checks_s=policy.settle.missing_checks_s,
    )


@dataclass(frozen=True)
class Standing:
    """One open pull request with all that rows know about it.

    Attributes:
        author: the model family that wrote the change.
        known: the evidence already recorded for this head commit: check, (state, detail).
    """

    pull: PullRequest
    task: Task
    repository: RepositoryPolicy
    facts: PullFacts
    author: str
    known: dict[str, tuple[str, str]]


class Prover:
    """Judges every watched pull request and lets its task go on."""

    def __init__(self, out: Outside) -> None:
        self._out = out

    async def judge(self) -> list[tuple[str, int]]:
        """Judge all; returns what must be fetched or run before more can be said, as (what, pull id)."""
        wants: list[tuple[str, int]] = []
        for one in await self._out.registry.read(self._standing):
            assert one.pull.id is not None
            said = verdict(one.facts, done_policy(self._out.policy(), one.task, one.author), self._out.clock())
            wants += self._missing(one.pull, one.task, one.repository, said)
            if self._anything_new(one.pull, one.task, said, one.known):
                await self._out.registry.write(partial(self._settle, pull_id=one.pull.id, said=said))
        return wants

    def _standing(self, session: Session) -> list[Standing]:
        found = session.exec(
            select(PullRequest, Task)
            .join(Task, col(PullRequest.task_id) == col(Task.id))
            .where(PullRequest.state == PullState.OPEN, col(Task.state).in_(list(_JUDGED)))
            .order_by(col(PullRequest.id))
        ).all()
        result = []
        for pull, task in found:
            repository = self._out.policy().repository(task.repo)
            if repository is None:
                continue
            rows = session.exec(
                select(Evidence).where(Evidence.pull_request_id == pull.id, Evidence.head == pull.head_sha)
            ).all()
            known = {row.check: (row.state, row.detail) for row in rows}
            facts = facts_of(session, pull, repository)
            result.append(Standing(pull, task, repository, facts, self._author(session, task), known))
        return result

    def _author(self, session: Session, task: Task) -> str:
        agent = session.exec(
            select(Attempt.agent).where(Attempt.task_id == task.id).order_by(col(Attempt.n).desc())
        ).first()
        return self._out.policy().family_of(agent) if agent else ""

    def _missing(
        self, pull: PullRequest, task: Task, repository: RepositoryPolicy, said: Verdict
    ) -> list[tuple[str, int]]:
        assert pull.id is not None
        diff = pull.facts.get("diff")
        wants = []
        if not diff or diff["head"] != pull.head_sha:
            wants.append(("diff", pull.id))
        if not repository.has_ci and pull.facts.get("verified_head") != pull.head_sha:
            wants.append(("verify", pull.id))
        if self._ci_is_red(task, said):
            wants.append(("ci", pull.id))
        return wants

    def _ci_is_red(self, task: Task, said: Verdict) -> bool:
        return task.state in {TaskState.VERIFYING, TaskState.READY} and said.line(Check.CI).state is State.FAIL

    def _anything_new(self, pull: PullRequest, task: Task, said: Verdict, known: dict[str, tuple[str, str]]) -> bool:
        """Whether this look changes anything; a quiet one writes nothing."""
        lines = {line.check.value: (line.state.value, line.detail) for line in said.lines}
        if lines != known:
            return True
        if task.state is TaskState.READY:
            return not said.complete
        if task.state is TaskState.NEEDS_HELP:
            return said.complete and task.help_from == TaskState.VERIFYING.value
        if said.complete:
            return pull.checks_since is None or self._held(pull) >= self._out.policy().settle.ready_s
        return bool(said.failed or said.needs_person or pull.checks_since is not None or self._wants_review(pull, said))

    def _held(self, pull: PullRequest) -> float:
        return (self._out.clock() - pull.checks_since).total_seconds() if pull.checks_since else 0.0

    def _wants_review(self, pull: PullRequest, said: Verdict) -> bool:
        ready = all(said.line(check).state in {State.OK, State.NA} for check in (Check.CI, Check.SYNCED, Check.SECRETS))
        still = (self._out.clock() - pull.head_since).total_seconds() >= self._out.policy().settle.review_s
        return ready and still and said.line(Check.AI_REVIEW).state is State.WAIT

    def _settle(self, session: Session, pull_id: int, said: Verdict) -> None:
        now = self._out.clock()
        pull = session.get(PullRequest, pull_id)
        assert pull is not None
        task = session.get(Task, pull.task_id)
        assert task is not None
        if pull.head_sha != said.head or pull.state is not PullState.OPEN or task.state not in _JUDGED:
            return  # the head moved between the look and this write: the verdict is about another commit
        if self._put_evidence(session, now, pull, said):
            refresh_card(session, task, now)
        if task.state is TaskState.NEEDS_HELP:
            if said.complete and task.help_from == TaskState.VERIFYING.value:
                task.help_cause, task.help_class, task.help_evidence = "", "", []
                move_task(session, task, TaskState.VERIFYING, Cause.CAUSE_GONE, now, why="every check holds again")
            return
        if said.complete:
            self._complete(session, now, pull, task)
            return
        if pull.checks_since is not None:
            pull.checks_since = None
            session.add(pull)
        if task.state is TaskState.READY and not said.failed:
            lines = ", ".join(
                f"{line.check.value}: {line.detail}" for line in said.lines if line.state in {State.WAIT, State.HUMAN}
            )
            cause = Cause.BASE_MOVED if said.line(Check.SYNCED).state is not State.OK else Cause.CHECK_WITHDRAWN
            withdraw_ready(session, now, pull, task, cause, lines)
            return
        self._incomplete(session, now, pull, task, said)

    def _put_evidence(self, session: Session, now: datetime, pull: PullRequest, said: Verdict) -> bool:
        assert pull.id is not None
        rows = {
            row.check: row
            for row in session.exec(
                select(Evidence).where(Evidence.pull_request_id == pull.id, Evidence.head == said.head)
            ).all()
        }
        changed = False
        for line in said.lines:
            row = rows.get(line.check.value)
            if row is None:
                row = Evidence(pull_request_id=pull.id, head=said.head, check=line.check.value, state="", since=now)
            if (row.state, row.detail, row.url) == (line.state.value, line.detail, line.url):
                continue
            if row.state != line.state.value:
                row.since = now
            row.state, row.detail, row.url = line.state.value, line.detail, line.url
            session.add(row)
            changed = True
        return changed

    def _complete(self, session: Session, now: datetime, pull: PullRequest, task: Task) -> None:
        if pull.checks_since is None:
            pull.checks_since = now
            session.add(pull)
        if task.state is TaskState.READY or self._held(pull) < self._out.policy().settle.ready_s:
            return
        pull.ready_head = pull.head_sha
        task.retries_failure = task.infra_waits = 0  # a stable green is what clears the count
        task.last_failure = ""
        session.add(pull)
        move_task(
            session, task, TaskState.READY, Cause.ALL_CHECKS, now, why=f"every check holds for {pull.head_sha[:8]}"
        )
        key = f"pr_ready:{pull.id}:{pull.head_sha}"
        say(session, now, kind="pr_ready", dedupe_key=key, task=task, head=pull.head_sha)

    def _incomplete(self, session: Session, now: datetime, pull: PullRequest, task: Task, said: Verdict) -> None:
        policy = self._out.policy()
        subject = f"pull:{pull.id}:{pull.head_sha}"
        if said.line(Check.SYNCED).state is State.FAIL:
            withdraw_before_changes(session, now, pull, task)
            files = pull.facts.get("conflicts", ())
            fail(
                session,
                now,
                policy,
                task,
                cause="conflict",
                transition=Cause.CONFLICT,
                subject=f"{subject}:conflict:{pull.base_sha}",
                message="The branch conflicts with its base branch.",
                evidence=[f"conflict in {name}" for name in files],
                head=pull.head_sha,
            )
        elif said.line(Check.AI_REVIEW).state is State.FAIL:
            withdraw_before_changes(session, now, pull, task)
            findings = self._blockers(session, pull)
            fail(
                session,
                now,
                policy,
                task,
                cause="review",
                transition=Cause.REVIEW_BLOCKED,
                subject=f"{subject}:review",
                message=said.line(Check.AI_REVIEW).detail,
                evidence=[f"{one['path']}:{one['line']}: {one['title']} — {one['why']}" for one in findings],
                findings=findings,
                head=pull.head_sha,
            )
        elif said.line(Check.THREADS).state is State.FAIL or said.line(Check.SECRETS).state is State.FAIL:
            threads = said.line(Check.THREADS).state is State.FAIL
            withdraw_before_changes(session, now, pull, task)
            fail(
                session,
                now,
                policy,
                task,
                cause="people" if threads else "secrets",
                transition=Cause.PEOPLE_COMMENTED if threads else Cause.CI_FAILED,
                subject=f"{subject}:{'threads' if threads else 'secrets'}",
                message=said.line(Check.THREADS if threads else Check.SECRETS).detail,
                evidence=[
                    f"{c['path']}:{c['line']}: {c['body']}" for c in pull.facts.get("comments", ()) if c.get("path")
                ],
                head=pull.head_sha,
            )
        elif said.needs_person and task.state is TaskState.VERIFYING:
            line = said.needs_person[0]
            ask_for_help(
                session,
                now,
                task,
                Cause.ONLY_A_PERSON,
                cause=line.check.value,
                sentence=f"{line.check.value}: {line.detail}.",
                evidence=[pull.url],
            )
        elif self._wants_review(pull, said) and task.state is TaskState.VERIFYING:
            self._ask_review(session, now, pull, task)

    def _blockers(self, session: Session, pull: PullRequest) -> list[dict[str, Any]]:
        rows = session.exec(select(Review).where(Review.pull_request_id == pull.id, Review.head == pull.head_sha)).all()
        blocking = [finding for row in rows for finding in row.findings if finding.get("blocks")]
        unmet = [
            {"path": "acceptance", "line": 0, "title": line["criterion"], "why": line.get("evidence", "not met")}
            for row in rows
            for line in row.acceptance
            if line.get("met") == "no"
        ]
        return blocking + unmet

    def _ask_review(self, session: Session, now: datetime, pull: PullRequest, task: Task) -> None:
        assert pull.id is not None
        facts = ReviewFacts(
            pull_request_id=pull.id,
            repo=pull.repo,
            number=pull.number,
            base_sha=pull.facts["diff"]["base"],
            head_sha=pull.head_sha,
            round=task.retries_review + 1,
            ci="green",
        )
        subject = f"pull:{pull.id}:{pull.head_sha}:r{facts.round}"
        ask(session, now, kind=Kind.REVIEW, subject=subject, task=task, facts=facts.model_dump(mode="json"))
        refresh_card(session, task, now)
