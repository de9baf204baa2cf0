"""What reviewers' findings were worth, by model and category, counted from the reviews that are kept.

| column | a finding counts there when |
|---|---|
| confirmed, refuted, unsure | another family looked and said so; two that found it by themselves confirm it |
| unchecked | nobody looked at it a second time: it was minor, or there was no second family |
| fixed | it blocked, and a later commit took the line away that it quotes |
| dismissed | a person resolved its conversation, and the line stayed as it was |

A finding of several reviewers counts for each of their models. What an earlier round had settled counts once, there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from scheduler.registry import PullRequest, Review
from scheduler.remarks import Remarks
from scheduler.same_finding import Finding, key_of

EVERYTHING = "all"
_CHECKED = frozenset({"confirmed", "refuted", "unsure"})


@dataclass(frozen=True)
class Record:
    """What one model's findings of one category were worth; `category` is `all` for all of them together."""

    model: str
    category: str
    found: int = 0
    confirmed: int = 0
    refuted: int = 0
    unsure: int = 0
    unchecked: int = 0
    fixed: int = 0
    dismissed: int = 0

    @property
    def precision(self) -> float | None:
        """Of what another family decided, how much it confirmed; None when it decided nothing."""
        decided = self.confirmed + self.refuted
        return self.confirmed / decided if decided else None


@dataclass(frozen=True)
class Seat:
    """What one model was asked for, and how often it had an answer."""

    model: str
    family: str
    reviews: int
    approved: int
    objected: int
    abstained: int
    failed: int
    real: bool


def read_precision(session: Session) -> tuple[list[Seat], list[Record]]:
    """Every model that reviewed, and what its findings were worth."""
    reviews = session.exec(select(Review).where(Review.family != "waggle").order_by(col(Review.id))).all()
    pulls = session.exec(select(PullRequest.id, PullRequest.facts)).all()
    remarks = {pull_id: facts.get("remarks", {}) for pull_id, facts in pulls}
    return seats(reviews), records(reviews, remarks)


def seats(reviews: Iterable[Review]) -> list[Seat]:
    """How often each model was asked, and what it answered. Pure."""
    said: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
    for one in reviews:
        said[one.model, one.family, one.real].append(one.verdict)
    return [
        Seat(
            model,
            family,
            reviews=len(verdicts),
            approved=verdicts.count("approve"),
            objected=verdicts.count("request_changes"),
            abstained=verdicts.count("abstain"),
            failed=verdicts.count("error"),
            real=real,
        )
        for (model, family, real), verdicts in sorted(said.items())
    ]


def records(reviews: Sequence[Review], remarks: Mapping[int | None, Remarks]) -> list[Record]:
    """By model and category, each model's sum first. Pure.

    Parameters:
        remarks: what became of the remarks on lines, by pull request.
    """
    models = {(one.pull_request_id, one.head, one.reviewer): one.model for one in reviews}
    counts: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for review in reviews:
        for finding in review.findings:
            if finding.get("status") == "settled":
                continue
            words = _words(finding, remarks.get(review.pull_request_id, {}))
            names = finding.get("found_by") or [review.reviewer]
            for model in {models.get((review.pull_request_id, review.head, name), review.model) for name in names}:
                for category in (EVERYTHING, str(finding.get("category") or "?")):
                    for word in words:
                        counts[model, category][word] += 1
    order = sorted(counts, key=lambda key: (key[0], key[1] != EVERYTHING, key[1]))
    return [Record(model, category, **counts[model, category]) for model, category in order]


def _words(finding: Finding, remarks: Remarks) -> list[str]:
    """The columns in which a finding counts."""
    status = str(finding.get("status", ""))
    remark = remarks.get(key_of(finding), {})
    became = str(finding.get("became", ""))
    if not became and remark.get("state") == "resolved" and remark.get("by"):
        became = "dismissed"
    return ["found", status if status in _CHECKED else "unchecked", *([became] if became else [])]
