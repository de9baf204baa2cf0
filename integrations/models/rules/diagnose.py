"""A failure becomes the next instruction: its cause says what to change, the evidence says how."""

from __future__ import annotations

import re
from typing import Literal

from integrations.models.judgements import DiagnoseAnswer, DiagnoseFacts, PassageFact
from integrations.models.rules.words import meaningful, sentences, shorten, subjects, weight

Change = Literal["narrow", "redirect", "inject", "fix_ci", "address_review", "resume", "ask_person"]
MOST_LINES = 60
MOST_FILES = 5

_INTERRUPTED = {
    "crashed": "the agent's process died",
    "lost": "the agent's process disappeared",
    "timeout": "the time limit was reached",
    "max-turns": "the turn limit was reached",
    "idle": "the agent had stopped making progress",
    "rate-limit": "the provider's rate limit was reached",
    "overloaded": "the provider was overloaded",
    "stopped": "the attempt was stopped",
    "blocked": "the agent started but said nothing",
}
#: what it did too much of, and what it does instead
_RUNAWAY = {
    "memory": (
        "used more memory than a run may",
        "Run one test file at a time, with one worker, and load less at once.",
    ),
    "processes": (
        "started more processes than a run may",
        "Start one thing at a time and wait for its end; leave no servers, watchers or loops behind.",
    ),
    "output": (
        "wrote more output than a run may",
        "Send the output of long commands to a file and read only its end; follow no log.",
    ),
}
_NARROW = {"context": "the task did not fit the model's context", "output-cap": "the answer hit the output limit"}
_PERSON = {
    "auth": "the agent's credentials are refused",
    "billing": "the agent's account has no credit",
    "budget": "the budget is spent",
    "no-model": "the agent's model does not exist",
    "bad-setup": "the agent cannot be started as it is set up",
    "install": "the install command fails",
    "workspace": "the workspace cannot be made",
    "push": "the branch cannot be pushed",
}
_MISSING = re.compile(
    r"\b(?:(?:could|can|did) ?(?:not|n't|n’t) (?:find|see|tell|locate|know)|do(?:es)? ?(?:not|n't|n’t) know"
    r"|need to know|no idea|unclear|nowhere|missing)\b",
    re.IGNORECASE,
)
_INCAPABLE = re.compile(r"\bdo not know how to do this\b", re.IGNORECASE)
_PATH = re.compile(r"(?<![\w/])[\w.-]+(?:/[\w.-]+)*\.[A-Za-z]\w{0,9}\b")


def diagnose(facts: DiagnoseFacts) -> DiagnoseAnswer:
    """What went wrong, and what the next attempt is told. What people said goes in word by word, and first."""
    summary, change, told, files, missing = _by_cause(facts)
    if facts.guidance:
        named = _named_files(" ".join(facts.guidance))
        files = list(dict.fromkeys([*named, *files]))[:MOST_FILES]
        if change == "ask_person" and facts.cause not in _PERSON:
            change, missing = "inject", ""
        words = "\n".join(f"- {said}" for said in facts.guidance)
        told = f"A person says, and this comes before everything else:\n{words}\n\n{told}"
    if facts.earlier_changes:
        tried = "\n".join(f"- {one}" for one in facts.earlier_changes)
        told = f"{told}\n\nTried already, without success; do something else:\n{tried}"
    return DiagnoseAnswer(summary=summary, change=change, instruction=told.strip(), files=files, missing=missing)


