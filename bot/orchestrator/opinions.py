"""What each reviewer said about one head commit: reading the change, asking, and keeping the answers.

An answer is kept until the whole council has answered, so neither a busy colleague nor a crash asks anybody twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, delete, select

from bot.orchestrator.asking import Charge, NobodyAnswered, ask_in_turn
from bot.orchestrator.desk import Desk
from bot.orchestrator.models import Reviewer
from bot.orchestrator.prompts import model_prompt
from bot.orchestrator.settled import Earlier, look_back
from integrations.models import Ask, Usage
from integrations.models.judgements import JudgementKind, ReviewAnswer, fence_facts
from integrations.models.judgements import ReviewFacts as ShownFacts
from integrations.models.rules.diff import FileDiff, parse
from scheduler.judging import ReviewFacts
from scheduler.names import task_label
from scheduler.registry import Attempt, Fact, Judgement, PullRequest, Review, Task
from scheduler.registry.writers import recall, remember
from scheduler.remarks import Remarks
from scheduler.same_finding import Finding

LARGEST_DIFF = 200_000  #: bytes; what cannot be read whole is not approved
MOST_EARLIER = 10  #: findings of earlier rounds that a reviewer is told
_CUT = "\n[the diff is longer than "  #: how the git room marks a diff that it cut


@dataclass(frozen=True)
class Change:
    """What is reviewed."""

    task: Task
    facts: ReviewFacts
    diff: str
    files: tuple[FileDiff, ...]
    heads: dict[str, str | None]
    changed: tuple[str, ...]
    earlier: tuple[Earlier, ...]
    whole: bool
    rules: tuple[str, ...] = ()  #: what the repository itself asks of changes


@dataclass(frozen=True)
class Opinion:
    """What one reviewer said, or why it did not."""

    reviewer: Reviewer
    answer: ReviewAnswer | None
    model: str
    usage: Usage
    cost_usd: float
    why_not: str = ""


@dataclass(frozen=True)
class Background:
    """What rows know besides the change.

    Attributes:
        author: the agent that wrote the change; empty when none is known.
        found: findings about earlier commits, oldest first.
        remarks: what became of the remarks on lines of the pull request.
    """

    task: Task
    author: str
    found: tuple[Finding, ...]
    remarks: Remarks


def background(session: Session, task_id: int, facts: ReviewFacts) -> Background:
    task = session.get(Task, task_id)
    assert task is not None
    agent = session.exec(
        select(Attempt.agent).where(Attempt.task_id == task_id).order_by(col(Attempt.n).desc())
    ).first()
    before = session.exec(
        select(Review)
        .where(Review.pull_request_id == facts.pull_request_id, Review.head != facts.head_sha)
        .order_by(col(Review.id))
    ).all()
    pull = session.get(PullRequest, facts.pull_request_id)
    found = tuple(one for row in before for one in row.findings)
    return Background(task, agent or "", found, pull.facts.get("remarks", {}) if pull else {})


def read_change(desk: Desk, facts: ReviewFacts, known: Background) -> Change:
    diff = desk.reader.diff(facts.repo, facts.base_sha, facts.head_sha, LARGEST_DIFF)
    changed = desk.reader.changed_files(facts.repo, facts.base_sha, facts.head_sha)
    files = tuple(parse(diff))
    heads = {file.path: desk.reader.read(facts.repo, file.path, facts.head_sha) for file in files}
    whole = _CUT not in diff[-200:] and set(changed) <= set(heads)
    repository = desk.policy().repository(facts.repo)
    rules = repository.review_rules if repository else ()
    earlier = look_back(known.found, known.remarks, heads)
    return Change(known.task, facts, diff, files, heads, changed, earlier, whole, rules)


def criteria_of(change: Change) -> tuple[str, ...]:
    """What the change is held against: the task's own checks, and what people asked for since."""
    return (*change.task.acceptance, *change.facts.asked)


async def ask_reviewer(
    desk: Desk, row: Judgement, seat: Reviewer, change: Change
) -> tuple[Opinion, NobodyAnswered | None]:
    """One reviewer's answer. It is kept until the whole council has answered, so a crash asks nobody twice."""
    key = f"council:{row.id}:{seat.name}"
    known = await desk.registry.read(lambda session: recall(session, key))
    if known is not None:
        return _recalled(seat, known), None
    task = change.task
    shown = ShownFacts(
        task=f"{task_label(task.id)} {task.title}",
        goal=task.goal,
        acceptance=criteria_of(change),
        focus=seat.focus,
        base_sha=change.facts.base_sha,
        head_sha=change.facts.head_sha,
        diff=change.diff,
        changed_files=change.changed,
        ci=change.facts.ci,
        earlier_findings=tuple(str(one) for one in change.earlier[-MOST_EARLIER:]),
        rules=change.rules,
    )
    system, prompt = model_prompt("review", fence_facts(JudgementKind.REVIEW, shown))
    ask = Ask("review", system, desk.clean(prompt), 8000)
    try:
        said = await ask_in_turn((seat.voice,), ask, ReviewAnswer)
    except NobodyAnswered as failed:
        usage, cost = _total(failed.charges)
        why = "; ".join(f"{one.kind}: {one.message}" for one in failed.failures)
        return Opinion(seat, None, seat.voice.model.name, usage, cost, why), failed
    usage, cost = _total(said.charges)
    opinion = Opinion(seat, said.value, said.by, usage, cost)
    value = {
        "answer": said.value.model_dump(mode="json"),
        "model": said.by,
        "usage": [usage.input, usage.cached, usage.output],
        "cost": cost,
    }
    await desk.registry.write(lambda session: remember(session, desk.clock(), key, value))
    return opinion, None


def _recalled(seat: Reviewer, known: dict[str, object]) -> Opinion:
    answer = ReviewAnswer.model_validate(known["answer"])
    usage, cost = known["usage"], known["cost"]
    assert isinstance(usage, list) and isinstance(cost, int | float)
    return Opinion(seat, answer, str(known["model"]), Usage(*usage), float(cost))


def forget_opinions(session: Session, row: Judgement) -> None:
    """The council has answered; what was kept on the way is not needed any more."""
    session.connection().execute(delete(Fact).where(col(Fact.key).startswith(f"council:{row.id}:")))


def _total(charges: Sequence[Charge]) -> tuple[Usage, float]:
    usage = Usage(
        sum(one.usage.input for one in charges),
        sum(one.usage.cached for one in charges),
        sum(one.usage.output for one in charges),
    )
    return usage, sum(one.cost_usd or 0.0 for one in charges)
