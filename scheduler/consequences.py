"""What follows when a pull request is not done: an attempt that repairs it, a person, or the review council."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, select

from scheduler.comments import as_criteria, still_writing, tell, untold
from scheduler.done import Check, Line, State, Verdict
from scheduler.failures import ask_for_help, fail
from scheduler.judging import Kind, PersonComment, ReviewFacts
from scheduler.lifecycle import Cause, TaskState
from scheduler.merge_train import CONFLICT, wait_in_line, whose_turn
from scheduler.policy import Policy, SettleTimes
from scheduler.pulls import withdraw_before_changes
from scheduler.registry.work import PullRequest, Review, Task
from scheduler.registry.writers import ask, refresh_card
from scheduler.review_bots import objections


def wants_review(said: Verdict, pull: PullRequest, policy: Policy, now: datetime) -> bool:
    """Whether the review council is to look: CI is green, the head is still, and not enough reviewers have spoken."""
    green = all(said.line(check).state in {State.OK, State.NA} for check in (Check.CI, Check.SYNCED, Check.SECRETS))
    still = (now - pull.head_since).total_seconds() >= policy.settle.review_s
    return green and still and said.line(Check.AI_REVIEW).state is State.WAIT


def act_on_lines(session: Session, now: datetime, policy: Policy, pull: PullRequest, task: Task, said: Verdict) -> None:
    """Take the next step for a pull request that is not done; a red CI is explained first, elsewhere."""
    conflicts = said.line(Check.SYNCED).state is State.FAIL
    first = whose_turn(session, task) if conflicts else None
    had_waited = bool(task.waits_for)
    wait_in_line(session, now, task, first)
    if first is not None or (conflicts and (had_waited or conflict_is_new(pull))):
        withdraw_before_changes(session, now, pull, task)
        if had_waited and first is None:
            # The base went on while it waited: it is looked at once more before an agent is told of it.
            pull.facts = {**pull.facts, "looked_at": ""}
            session.add(pull)
        return
    if conflicts:
        base = pull.facts.get("diff", {}).get("base") or pull.base_sha
        _repair(
            session,
            now,
            policy,
            pull,
            task,
            cause=CONFLICT,
            transition=Cause.CONFLICT,
            what=f"conflict:{pull.base_sha}",
            message="The branch conflicts with its base branch.",
            evidence=[
                *(f"conflict in {name}" for name in pull.facts.get("conflicts", ())),
                # Its workspace holds the base's objects and no name for them.
                f"the base branch is at {base}: `git merge {base}`",
            ],
        )
    elif said.line(Check.AI_REVIEW).state is State.FAIL:
        findings = _blockers(session, pull) + objections(pull.facts, pull.head_sha)
        _repair(
            session,
            now,
            policy,
            pull,
            task,
            cause="review",
            transition=Cause.REVIEW_BLOCKED,
            what="review",
            message=said.line(Check.AI_REVIEW).detail,
            evidence=[f"{one['path']}:{one['line']}: {one['title']} — {one['why']}" for one in findings],
            findings=findings,
        )
    elif said.line(Check.THREADS).state is State.FAIL:
        comments = untold(pull)
        if still_writing(comments, now, policy.settle.people_s):
            withdraw_before_changes(session, now, pull, task)
            return
        shown = tell(pull, comments)
        _repair(
            session,
            now,
            policy,
            pull,
            task,
            cause="people",
            transition=Cause.PEOPLE_COMMENTED,
            what="threads",
            message=f"{_names(shown)} wrote on the pull request.",
            evidence=[f"{one.path}:{one.line}: {one.body}" if one.path else one.body for one in shown],
            comments=shown,
        )
    elif said.line(Check.SECRETS).state is State.FAIL:
        _repair(
            session,
            now,
            policy,
            pull,
            task,
            cause="secrets",
            transition=Cause.CI_FAILED,
            what="secrets",
            message=said.line(Check.SECRETS).detail,
            evidence=pull.facts["diff"]["secrets"],
        )
    elif said.needs_person and not said.failed and task.state is TaskState.VERIFYING:
        # While CI is red an agent can still do something: its log is being read.
        line = said.needs_person[0]
        ask_for_help(
            session,
            now,
            task,
            Cause.ONLY_A_PERSON,
            cause=_by_person(line.check),
            sentence=f"{line.check.value}: {line.detail}.",
            evidence=[pull.url],
        )
    elif wants_review(said, pull, policy, now) and task.state is TaskState.VERIFYING:
        ask_review(session, now, pull, task)


def conflict_is_new(pull: PullRequest) -> bool:
    """Whether the base that a pull request conflicts with was not looked at since GitHub said that it does."""
    return pull.mergeable == "no" and pull.facts.get("looked_at") != "conflict"


#: the line that shows whether a failure of this cause is still there
_SHOWN_BY = {
    "ci": Check.CI,
    "verify": Check.CI,
    "conflict": Check.SYNCED,
    "review": Check.AI_REVIEW,
    "people": Check.THREADS,
    "secrets": Check.SECRETS,
}


def help_is_moot(
    task: Task, said: Verdict, ok_since: Mapping[str, datetime], settle: SettleTimes, now: datetime
) -> bool:
    """Whether what a person was called for has gone away by itself, so that the task goes on being verified.

    A failure has gone when its line has held for the settle time: a check that flaps would call the person each time.
    """
    if task.help_from != TaskState.VERIFYING.value:
        return False
    waited_for = next((line for line in said.lines if _by_person(line.check) == task.help_class), None)
    if said.complete or (waited_for is not None and not _holds_up(waited_for)):
        return True
    check = _SHOWN_BY.get(task.help_class)
    since = ok_since.get(check.value) if check is not None else None
    if check is None or since is None or said.line(check).state is not State.OK:
        return False
    return (now - since).total_seconds() >= settle.ready_s


def _holds_up(line: Line) -> bool:
    # Waiting says nothing yet: a head whose facts are being fetched would call the person twice.
    return line.state in {State.HUMAN, State.WAIT}


def _by_person(check: Check) -> str:
    return f"{check.value}-by-person"


def _repair(
    session: Session,
    now: datetime,
    policy: Policy,
    pull: PullRequest,
    task: Task,
    *,
    cause: str,
    transition: Cause,
    what: str,
    message: str,
    evidence: list[str],
    findings: list[dict[str, Any]] | None = None,
    comments: tuple[PersonComment, ...] = (),
) -> None:
    withdraw_before_changes(session, now, pull, task)
    session.add(pull)
    fail(
        session,
        now,
        policy,
        task,
        cause=cause,
        transition=transition,
        subject=f"pull:{pull.id}:{pull.head_sha}:{what}",
        message=message,
        evidence=evidence,
        findings=findings or (),
        comments=comments,
        head=pull.head_sha,
    )


def _names(comments: Sequence[PersonComment]) -> str:
    return " and ".join(dict.fromkeys(one.by for one in comments if one.by)) or "Somebody"


def _blockers(session: Session, pull: PullRequest) -> list[dict[str, Any]]:
    rows = session.exec(select(Review).where(Review.pull_request_id == pull.id, Review.head == pull.head_sha)).all()
    blocking = [finding for row in rows for finding in row.findings if finding.get("blocks")]
    unmet = [
        {"path": "acceptance", "line": 0, "title": line["criterion"], "why": line.get("evidence", "not met")}
        for row in rows
        for line in row.acceptance
        if line.get("met") == "no"
    ]
    return blocking + unmet


def ask_review(session: Session, now: datetime, pull: PullRequest, task: Task) -> None:
    """Have the review council look at the head commit; once for each round."""
    assert pull.id is not None
    facts = ReviewFacts(
        pull_request_id=pull.id,
        repo=pull.repo,
        number=pull.number,
        base_sha=pull.facts["diff"]["base"],
        head_sha=pull.head_sha,
        round=task.retries_review + 1,
        ci="green",
        asked=as_criteria(pull),
    )
    subject = f"pull:{pull.id}:{pull.head_sha}:r{facts.round}"
    ask(session, now, kind=Kind.REVIEW, subject=subject, task=task, facts=facts.model_dump(mode="json"))
    refresh_card(session, task, now)