def _by_cause(facts: DiagnoseFacts) -> tuple[str, Change, str, list[str], str]:
    cause = facts.cause
    if cause in ("ci", "verify"):
        files = _evidence_files(facts)
        first = _telling(facts.evidence)
        where = "CI" if cause == "ci" else "The project's own verify command"
        told = (
            f"{where} failed on your last commit. The failing lines:\n{_lines(facts)}\n\n"
            "Find out why, repair the code rather than the test, and run the tests and the linter before you finish."
        )
        return f"{where} failed: {first}", "fix_ci", told, files, ""
    if cause in ("review", "people"):
        who = "reviewers" if cause == "review" else "people"
        told = (
            f"What {who} found:\n{_lines(facts)}\n\n"
            "Address each point in the code. Where you disagree, say why at the end instead of ignoring it."
        )
        first = _telling(facts.evidence)
        return f"{who.capitalize()} want changes: {first}", "address_review", told, _evidence_files(facts), ""
    if cause == "conflict":
        files = _evidence_files(facts)
        told = (
            f"The base branch moved, and your branch no longer merges. In conflict:\n{_lines(facts)}\n\n"
            "Merge the base branch, keep both intentions, and run the tests."
        )
        return "The branch conflicts with the base branch", "inject", told, files, ""
    if cause == "secrets":
        told = (
            f"Your change holds something that looks like a secret, so nothing was pushed:\n{_lines(facts)}\n\n"
            "Take it out of every commit of this branch, and read such values at run time instead."
        )
        return f"A secret is in the change: {_telling(facts.evidence)}", "redirect", told, _evidence_files(facts), ""
    if cause == "person_retry":
        told = "A person asked for one more attempt. Look at what earlier attempts left, and finish the task."
        if facts.final_text.strip():
            told += f"\nThe last attempt ended with: “{shorten(facts.final_text.strip(), 600)}”"
        return "A person asked for one more attempt", "inject", told, list(facts.expected_files)[:MOST_FILES], ""
    if cause in _NARROW:
        files = list(facts.expected_files or facts.files)[:3]
        only = "\n".join(f"- {path}" for path in files) or "- the file that matters most"
        told = f"Earlier {_NARROW[cause]}. Read and change only:\n{only}\nDo the smallest change that meets the goal."
        return f"{_NARROW[cause].capitalize()}, so the next attempt is narrower", "narrow", told, files, ""
    if cause in _INTERRUPTED:
        told = (
            f"The last attempt was interrupted: {_INTERRUPTED[cause]}. Its work is in the worktree. "
            "Look at `git status` and `git diff`, go on from there, and commit early."
        )
        return f"The attempt ended early: {_INTERRUPTED[cause]}", "resume", told, [], ""
    if cause in _RUNAWAY:
        did, instead = _RUNAWAY[cause]
        told = (
            f"The last attempt was stopped with all its processes, because it {did}. {instead} Its work is in the "
            "worktree: look at `git status` and `git diff`, and go on from there."
        )
        return f"The attempt {did}", "resume", told, [], ""
    if cause in _PERSON:
        why = _PERSON[cause]
        return f"A person has to act: {why}", "ask_person", facts.message or why, [], facts.message or why
    if cause == "refused":
        told = (
            f"The last attempt was declined by the model. The task is ordinary work on this repository: {facts.goal}\n"
            "Do that, and nothing around it."
        )
        return "The model declined the task", "redirect", told, list(facts.expected_files)[:MOST_FILES], ""
    return _without_change(facts)


def _without_change(facts: DiagnoseFacts) -> tuple[str, Change, str, list[str], str]:
    """The agent ended and nothing changed: a fact is missing, or it looked in the wrong place."""
    said = next((one for one in sentences(facts.final_text) if _MISSING.search(one)), "")
    if _INCAPABLE.search(facts.final_text):
        return "The agent does not know how to do this", "ask_person", "", [], shorten(facts.final_text.strip(), 300)
    if not said:
        files = list(facts.expected_files or facts.files)[:MOST_FILES]
        where = "\n".join(f"- {path}" for path in files) or "- search for the words of the goal"
        checks = "\n".join(f"- {one}" for one in facts.acceptance)
        told = f"The last attempt changed nothing. Start here:\n{where}\nIt is done when:\n{checks}"
        summary = f"Nothing was changed: {shorten(facts.final_text.strip() or facts.message, 200) or 'no reason given'}"
        return summary, "redirect", told, files, ""
    summary = f"The agent lacked a fact: {said}"
    passage = _answering(said, facts.passages)
    if passage is not None:
        told = f"The last attempt said: “{said}” This is known about it ({passage.date or 'no date'}): “{passage.text}”"
        return summary, "inject", told, [], ""
    if facts.earlier_changes or facts.attempt > 1:
        return summary, "ask_person", f"The last attempt said: “{said}”", [], said
    files = list(facts.expected_files or facts.files)[:MOST_FILES]
    where = "\n".join(f"- {path}" for path in files)
    told = (
        f"The last attempt said: “{said}” Nothing that is known answers it. Look once more, by what things do and "
        f"not only by their names:\n{where}\nIf you still cannot find it, say exactly what you need."
    )
    return summary, "inject", told.strip(), files, said


def _answering(question: str, passages: tuple[PassageFact, ...]) -> PassageFact | None:
    """The passage that shares most words with what the agent could not find; two subjects at least."""
    about = set(subjects(question)) - set(meaningful("find found search searched know lives live where"))
    best = max(passages, key=lambda one: weight(about & set(meaningful(one.text))), default=None)
    return best if best is not None and weight(about & set(meaningful(best.text))) >= 2 else None


def _lines(facts: DiagnoseFacts) -> str:
    shown = facts.evidence[:MOST_LINES] or ((facts.message,) if facts.message else ("(no lines were found)",))
    body = "\n".join(shown)
    fence = "`" * max(3, max((len(run) for run in re.findall(r"`+", body)), default=0) + 1)
    return f"{fence}\n{body}\n{fence}"


def _telling(lines: tuple[str, ...]) -> str:
    return shorten(next((line.strip() for line in lines if line.strip()), "no lines were found"), 160)


def _named_files(text: str) -> list[str]:
    return list(dict.fromkeys(_PATH.findall(text)))


def _evidence_files(facts: DiagnoseFacts) -> list[str]:
    """Files that the evidence names and the repository or the task knows; test modules in dotted form count."""
    known = set(facts.files) | set(facts.expected_files)
    text = "\n".join(facts.evidence)
    named = _named_files(text) + [f"{one.replace('.', '/')}.py" for one in re.findall(r"\b(?:\w+\.)+test_\w+\b", text)]
    found = [path for path in named if path in known or "/" in path]
    return list(dict.fromkeys(found))[:MOST_FILES]
