"""Answering what people wrote on a pull request, once the commit that came of it has been checked again.

The answer says what was pushed and what the checks said of it, never what the agent claims. A thread is resolved when
reviewers of the new commit looked at what was asked for, or when the file it stands at was changed; otherwise it stays
open for the person who wrote it. Both are found again by marker and state, so a crash repeats neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from integrations.fault import IntegrationError
from integrations.git import UnknownRevision
from integrations.github import NotFound, marker
from scheduler.background import NotYetError
from scheduler.comments import ANSWERED_AT, due, key_of, places
from scheduler.done import Check, State
from scheduler.names import task_label
from scheduler.outages import Dependencies
from scheduler.outside import Outside
from scheduler.pull_rows import load_pull
from scheduler.pull_text import plain
from scheduler.registry.work import PullRequest
from scheduler.registry.writers import record
from scheduler.standing import evidence_of
from scheduler.steps import StepName

_MOST_FILES = 5
_QUOTED = 200
#: lines of the definition of done that an answer names, and how each begins
_SHOWN = {Check.SYNCED: "", Check.CI: "CI: ", Check.AI_REVIEW: "reviews by models: "}


@dataclass(frozen=True)
class _Checked:
    """The new commit, as it was checked again.

    Attributes:
        reviewed: reviewers approved it, with what people asked for among its acceptance checks.
        lines: what the checks said, one clause each.
    """

    head: str
    reviewed: bool
    lines: tuple[str, ...]


class Respondent:
    """Answers people on pull requests."""

    def __init__(self, out: Outside) -> None:
        self._out = out
        self._dependencies = Dependencies(out)

    async def answer(self, pull_id: int) -> None:
        """Answer everything that is due on one pull request, and resolve what was taken care of.

        Raises:
            NotYetError: GitHub did not answer.
        """
        pull, task, _ = await load_pull(self._out, pull_id)
        waiting = due(pull)
        if not waiting:
            return
        checked = await self._out.registry.read(lambda s: _checked(s, pull))
        label = task_label(task.id)
        try:
            resolved = await asyncio.to_thread(self._answer, pull, label, waiting, checked)
        except IntegrationError as problem:
            if await self._dependencies.failed(problem, pull.repo) or problem.retryable:
                raise NotYetError(str(problem)) from problem
            await self._put(pull, waiting, [], f"it could not be answered: {problem.user_message}")
            return
        await self._put(pull, waiting, resolved, f"answered at {pull.head_sha[:8]}, {len(resolved)} threads resolved")

    def _answer(self, pull: PullRequest, label: str, waiting: Sequence[dict[str, Any]], checked: _Checked) -> list[str]:
        """Say it place by place; the threads that were resolved."""
        by_place: dict[str, list[dict[str, Any]]] = {}
        for one in waiting:
            by_place.setdefault(one["thread"] or one["id"], []).append(one)
        resolved = []
        for place, comments in by_place.items():
            last = comments[-1]
            files = self._changed(pull, last["head"])
            settled = checked.reviewed or last["path"] in files
            words = answer_words(last, checked.head, files, checked.lines, settled=settled)
            mark = marker(label, f"answer-{key_of(last)}")
            try:
                with self._out.steps(StepName.ANSWER, label):
                    if last["thread"]:
                        self._out.github.reply_in_thread(place, mark, words)
                    else:
                        self._out.github.upsert_comment(pull.repo, pull.number, mark, words)
                if last["thread"] and settled:
                    with self._out.steps(StepName.RESOLVE, label):
                        self._out.github.resolve_thread(place)
                    resolved.append(place)
            except NotFound:
                resolved.append(place)  # whoever deleted it wants no answer
        return resolved

    def _changed(self, pull: PullRequest, since: str) -> tuple[str, ...]:
        try:
            return self._out.repositories.changed_files(pull.repo, since, pull.head_sha)
        except UnknownRevision:
            return ()  # that head was rewritten away before it was fetched

    async def _put(
        self, pull: PullRequest, answered: Sequence[dict[str, Any]], resolved: Sequence[str], why: str
    ) -> None:
        ids = {one["id"] for one in answered}

        def work(session: Session) -> None:
            now = self._out.clock()
            row = session.get(PullRequest, pull.id)
            assert row is not None
            row.owed_answers = [one for one in row.owed_answers if one["id"] not in ids]
            # GitHub is seen again later; until then nobody is to be called for what is settled.
            left = [
                one
                for one in row.facts.get("unresolved", ())
                if one.get("thread") not in resolved and (one.get("thread") or one["id"] not in ids)
            ]
            row.facts = {**row.facts, "unresolved": left, "threads": places(left), ANSWERED_AT: now.isoformat()}
            session.add(row)
            record(
                session, now, what="answered_people", why=why, task_id=row.task_id, subject=f"pull request {row.number}"
            )

        await self._out.registry.write(work)


def _checked(session: Session, pull: PullRequest) -> _Checked:
    known = {row.check: row for row in evidence_of(session, pull)}
    shown = [(what, known[check]) for check, what in _SHOWN.items() if check in known]
    lines = tuple(f"{what}{plain(row.detail)}" for what, row in shown if row.detail and row.state != State.NA)
    reviewed = Check.AI_REVIEW in known and known[Check.AI_REVIEW].state == State.OK
    return _Checked(pull.head_sha, reviewed, lines)


def answer_words(
    comment: dict[str, Any], head: str, files: Sequence[str], checks: Sequence[str], *, settled: bool
) -> str:
    """What is answered to one comment. Pure.

    Parameters:
        files: what changed since the agent was told.
        checks: what the checks said about the new commit, one clause each.
        settled: its thread is resolved with this; otherwise the person decides.
    """
    shown = ", ".join(f"`{name.replace('`', '')}`" for name in files[:_MOST_FILES])
    more = f" and {len(files) - _MOST_FILES} more" if len(files) > _MOST_FILES else ""
    changed = f"changed {shown}{more}" if files else "the branch was rewritten"
    parts = [f"An agent was told, and {changed} in {head}."]
    if checks:
        parts.append(f"That commit was checked again: {'; '.join(checks)}.")
    if not comment["thread"]:
        quoted = plain(str(comment["body"]))
        short = quoted if len(quoted) <= _QUOTED else quoted[: _QUOTED - 1].rstrip() + "…"
        parts.insert(0, f"> {short}\n\n")
    elif settled:
        parts.append("Write again here if it is not what you meant.")
    else:
        parts.append(
            f"`{comment['path']}` itself was not changed, so the thread stays open: "
            "resolve it if it is right as it is, or write again."
        )
    return " ".join(parts).replace("\n\n ", "\n\n")
