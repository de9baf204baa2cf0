"""What of a review is believed. Pure: findings are held against the file at head and the lines that changed.

A reviewer's finding counts only where its quote stands, blocks only where the change is, and is one finding however
many reviewers make it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from bot.orchestrator.hostile import speaks_to_reviewers
from integrations.models.judgements import AcceptanceCheck, Finding, ReviewAnswer
from integrations.models.rules.diff import FileDiff

NEAR = 3  #: lines by which a reviewer may miscount
_WEIGHT = {"minor": 0, "major": 1, "blocker": 2}
Severity = Literal["blocker", "major", "minor"]


@dataclass(frozen=True)
class Weighed:
    """A finding that was checked.

    Attributes:
        line: where the quote really stands.
        families: model families that made it.
        status: `unverified`, `confirmed`, `refuted` or `unsure`: what another family said about it; `settled` when an
            earlier round had done with it.
        note: why it weighs less than its reviewer said.
    """

    finding: Finding
    line: int
    severity: Severity
    found_by: tuple[str, ...]
    families: tuple[str, ...]
    status: str = "unverified"
    note: str = ""

    @property
    def blocks(self) -> bool:
        """Whether it holds "PR ready" back."""
        return self.severity != "minor" and self.status in {"unverified", "confirmed"}

    def as_row(self) -> dict[str, Any]:
        """As it is kept with its review."""
        row = self.finding.model_dump(mode="json")
        return row | {
            "line": self.line,
            "severity": self.severity,
            "blocks": self.blocks,
            "status": self.status,
            "found_by": list(self.found_by),
            "note": self.note,
        }


@dataclass(frozen=True)
class Held:
    """One reviewer's findings, held against the change.

    Attributes:
        dropped: how many did not stand up: a quote that is not there, a file that did not change.
    """

    kept: tuple[Weighed, ...]
    dropped: int = 0


def hold(
    findings: Sequence[Finding], reviewer: str, family: str, diff: Sequence[FileDiff], heads: Mapping[str, str | None]
) -> Held:
    """Check one reviewer's findings.

    Parameters:
        heads: text at head of each changed file; None for one that is gone.
    """
    files = {file.path: file for file in diff}
    kept: list[Weighed] = []
    for one in findings:
        file = files.get(one.path)
        line = _place(one, file, heads.get(one.path)) if file is not None and one.path in heads else None
        if file is None or line is None:
            continue
        severity: Severity = one.severity
        note = ""
        if severity != "minor" and heads[one.path] is not None and line not in changed_lines(file):
            severity, note = "minor", "not on a line that this change touches"
        kept.append(Weighed(one, line, severity, (reviewer,), (family,), note=note))
    return Held(tuple(kept), len(findings) - len(kept))


def changed_lines(file: FileDiff) -> frozenset[int]:
    """Lines at head that were added, or stand beside something removed."""
    lines = {row.line for row in file.added()}
    for row in file.removed():
        lines |= {row.line - 1, row.line}
    return frozenset(lines)


def _place(finding: Finding, file: FileDiff | None, text: str | None) -> int | None:
    """The line nearest to the one named that holds the quote; None when none within reach does."""
    wanted = " ".join(finding.quote.split())
    if text is None:  # the file is gone at head: what it held can only be quoted from the diff
        removed = {" ".join(row.text.split()) for row in file.removed()} if file else set()
        return finding.line if not wanted or wanted in removed else None
    rows = text.split("\n")
    if not wanted:
        return None
    near = sorted(range(finding.line - NEAR, finding.line + NEAR + 1), key=lambda line: abs(line - finding.line))
    return next((line for line in near if 0 < line <= len(rows) and " ".join(rows[line - 1].split()) == wanted), None)


def merge(councils: Sequence[Sequence[Weighed]]) -> list[list[Weighed]]:
    """Findings of all reviewers, each kept once, with the first who made it.

    The same finding is the same file, category and place, give or take three lines.
    """
    merged: list[list[Weighed]] = []
    for found in councils:
        own: list[Weighed] = []
        for one in found:
            twin = next(
                ((group, i) for group in [*merged, own] for i, other in enumerate(group) if near(one, other)), None
            )
            if twin is None:
                own.append(one)
                continue
            group, i = twin
            heavier = max(one.severity, group[i].severity, key=lambda severity: _WEIGHT[severity])
            families = tuple(dict.fromkeys((*group[i].families, *one.families)))
            group[i] = replace(
                group[i],
                severity=heavier,
                found_by=tuple(dict.fromkeys((*group[i].found_by, *one.found_by))),
                families=families,
                status="confirmed" if len(families) > 1 else group[i].status,
                note=group[i].note if heavier == group[i].severity else one.note,
            )
        merged.append(own)
    return merged


def near(one: Weighed, other: Weighed) -> bool:
    """Whether both are of one kind and in one place, give or take three lines."""
    a, b = one.finding, other.finding
    return a.path == b.path and a.category == b.category and abs(one.line - other.line) <= NEAR


def verify(one: Weighed, result: str, why: str) -> Weighed:
    """A finding after another family looked at it. Only a confirmed one keeps its weight."""
    if result == "confirmed":
        return replace(one, status="confirmed")
    return replace(one, severity="minor", status=result, note=f"another model: {why}".strip()[:300])


def acceptance_of(answer: ReviewAnswer, criteria: Sequence[str]) -> tuple[AcceptanceCheck, ...]:
    """One entry for each criterion of the task. A `no` without evidence, and criteria made up, are not believed."""
    said = {_folded(one.criterion): one for one in answer.acceptance}
    # A reviewer that put all of them into its own words kept their order.
    renamed = len(answer.acceptance) == len(criteria) and not any(_folded(one) in said for one in criteria)
    in_order = answer.acceptance if renamed else []
    found = []
    for place, criterion in enumerate(criteria):
        one = said.get(_folded(criterion)) or (in_order[place] if in_order else None)
        if one is None:
            found.append(AcceptanceCheck(criterion=criterion, met="cannot_tell", evidence="the reviewer did not say"))
        elif one.met == "no" and not one.evidence.strip():
            found.append(AcceptanceCheck(criterion=criterion, met="cannot_tell", evidence="no evidence was given"))
        else:
            found.append(AcceptanceCheck(criterion=criterion, met=one.met, evidence=one.evidence))
    return tuple(found)


def _folded(text: str) -> str:
    return " ".join(text.lower().split())


def settle_verdict(
    said: Literal["approve", "request_changes", "abstain"],
    blocks: bool,
    acceptance: Sequence[AcceptanceCheck],
) -> Literal["approve", "request_changes", "abstain"]:
    """The verdict that counts.

    Whoever found something that blocks wants changes, whatever they called it. Whoever wants changes for nothing that
    stood up gives no approval and no objection: only the word "approve" approves.
    """
    if blocks or any(one.met == "no" for one in acceptance):
        return "request_changes"
    return "approve" if said == "approve" else "abstain"


def orders_in(diff: Sequence[FileDiff]) -> list[Finding]:
    """Added lines that tell reviewers what to decide. Each is a blocker: a person has to look at it."""
    found = []
    for file in diff:
        for row in file.added():
            words = speaks_to_reviewers(row.text)
            if words:
                found.append(
                    Finding(
                        severity="blocker",
                        category="security",
                        path=file.path,
                        line=row.line,
                        title="Text in the change speaks to its reviewers",
                        why=f"“{words[:120]}” is an order to whoever reviews this. A person must look at it.",
                        quote=row.text,
                        confidence=100,
                    )
                )
    return found
