"""The questions put to a model and the answers expected back, as values.

Each prompt carries its facts as one fenced JSON object, so that a person can read exactly what the
model was told, and so that rules can answer the same question from the same facts when no model does.
Text from customers, trackers and logs sits inside that object: it is data, and cannot close the fence.
"""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class JudgementKind(StrEnum):
    SCOPE = "scope"  #: turn a request into a task
    DIAGNOSE = "diagnose"  #: say what to change after a failure
    REVIEW = "review"  #: judge a diff at one head commit
    VERIFY = "verify"  #: check a claim that another reviewer made


class Facts(BaseModel):
    model_config = ConfigDict(frozen=True)


class AnswerModel(BaseModel):
    """Every field of an answer is required on the wire: strict schemas of both vendors demand it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PassageFact(Facts):
    """A piece of business context that may be cited."""

    passage_id: str
    source_id: str
    text: str
    date: str = ""
    speaker: str = ""
    customer: str = ""
    url: str = ""
    trust: Literal["internal", "external", "system"] = "internal"


class RepositoryFact(Facts):
    slug: str
    base_branch: str
    files: tuple[str, ...] = ()  #: files that the search of the repository found for this request, best first
    excerpts: tuple[str, ...] = ()  #: "path:line: text" of the hits


class ScopeFacts(Facts):
    request: str
    requester: str
    repositories: tuple[RepositoryFact, ...]
    passages: tuple[PassageFact, ...] = ()
    past_failures: tuple[str, ...] = ()
    open_tasks: tuple[str, ...] = ()  #: "T-3 title"
    answers: tuple[str, ...] = ()  #: what a person answered to earlier scoping questions
    before: tuple[str, ...] = ()  #: the merged task that this request continues, in lines
    observed: tuple[str, ...] = ()  #: an error of the running application: its trace, and the code that it leads to


class CitedPassage(AnswerModel):
    passage_id: str
    quote: str = Field(description="words copied exactly from the passage")


class ScopeAnswer(AnswerModel):
    clear: bool = Field(description="false when a person must say more before anybody can start")
    question: str = Field(description="the one question to ask when not clear, else empty")
    options: list[str]
    repo: str
    title: str = Field(description="imperative, at most 70 characters")
    goal: str
    acceptance: list[str]
    expected_files: list[str]
    kind: Literal["backend", "frontend", "design", "bug", "docs", "security", "tests", "refactor"]
    size: Literal["small", "medium", "large"]
    priority: Literal["p0", "p1", "p2", "p3"]
    priority_reason: str
    citations: list[CitedPassage]


class DiagnoseFacts(Facts):
    task: str  #: "T-12 title"
    goal: str
    acceptance: tuple[str, ...]
    attempt: int
    cause: str  #: name from the failure taxonomy, or ci, review, conflict, people
    message: str = ""
    final_text: str = ""
    evidence: tuple[str, ...] = ()  #: lines, most telling first
    expected_files: tuple[str, ...] = ()
    earlier_changes: tuple[str, ...] = ()  #: what earlier diagnoses already changed in the prompt
    guidance: tuple[str, ...] = ()  #: what people said in the thread
    passages: tuple[PassageFact, ...] = ()
    files: tuple[str, ...] = ()


class DiagnoseAnswer(AnswerModel):
    summary: str = Field(description="one sentence: what went wrong and why")
    change: Literal["narrow", "redirect", "inject", "fix_ci", "address_review", "resume", "ask_person"]
    instruction: str = Field(description="what the next attempt is told beyond the task itself")
    files: list[str] = Field(description="the files to focus on, empty when not narrowed")
    missing: str = Field(description="the fact that only a person can give, else empty")


class ReviewFacts(Facts):
    task: str
    goal: str
    acceptance: tuple[str, ...]
    focus: str
    base_sha: str
    head_sha: str
    diff: str
    changed_files: tuple[str, ...]
    ci: str = ""
    earlier_findings: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()  #: what the repository itself asks of changes


class Finding(AnswerModel):
    severity: Literal["blocker", "major", "minor"]
    category: Literal["correctness", "security", "data_loss", "concurrency", "contract", "test_gap", "intent", "perf"]
    path: str
    line: int
    title: str
    why: str
    quote: str = Field(description="the exact text of that line at head")
    confidence: int = Field(description="0 to 100")


class AcceptanceCheck(AnswerModel):
    criterion: str
    met: Literal["yes", "no", "cannot_tell"]
    evidence: str


class ReviewAnswer(AnswerModel):
    verdict: Literal["approve", "request_changes", "abstain"]
    summary: str
    acceptance: list[AcceptanceCheck]
    findings: list[Finding]


class ClaimFacts(Facts):
    """What another reviewer found, and the code around it, as "number: text" lines."""

    path: str
    line: int
    title: str
    why: str
    code: str


class Verification(AnswerModel):
    """What the other model says about a finding."""

    result: Literal["confirmed", "refuted", "unsure"]
    why: str = Field(description="one or two sentences, with the lines that decide it")


FACTS: dict[JudgementKind, type[Facts]] = {
    JudgementKind.SCOPE: ScopeFacts,
    JudgementKind.DIAGNOSE: DiagnoseFacts,
    JudgementKind.REVIEW: ReviewFacts,
    JudgementKind.VERIFY: ClaimFacts,
}
ANSWERS: dict[JudgementKind, type[AnswerModel]] = {
    JudgementKind.SCOPE: ScopeAnswer,
    JudgementKind.DIAGNOSE: DiagnoseAnswer,
    JudgementKind.REVIEW: ReviewAnswer,
    JudgementKind.VERIFY: Verification,
}

_FENCE = re.compile(r'<facts kind="(?P<kind>[a-z]+)">\n(?P<json>.*?)\n</facts>', re.DOTALL)


def fence_facts(kind: JudgementKind, facts: Facts) -> str:
    """Facts as they stand in a prompt. `<` and `>` are escaped, so no quoted text can end the fence."""
    text = json.dumps(facts.model_dump(mode="json"), ensure_ascii=False, indent=1)
    text = text.replace("<", "\\u003c").replace(">", "\\u003e")
    return f'<facts kind="{kind.value}">\n{text}\n</facts>'


def read_facts(prompt: str) -> tuple[JudgementKind, Facts] | None:
    """The fenced facts of a prompt, or None when it has none.

    Raises:
        pydantic.ValidationError: the fence holds something else than these facts.
    """
    found = _FENCE.search(prompt)
    if found is None or found["kind"] not in {kind.value for kind in FACTS}:
        return None
    kind = JudgementKind(found["kind"])
    return kind, FACTS[kind].model_validate_json(found["json"])
