"""Keeping what the review council said, bound to the head commit that it said it about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlmodel import Session, select

from scheduler.judging import Reviewed, ReviewFacts
from scheduler.registry.work import Judgement, Review, Task
from scheduler.registry.writers import pay, refresh_card
from scheduler.same_finding import key_of


def apply_review(session: Session, now: datetime, row: Judgement) -> None:
    """Keep the council's verdicts, for the head commit that they are about."""
    said = Reviewed.model_validate(row.answer)
    facts = ReviewFacts.model_validate(row.facts)
    row.state = "used"
    session.add(row)
    task = session.get(Task, row.task_id)
    assert task is not None
    for one in said.reviews:
        known = session.exec(
            select(Review).where(
                Review.pull_request_id == facts.pull_request_id,
                Review.head == facts.head_sha,
                Review.reviewer == one.reviewer,
            )
        ).first()
        review = known or Review(
            pull_request_id=facts.pull_request_id,
            head=facts.head_sha,
            reviewer=one.reviewer,
            family=one.family,
            model=one.model,
            verdict=one.verdict,
            created_at=now,
        )
        review.family, review.model, review.verdict = one.family, one.model, one.verdict
        review.focus, review.summary, review.real = one.focus, one.summary, one.real
        review.findings, review.acceptance = list(one.findings), list(one.acceptance)
        review.cost_usd = one.cost_usd
        session.add(review)
        pay(
            session,
            now,
            key=f"review:{facts.pull_request_id}:{facts.head_sha}:{one.reviewer}",
            purpose="review",
            task_id=task.id,
            model=one.model,
            tokens_input=one.tokens_input,
            tokens_cached=one.tokens_cached,
            tokens_output=one.tokens_output,
            cost_usd=one.cost_usd,
        )
    _note_what_became(session, facts, said.became)
    refresh_card(session, task, now)


def _note_what_became(session: Session, facts: ReviewFacts, became: Mapping[str, str]) -> None:
    """Earlier findings that this commit shows to be fixed or dismissed: their reviewers' record counts them."""
    if not became:
        return
    earlier = select(Review).where(Review.pull_request_id == facts.pull_request_id, Review.head != facts.head_sha)
    for row in session.exec(earlier).all():
        found = [{**one, "became": became[key]} if (key := key_of(one)) in became else one for one in row.findings]
        if found != row.findings:
            row.findings = found
            session.add(row)
