"""What agents and models are told. The words stand in templates/; this file gives them values and keeps them honest.

An agent's prompt holds its task and nothing else. Words of customers, logs and findings are fenced as data: a fence is
longer than any run of backticks inside it, so nothing inside can end it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import jinja2

from integrations.printable import printable
from scheduler.judging import Citation, PersonComment, ScopedTask
from scheduler.names import task_label
from scheduler.policy import RepositoryPolicy
from scheduler.registry import Task

MOST_EVIDENCE = 60  #: lines
LONGEST_LINE = 500


@dataclass(frozen=True)
class Quote:
    """Words that the task rests on, and where they were said."""

    text: str
    source: str


@dataclass(frozen=True)
class Guidance:
    """What a person wrote for the agent, word by word."""

    by: str
    at: str
    text: str


@dataclass(frozen=True)
class Excerpt:
    """Lines of a file, as they are at the head of the base branch."""

    path: str
    first: int
    last: int
    text: str


@dataclass(frozen=True)
class Trouble:
    """An error of the running application that the task is about.

    Attributes:
        name: what the tracker calls it.
        seen: how often and since when, one clause.
        trace: the stack trace, innermost call last; data, as strangers wrote it.
        code: where its calls are in the repository, innermost first.
    """

    name: str
    seen: str
    trace: str
    code: tuple[Excerpt, ...] = ()


@dataclass(frozen=True)
class Sheet:
    """A task as an agent is told it.

    Attributes:
        base: the branch that the work goes to.
        verify: the repository's own verify command; empty when it has none.
        trouble: the error that it is about; None when a person asked for the task.
        background: the merged task that it follows or takes back, in lines.
        guidance: everything that people wrote, oldest first.
        fresh: the part of it that no attempt was told yet.
    """

    label: str
    title: str
    goal: str
    acceptance: tuple[str, ...]
    files: tuple[str, ...]
    repo: str
    base: str
    verify: str
    quotes: tuple[Quote, ...] = ()
    guidance: tuple[Guidance, ...] = ()
    fresh: tuple[Guidance, ...] = ()
    trouble: Trouble | None = None
    background: tuple[str, ...] = ()


@dataclass(frozen=True)
class Correction:
    """What a diagnosis changes for the next attempt.

    Attributes:
        earlier: what was tried before for the same failure, and must not be tried again.
        comments: what people wrote on the pull request, word by word.
    """

    attempt: int
    summary: str
    instruction: str
    files: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    earlier: tuple[str, ...] = field(default=())
    comments: tuple[PersonComment, ...] = ()


def sheet_of_task(task: Task, repository: RepositoryPolicy | None, trouble: Trouble | None = None) -> Sheet:
    """The sheet of a task that was scoped before."""
    guidance = _guidance(task)
    return Sheet(
        label=task_label(task.id),
        title=task.title,
        goal=task.goal,
        acceptance=tuple(task.acceptance),
        files=tuple(task.expected_files),
        repo=task.repo,
        base=task.base_branch or (repository.base_branch if repository else ""),
        verify=repository.verify if repository else "",
        quotes=tuple(_quote(Citation.model_validate(one)) for one in task.citations),
        guidance=tuple(one for one, _ in guidance),
        fresh=tuple(one for one, used in guidance if not used),
        trouble=trouble,
        background=tuple(task.background),
    )


def sheet_of_scope(
    task: Task, scoped: ScopedTask, base: str, repository: RepositoryPolicy | None, trouble: Trouble | None = None
) -> Sheet:
    """The sheet of a task that is being scoped: the row does not hold its fields yet."""
    guidance = _guidance(task)
    return Sheet(
        label=task_label(task.id),
        title=scoped.title,
        goal=scoped.goal,
        acceptance=scoped.acceptance,
        files=scoped.expected_files,
        repo=scoped.repo,
        base=base,
        verify=repository.verify if repository else "",
        quotes=tuple(_quote(one) for one in scoped.citations),
        guidance=tuple(one for one, _ in guidance),
        fresh=tuple(one for one, used in guidance if not used),
        trouble=trouble,
        background=tuple(task.background),
    )


def first_prompt(sheet: Sheet) -> str:
    """For a new session on a fresh branch."""
    return _render("first.j2", task=sheet)


def retry_prompt(sheet: Sheet, correction: Correction) -> str:
    """For a new session in the worktree that earlier attempts left."""
    return _render("retry.j2", task=sheet, correction=correction)


def correction_prompt(sheet: Sheet, correction: Correction) -> str:
    """For the same session, which knows the task already."""
    return _render("correction.j2", task=sheet, correction=correction)


def answered_prompt(sheet: Sheet, question: str, answer: str) -> str:
    """For the session that asked a person, with the answer."""
    return _render("answered.j2", task=sheet, question=question, answer=answer)


def resume_prompt(sheet: Sheet, why: str) -> str:
    """For a session that was interrupted. `why` is one clause."""
    return _render("resume.j2", task=sheet, why=why)


def model_prompt(name: str, facts: str) -> tuple[str, str]:
    """(system, prompt) for a judgement: `scope`, `diagnose`, `review` or `verify`, with its fenced facts."""
    return _render(f"{name}_system.j2"), _render(f"{name}.j2", facts=facts)


def fence(text: str, label: str = "") -> str:
    """Text as data: in a fence of backticks that nothing inside can close."""
    text = printable(str(text))
    runs = [len(run) for run in re.findall(r"`+", text)]
    ticks = "`" * max(3, max(runs, default=0) + 1)
    return f"{ticks}{label}\n{text.strip(chr(10))}\n{ticks}"


def line(text: str) -> str:
    """Text on one line that cannot start a heading, a list or a fence of its own."""
    plain = " ".join(printable(str(text)).split()).replace("```", "'''")
    return re.sub(r"^(?:\s*(?:[#>]+|[-*+](?=\s|$)|\d+[.)](?=\s|$)|~{3,}))+", "", plain).strip()


def block(text: str) -> str:
    """Paragraphs without headings and fences of their own: the prompt's structure is the template's alone."""
    rows = printable(str(text)).replace("```", "'''").replace("~~~", "---").strip().split("\n")
    return "\n".join(re.sub(r"^\s*(?:#+\s*)+", "", row).rstrip() for row in rows)


def _guidance(task: Task) -> list[tuple[Guidance, str]]:
    return [
        (Guidance(str(one["by"]), str(one["at"])[:16].replace("T", " "), str(one["text"])), str(one["used_in"]))
        for one in task.guidance
    ]


def _quote(citation: Citation) -> Quote:
    known = [citation.speaker, citation.title or citation.date]
    known += [one for one in (citation.customer, citation.date) if one and not any(one in part for part in known)]
    return Quote(citation.quote, ", ".join(dict.fromkeys(one for one in known if one)))


def _evidence(lines: Sequence[str]) -> str:
    kept = [one.rstrip()[:LONGEST_LINE] for one in lines[:MOST_EVIDENCE]]
    left = len(lines) - len(kept)
    return "\n".join([*kept, *([f"… and {left} more lines"] if left > 0 else [])])


def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("bot.orchestrator", "templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701  # prompts are plain text; what is data is fenced
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(fence=fence, line=line, block=block, evidence=_evidence)
    return made


_ENVIRONMENT = _environment()


def _render(name: str, **values: object) -> str:
    text = _ENVIRONMENT.get_template(name).render(**values)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
