"""The checks of a review by rules: each looks at the changed files and reports what it really saw."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from integrations.models.judgements import Finding
from integrations.models.rules.diff import FileDiff, Row
from integrations.models.rules.words import meaningful, subjects
from integrations.redact import SHAPES

Severity = Literal["blocker", "major", "minor"]
Category = Literal["correctness", "security", "data_loss", "concurrency", "contract", "test_gap", "intent", "perf"]


@dataclass(frozen=True)
class Change:
    """What is reviewed: the files, and the words of the task."""

    files: tuple[FileDiff, ...]
    intent: str


Check = Callable[[Change], Iterator[Finding]]

_CODE = (".py", ".js", ".ts", ".tsx", ".jsx", ".go", ".rb", ".java", ".rs", ".php", ".c", ".cpp", ".cs", ".sh")
_TAKES_BACK = re.compile(r"`git revert\b")
_TEST_PATH = re.compile(r"(^|/)(tests?|specs?|__tests__)/|(^|/)test_[^/]+$|_test\.\w+$|\.(?:test|spec)\.\w+$")
_TEST_NAME = re.compile(r"^\s*(?:async\s+)?def\s+(test\w*)|\b(?:it|test)\(\s*[\"'`](.+?)[\"'`]")
_SKIPPED = re.compile(r"@(?:unittest\.|pytest\.mark\.)(?:skip|xfail)|\b(?:it|test|describe)\.skip\(")
_DEBUG = re.compile(
    r"\bbreakpoint\(\)|\bpdb\.set_trace\(|^\s*print\(\s*f?[\"']\W*debug\b|\bconsole\.(?:log|debug)\(|^\s*debugger\b"
    r"|\bbinding\.pry\b|\bvar_dump\(",
    re.IGNORECASE,
)
_ADDRESSED = re.compile(
    r"(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instruction|rule|guideline|prompt|finding)s?"
    r"|\b(?:ai|llm|automated|code)[ -]?review(?:er)?s?\b.{0,60}\b(?:approve|pass|accept|skip|must|should)"
    r"|\b(?:approve|merge|accept) (?:this|the) (?:pull request|pr|change|diff|commit)\b"
    r"|\bas an? (?:ai|language model)\b|\bverdict\b.{0,20}\bapprove\b",
    re.IGNORECASE,
)
_PASSWORD = re.compile(
    r"(?:password|passwd|secret|api_?key|token)[\"']?\s*[:=]\s*[\"'](?!\s*[\"'])(?!.*(?:example|change.?me|xxx|\{|\$|<))"
    r"[^\"'\s]{8,}[\"']",
    re.IGNORECASE,
)
_SQL = re.compile(
    r"\b(?:execute|executemany|executescript|query|raw)\(\s*(?:f[\"']|[\"'][^\"']*[\"']\s*(?:%|\+|\.format\())"
    r"|f[\"']{1,3}\s*(?:select|insert|update|delete)\b[^\"']*\{",
    re.IGNORECASE,
)
_DANGEROUS = re.compile(
    r"\b(?:eval|exec)\(|shell\s*=\s*True|\bos\.system\(|\bpickle\.loads?\(|yaml\.load\((?!.*Safe)|verify\s*=\s*False"
    r"|\binnerHTML\s*=|\|\s*safe\b|mark_safe\("
)
_SWALLOWED = re.compile(r"^\s*except(?:\s+\w+)?\s*:\s*(?:pass)?\s*$")
_PIPELINE = re.compile(
    r"^\.github/|^\.gitlab-ci|^\.circleci/|^\.playground-ci\.toml$|^\.waggle\.toml$|^Jenkinsfile$|^\.ci/"
)
_ABOUT_CI = frozenset(meaningful("ci pipeline workflow lint linter job"))
_CONFLICT = re.compile(r"^(?:<{7} |={7}$|>{7} )")


def is_test(path: str) -> bool:
    return bool(_TEST_PATH.search(path))


def is_code(path: str) -> bool:
    return path.endswith(_CODE) and not is_test(path)


def _finding(
    file: FileDiff, row: Row | None, severity: Severity, category: Category, title: str, why: str, confidence: int
) -> Finding:
    return Finding(
        severity=severity,
        category=category,
        path=file.path,
        line=row.line if row else 0,
        title=title,
        why=why,
        quote=row.text if row else "",
        confidence=confidence,
    )


def _matching(
    files: Iterable[FileDiff],
    pattern: re.Pattern[str],
    *details: object,
    only: Callable[[str], bool] = lambda path: True,
) -> Iterator[tuple[FileDiff, Row]]:
    return ((file, row) for file in files if only(file.path) for row in file.added() if pattern.search(row.text))


def conflict_markers(change: Change) -> Iterator[Finding]:
    for file, row in _matching(change.files, _CONFLICT):
        why = "A merge was committed with its conflict unresolved."
        yield _finding(file, row, "blocker", "correctness", "Conflict marker left in the file", why, 99)


def instructions_to_reviewers(change: Change) -> Iterator[Finding]:
    for file, row in _matching(change.files, _ADDRESSED):
        why = "Text in a change that tells reviewers what to decide is never followed; a person has to look at it."
        yield _finding(file, row, "blocker", "security", "Text addressed to reviewers", why, 95)


def secrets(change: Change) -> Iterator[Finding]:
    for file in change.files:
        for row in file.added():
            kind = next((name for name, shape in SHAPES if shape.search(row.text)), None)
            if kind is None and not is_test(file.path) and _PASSWORD.search(row.text):
                kind = "password or key"
            if kind is not None:
                why = f"This looks like a {kind}. Whoever reads the repository can use it; revoke it."
                yield _finding(file, row, "blocker", "security", "Secret in the source", why, 90)


def debug_leftovers(change: Change) -> Iterator[Finding]:
    for file, row in _matching(change.files, _DEBUG, only=lambda path: path.endswith(_CODE)):
        why = "A debug line was left behind; it would run for every user."
        yield _finding(file, row, "major", "correctness", "Debug line left behind", why, 95)


def removed_tests(change: Change) -> Iterator[Finding]:
    if _TAKES_BACK.search(change.intent):
        return  # the tests of what is reverted go with it
    kept = {_test_name(row.text) for file in change.files for row in file.added()}
    for file in change.files:
        for row in file.removed():
            name = _test_name(row.text)
            if name and name not in kept:
                why = f"`{name}` is gone and nothing replaces it, so what it guarded is no longer guarded."
                at = row if file.deleted else file.at_head(row.line)
                yield _finding(file, at, "major", "test_gap", f"Test removed: {name}"[:80], why, 90)
    for file, row in _matching(change.files, _SKIPPED):
        why = "A skipped test guards nothing. Repair it or say why it cannot run."
        yield _finding(file, row, "major", "test_gap", "Test skipped", why, 85)


def sql_by_formatting(change: Change) -> Iterator[Finding]:
    for file, row in _matching(change.files, _SQL, only=lambda path: path.endswith(_CODE)):
        why = "Values belong in parameters: text from a user could become part of the statement."
        yield _finding(file, row, "major", "security", "SQL built by formatting a string", why, 80)


def dangerous_calls(change: Change) -> Iterator[Finding]:
    for file, row in _matching(change.files, _DANGEROUS, only=lambda path: not is_test(path)):
        why = "This runs, unpacks or trusts whatever text it is given."
        yield _finding(file, row, "major", "security", "Call that trusts its input", why, 75)


def swallowed_errors(change: Change) -> Iterator[Finding]:
    for file, row in _matching(change.files, _SWALLOWED, only=lambda path: path.endswith(".py")):
        after = file.at_head(row.line + 1)
        if "pass" in row.text or (after is not None and after.text.strip() == "pass"):
            why = "An error disappears here without a trace."
            yield _finding(file, row, "minor", "correctness", "Error swallowed", why, 70)


def pipeline_changes(change: Change) -> Iterator[Finding]:
    asked = set(meaningful(change.intent))
    for file in change.files:
        if _PIPELINE.search(file.path) and not asked & _ABOUT_CI:
            why = "The task says nothing about CI. Whoever changes the checks decides what passes them."
            row = file.first_added() or file.at_head(0)
            yield _finding(file, row, "major", "intent", "Checks of the project changed", why, 80)


def unrelated_files(change: Change) -> Iterator[Finding]:
    asked = {word for word in subjects(change.intent) if not word.isdecimal()}
    for file in change.files:
        words = set(meaningful(" ".join([re.sub(r"[/._-]", " ", file.path), *(row.text for row in file.rows)])))
        split = {part for word in words for part in meaningful(re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", word))}
        if is_code(file.path) and file.rows and not asked & (words | split):
            row = file.first_added() or file.at_head(0)
            why = "Nothing in this file's change shares a word with the task."
            yield _finding(file, row, "minor", "intent", "Change that looks unrelated", why, 40)


def missing_tests(change: Change) -> Iterator[Finding]:
    if any(is_test(file.path) and next(file.added(), None) for file in change.files):
        return
    for file in change.files:
        row = next((row for row in file.added() if row.text.strip() and not row.text.lstrip().startswith("#")), None)
        if is_code(file.path) and row is not None:
            why = "Code changed and no test did, so nothing shows that it works or keeps working."
            yield _finding(file, row, "minor", "test_gap", "No test for this change", why, 80)
            return


def _test_name(text: str) -> str:
    found = _TEST_NAME.search(text)
    return (found[1] or found[2] or "") if found else ""
