"""A review by rules: run the checks of a lens over the diff, hold it against the acceptance checks, and sum up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from integrations.models.judgements import AcceptanceCheck, Finding, ReviewAnswer, ReviewFacts
from integrations.models.rules import checks
from integrations.models.rules.checks import Change, Check, is_test
from integrations.models.rules.diff import FileDiff, parse
from integrations.models.rules.words import meaningful, shorten

MOST_FINDINGS = 12
_RANK = {"blocker": 0, "major": 1, "minor": 2}
_GREEN = re.compile(r"\b(?:green|pass(?:ed|es)?|success\w*|ok)\b", re.IGNORECASE)
_RED = re.compile(r"\bred\b|(?<!\b0 )(?<!\bno )\b(?:fail\w*|errors?)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Lens:
    """Which checks a reviewer makes, and how it speaks.

    Attributes:
        name: what it looks for, in words.
        checks: the checks, in no particular order.
        approval, objection: how the summary begins.
    """

    name: str
    checks: tuple[Check, ...]
    approval: str
    objection: str


_ALWAYS: tuple[Check, ...] = (checks.conflict_markers, checks.instructions_to_reviewers, checks.secrets)
LOGIC = Lens(
    "logic, tests and intent",
    (
        *_ALWAYS,
        checks.debug_leftovers,
        checks.removed_tests,
        checks.swallowed_errors,
        checks.unrelated_files,
        checks.missing_tests,
    ),
    "I read the change against the task and found nothing that should stop it",
    "The change should not be merged as it is",
)
SAFETY = Lens(
    "security and what the change touches",
    (*_ALWAYS, checks.sql_by_formatting, checks.dangerous_calls, checks.pipeline_changes, checks.removed_tests),
    "No unsafe input handling, no secrets and no weakened checks in this diff",
    "Changes requested",
)
EVERYTHING = Lens(
    "everything that rules can see",
    tuple(dict.fromkeys((*LOGIC.checks, *SAFETY.checks))),
    "The rules found nothing that should stop this change",
    "The rules object",
)


def review(facts: ReviewFacts, lens: Lens = EVERYTHING) -> ReviewAnswer:
    """Judge a diff. Blockers and majors request changes; a diff that is not whole is never approved."""
    files = tuple(parse(facts.diff))
    change = Change(files, f"{facts.task} {facts.goal} {' '.join(facts.acceptance)}")
    found = sorted((one for check in lens.checks for one in check(change)), key=lambda one: _RANK[one.severity])
    findings = found[:MOST_FINDINGS]
    unseen = sorted(set(facts.changed_files) - {file.path for file in files})
    verdict: Literal["approve", "request_changes", "abstain"]
    if any(one.severity != "minor" for one in findings):
        verdict = "request_changes"
    elif not files or unseen:
        verdict = "abstain"
    else:
        verdict = "approve"
    return ReviewAnswer(
        verdict=verdict,
        summary=_summary(facts, lens, verdict, findings, files, unseen),
        acceptance=[_held(criterion, facts, files) for criterion in facts.acceptance],
        findings=findings,
    )


def _summary(
    facts: ReviewFacts,
    lens: Lens,
    verdict: str,
    findings: list[Finding],
    files: tuple[FileDiff, ...],
    unseen: list[str],
) -> str:
    size = sum(1 for file in files for row in file.rows if row.kind != " ")
    seen = f"{len(files)} {'file' if len(files) == 1 else 'files'}, {size} changed lines; looked at {lens.name}."
    if verdict == "abstain":
        why = f"I did not see {', '.join(unseen[:5])}" if unseen else "There is no diff to read"
        return shorten(f"{why}, so I give no verdict. {seen}", 600)
    minor = [one for one in findings if one.severity == "minor"]
    if verdict == "approve":
        also = f" {len(minor)} minor: {'; '.join(one.title for one in minor)}." if minor else ""
        before = f" {len(facts.earlier_findings)} earlier findings were on the table." if facts.earlier_findings else ""
        return shorten(f"{lens.approval}. {seen}{also}{before}", 600)
    heavy = [one for one in findings if one.severity != "minor"]
    named = "; ".join(f"{one.title} ({one.path}:{one.line})" for one in heavy)
    return shorten(f"{lens.objection}: {named}. {seen}", 600)


def _held(criterion: str, facts: ReviewFacts, files: tuple[FileDiff, ...]) -> AcceptanceCheck:
    """What the diff and CI show about one criterion; what they do not show is `cannot_tell`, never `yes`."""
    told = set(meaningful(criterion))
    if re.search(r"\b(?:all|existing)\b.*\btests?\b.*\bpass|\bci\b", criterion, re.IGNORECASE):
        if _RED.search(facts.ci):
            return AcceptanceCheck(criterion=criterion, met="no", evidence=f"CI: {facts.ci}")
        if _GREEN.search(facts.ci):
            return AcceptanceCheck(criterion=criterion, met="yes", evidence=f"CI: {facts.ci}")
        return AcceptanceCheck(criterion=criterion, met="cannot_tell", evidence="no CI result was given")
    if re.search(r"\btests?\b", criterion, re.IGNORECASE):
        tests = [file.path for file in files if is_test(file.path) and next(file.added(), None)]
        if tests:
            return AcceptanceCheck(criterion=criterion, met="yes", evidence=f"tests added in {', '.join(tests)}")
        return AcceptanceCheck(criterion=criterion, met="cannot_tell", evidence="no test file changed")
    scored = (
        (len(told & set(meaningful(re.sub(r"[_./]", " ", row.text)))), -number, file, row)
        for number, (file, row) in enumerate((file, row) for file in files for row in file.added())
    )
    best = max(scored, key=lambda one: one[:2], default=None)
    everything = set(meaningful(" ".join(re.sub(r"[_./]", " ", row.text) for file in files for row in file.added())))
    if best is not None and best[0] and told and len(told & everything) * 2 >= len(told):
        _, _, file, row = best
        shown = shorten(row.text.strip(), 120)
        return AcceptanceCheck(criterion=criterion, met="yes", evidence=f"{file.path}:{row.line}: {shown}")
    return AcceptanceCheck(criterion=criterion, met="cannot_tell", evidence="the diff does not show it")
