"""What the supervisor asks the orchestrator, and the shape of the answers, as they stand in judgement rows.

scope: a request arrived, or a person answered a scoping question.
    Subject `task:<id>:v<version>`, answer ScopedTask.
diagnose: an attempt failed, CI is red, or reviews or people want changes.
    Subject `attempt:<name>:v<version>`, `pull:<id>:<head>:<what>:v<version>`, `thread:<id>:v<version>` or
    `retry:<id>:v<version>`, answer Diagnosed.
prompt: the next prompt follows from facts alone (an answer, a resumed session).
    Subject `prompt:<id>:v<version>`, answer WrittenPrompt.
review: the head commit is green and still.
    Subject `pull:<id>:<head>:r<round>`, answer Reviewed.

The supervisor never writes a prompt and never asks a model; the orchestrator never changes a state.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Kind(StrEnum):
    SCOPE = "scope"
    DIAGNOSE = "diagnose"
    PROMPT = "prompt"
    REVIEW = "review"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Citation(_Value):
    """Words of a source that a task rests on. The quote stands in the passage literally."""

    source_id: int
    passage_id: int
    quote: str
    date: str = ""
    speaker: str = ""
    customer: str = ""
    title: str = ""
    url: str = ""


class RouteChoice(_Value):
    agent: str
    model: str = ""
    why: str = ""


class ScopeFacts(_Value):
    """What the supervisor hands over with `scope`; the orchestrator reads the rest from rows."""

    request: str
    requester: str
    repo_hint: str = ""
    answers: tuple[str, ...] = ()


class ScopedTask(_Value):
    clear: bool
    question: str = ""
    options: tuple[str, ...] = ()
    repo: str = ""
    title: str = ""
    goal: str = ""
    acceptance: tuple[str, ...] = ()
    expected_files: tuple[str, ...] = ()
    kind: str = "backend"
    size: Literal["small", "medium", "large"] = "medium"
    lane: Literal["small", "full"] = "full"
    lane_reason: str = ""
    priority: Literal["p0", "p1", "p2", "p3"] = "p2"
    priority_reason: str = ""
    routes: tuple[RouteChoice, ...] = ()
    citations: tuple[Citation, ...] = ()
    prompt: str = ""


class PersonComment(_Value):
    """What a person wrote on the pull request, word by word."""

    by: str
    body: str
    path: str = ""  #: empty when it is about the whole
    line: int = 0
    url: str = ""


class DiagnoseFacts(_Value):
    """A failure as the supervisor saw it."""

    cause: str  #: an outcome of the taxonomy, or ci, review, conflict, people, person_retry
    signature: str = ""
    attempt: str = ""  #: name of the attempt that failed, empty when no attempt did
    message: str = ""
    final_text: str = ""
    evidence: tuple[str, ...] = ()
    findings: tuple[dict[str, Any], ...] = ()
    comments: tuple[PersonComment, ...] = ()
    head: str = ""


class Diagnosed(_Value):
    summary: str
    change: str
    instruction: str = ""
    files: tuple[str, ...] = ()
    missing: str = ""
    prompt: str = ""
    resume: bool = False


class PromptFacts(_Value):
    why: Literal["answered", "parked", "broke", "lost", "resumed", "restarted", "guidance", "guided"]
    question: str = ""
    answer: str = ""


class WrittenPrompt(_Value):
    prompt: str
    resume: bool = True
    change: str = ""


class ReviewFacts(_Value):
    pull_request_id: int
    repo: str
    number: int
    base_sha: str
    head_sha: str
    round: int = 1
    ci: str = ""
    asked: tuple[str, ...] = ()  #: what people asked for on the pull request, and an agent was told since


class ReviewVerdict(_Value):
    reviewer: str
    family: str
    model: str
    focus: str = ""
    verdict: Literal["approve", "request_changes", "abstain", "error"]
    summary: str = ""
    findings: tuple[dict[str, Any], ...] = ()
    acceptance: tuple[dict[str, Any], ...] = ()
    real: bool = True
    tokens_input: int = 0
    tokens_cached: int = 0
    tokens_output: int = 0
    cost_usd: float = 0.0


class Reviewed(_Value):
    reviews: tuple[ReviewVerdict, ...] = Field(default=())
    summary: str = ""
    became: dict[str, str] = Field(default_factory=dict)  #: of earlier findings, by key: `fixed` or `dismissed`


ANSWERS: dict[Kind, type[_Value]] = {
    Kind.SCOPE: ScopedTask,
    Kind.DIAGNOSE: Diagnosed,
    Kind.PROMPT: WrittenPrompt,
    Kind.REVIEW: Reviewed,
}
