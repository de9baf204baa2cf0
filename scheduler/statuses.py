"""What Waggle says about a head commit on GitHub itself, as commit statuses, so that branch protection can require it.

| status | success when |
|---|---|
| `waggle/ai-review` | enough model families approved this commit, or none was asked for |
| `waggle/screenshots` | what changed on the screen is shown, or nothing did |
| `waggle/done` | the whole definition of done held for the settle time: the task is ready |

Nothing is said while a line only waits: GitHub shows a required status that is missing as expected, and each one that
is set counts against the limit of writes. What was said and does not hold any more becomes pending.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from sqlmodel import Session

from integrations.fault import IntegrationError
from integrations.github import Forbidden, Invalid, NotFound
from integrations.github.client import LONGEST_DESCRIPTION
from scheduler.background import NotYetError
from scheduler.check_facts import PREFIX
from scheduler.done import Check, State
from scheduler.lifecycle import PullState, TaskState
from scheduler.outside import Outside
from scheduler.registry.work import PullRequest, Task
from scheduler.registry.writers import record
from scheduler.standing import evidence_of
from scheduler.steps import StepName

log = structlog.get_logger(__name__)

AI_REVIEW, SCREENSHOTS, DONE = f"{PREFIX}ai-review", f"{PREFIX}screenshots", f"{PREFIX}done"

_WORD = {State.OK: "success", State.NA: "success", State.FAIL: "failure", State.HUMAN: "pending"}
_OF_LINE = {AI_REVIEW: Check.AI_REVIEW, SCREENSHOTS: Check.SCREENSHOTS}
_WITHDRAWN = "held before, and is checked again"


@dataclass(frozen=True)
class Said:
    """One commit status.

    Attributes:
        state: pending, success or failure.
    """

    state: str
    description: str


def wanted(evidence: Mapping[str, tuple[str, str]], *, ready: bool, said: Mapping[str, Said]) -> dict[str, Said]:
    """What is to be said about a head commit. Pure.

    Parameters:
        evidence: the lines of its definition of done: check, (state, detail).
        ready: it was called ready, and still is.
        said: what was said about it before.
    """
    found: dict[str, Said] = {}
    for context, check in _OF_LINE.items():
        state, detail = evidence.get(check.value, ("", ""))
        if state in _WORD:
            found[context] = Said(_WORD[State(state)], detail[:LONGEST_DESCRIPTION])
        elif context in said:
            found[context] = Said("pending", _WITHDRAWN)
    failing = sorted(check for check, (state, _) in evidence.items() if state == State.FAIL)
    if failing:
        found[DONE] = Said("failure", f"not done: {', '.join(failing)}"[:LONGEST_DESCRIPTION])
    elif ready:
        found[DONE] = Said("success", "every check of the definition of done holds; a person merges")
    elif DONE in said:
        found[DONE] = Said("pending", _WITHDRAWN)
    return found


def said_about(pull: PullRequest) -> dict[str, Said]:
    """What was said about the head commit as it is now."""
    known = pull.facts.get("statuses", {})
    if known.get("head") != pull.head_sha:
        return {}
    return {context: Said(*words) for context, words in known["said"].items()}


def owed(pull: PullRequest, task: Task, evidence: Mapping[str, tuple[str, str]]) -> dict[str, Said]:
    """The statuses that are to be set now; none where GitHub refused them for this head commit."""
    known = pull.facts.get("statuses", {})
    if pull.state is not PullState.OPEN or (known.get("head") == pull.head_sha and known.get("refused")):
        return {}
    said = said_about(pull)
    ready = task.state is TaskState.READY and pull.ready_head == pull.head_sha
    return {
        context: words
        for context, words in wanted(evidence, ready=ready, said=said).items()
        if said.get(context) != words
    }


class Reporter:
    """Sets the commit statuses of one pull request's head."""

    def __init__(self, out: Outside) -> None:
        self._out = out

    async def report(self, pull_id: int) -> None:
        """Say on GitHub what is owed. One that stands there already, from before a crash, is not set again.

        Raises:
            NotYetError: GitHub did not answer.
        """
        pull, statuses = await self._out.registry.read(lambda s: self._load(s, pull_id))
        if not statuses:
            return
        refused = ""
        try:
            await asyncio.to_thread(self._set, pull, statuses)
        except (Forbidden, NotFound, Invalid) as problem:
            refused = problem.user_message
        except IntegrationError as problem:
            raise NotYetError(str(problem)) from problem
        await self._out.registry.write(lambda s: self._put(s, pull, statuses, refused))

    def _load(self, session: Session, pull_id: int) -> tuple[PullRequest, dict[str, Said]]:
        pull = session.get(PullRequest, pull_id)
        assert pull is not None
        task = session.get(Task, pull.task_id)
        assert task is not None
        evidence = {row.check: (row.state, row.detail) for row in evidence_of(session, pull)}
        return pull, owed(pull, task, evidence)

    def _set(self, pull: PullRequest, statuses: Mapping[str, Said]) -> None:
        there = self._out.github.statuses(pull.repo, pull.head_sha)
        missing = {
            context: one for context, one in statuses.items() if there.get(context) != (one.state, one.description)
        }
        if not missing:
            return
        with self._out.steps(StepName.STATUS, f"pull:{pull.id}"):
            for context, one in missing.items():
                self._out.github.set_status(pull.repo, pull.head_sha, context, one.state, one.description, pull.url)

    def _put(self, session: Session, pull: PullRequest, statuses: Mapping[str, Said], refused: str) -> None:
        row = session.get(PullRequest, pull.id)
        assert row is not None
        if row.head_sha != pull.head_sha:
            return
        said = {**said_about(row), **({} if refused else statuses)}
        known: dict[str, Any] = {
            "head": row.head_sha,
            "said": {context: [one.state, one.description] for context, one in said.items()},
        }
        if refused:
            known["refused"] = True
            record(
                session,
                self._out.clock(),
                what="statuses_refused",
                why=refused,
                task_id=row.task_id,
                subject=f"pull request {row.number}",
            )
        row.facts = {**row.facts, "statuses": known}
        session.add(row)
