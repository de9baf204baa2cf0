"""Rows as the JSON of the command line. Pure; other tools rely on these shapes, so a field is added, never renamed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.costs import Cost
from scheduler.lifecycle import AttemptState
from scheduler.names import task_label
from scheduler.registry import Attempt, Diagnosis, Event, Evidence, PullRequest, Review, Task

Json = dict[str, Any]


@dataclass(frozen=True)
class Spent:
    """What a task cost so far, over all that was paid for it. Tokens count what was read and written."""

    usd: float = 0.0
    tokens: int = 0


@dataclass(frozen=True)
class TaskView:
    """One task with everything that is shown of it; the rows in the order in which they came to be.

    Evidence and reviews are those of the newest head commit.
    """

    task: Task
    spent: Spent = Spent()
    cost: Cost = field(default_factory=Cost)
    attempts: Sequence[Attempt] = ()
    pulls: Sequence[PullRequest] = ()
    evidence: Sequence[Evidence] = ()
    reviews: Sequence[Review] = ()
    diagnoses: Sequence[Diagnosis] = ()
    events: Sequence[Event] = ()
    port: int = 0  #: what its workspace has for servers; 0 for none

    @property
    def pull(self) -> PullRequest | None:
        return self.pulls[-1] if self.pulls else None

    @property
    def last(self) -> Attempt | None:
        return self.attempts[-1] if self.attempts else None


def age(at: datetime, now: datetime) -> str:
    """`4 s ago`, `3 min ago`, `2 h ago`."""
    seconds = max(int((now - at).total_seconds()), 0)
    if seconds < 120:
        return f"{seconds} s ago"
    return f"{seconds // 60} min ago" if seconds < 7200 else f"{seconds // 3600} h ago"


def signs_of(attempt: Attempt | None) -> list[Json]:
    """What shows that a running attempt lives and gets on, each with its time; nothing for one that is over."""
    if attempt is None or attempt.state is not AttemptState.RUNNING:
        return []
    return [
        {"fact": name, "state": fact["state"], "detail": fact["detail"], "at": fact["at"]}
        for name, fact in attempt.signs.items()
    ]


def task_json(view: TaskView) -> Json:
    """One element of `waggle tasks --json`."""
    task, last = view.task, view.last
    route = task.routes[0] if task.routes else {}
    return {
        "id": task_label(task.id),
        "title": task.title,
        "state": task.state.value,
        "kind": task.kind,
        "size": task.size,
        "lane": task.lane,
        "priority": task.priority,
        "repo": task.repo,
        "agent": last.agent if last else str(route.get("agent", "")),
        "model": last.model if last else str(route.get("model", "")),
        "branch": task.branch,
        "pr_url": view.pull.url if view.pull else "",
        "attempt": last.n if last else 0,
        "retries": {"failure": task.retries_failure, "review": task.retries_review, "people": task.retries_people},
        "cost_usd": round(view.spent.usd, 6),
        "budget_usd": task.budget_usd,
        "signs": signs_of(last),
        "tokens_used": view.spent.tokens,
        "budget_tokens": task.budget_tokens,
        "created_at": _at(task.created_at),
        "updated_at": _at(task.updated_at),
    }


def full_json(view: TaskView) -> Json:
    """`waggle show --json`."""
    pull_of = {pull.id: pull for pull in view.pulls}
    cause_of: dict[int | None, str] = {one.attempt_id: one.cause for one in view.diagnoses}
    return {
        **task_json(view),
        "port": view.port,
        "goal": view.task.goal,
        "acceptance": list(view.task.acceptance),
        "citations": [_citation_json(one) for one in view.task.citations],
        "evidence": [
            {
                "check": one.check,
                "state": one.state,
                "since": _at(one.since),
                "head": one.head,
                "url": one.url or (pull.url if (pull := pull_of.get(one.pull_request_id)) else ""),
            }
            for one in view.evidence
        ],
        "reviews": opinions(view),
        "attempts": [attempt_json(one, cause_of.get(one.id, "")) for one in view.attempts],
        "events": [{"at": _at(one.at), "actor": one.actor, "what": one.what, "why": one.why} for one in view.events],
    }


def opinions(view: TaskView) -> list[Json]:
    """What each reviewer and each review bot from outside says about the head commit; a bot names no model."""
    said: list[Json] = [
        {
            "reviewer": one.reviewer,
            "family": one.family,
            "model": one.model,
            "verdict": one.verdict,
            "why": one.summary,
            "head": one.head,
        }
        for one in view.reviews
    ]
    pull = view.pull
    for bot in pull.facts.get("bots", ()) if pull is not None else ():
        if pull is not None and bot["head"] == pull.head_sha:
            named = {"reviewer": bot["name"], "family": bot["family"], "model": ""}
            said.append({**named, "verdict": bot["verdict"], "why": bot["why"], "head": bot["head"]})
    return said


def attempt_json(attempt: Attempt, cause: str) -> Json:
    """One attempt; `cause` is the failure that was diagnosed after it, if any."""
    return {
        "n": attempt.n,
        "state": attempt.state.value,
        "agent": attempt.agent,
        "model": attempt.model,
        "version": attempt.agent_version,
        "isolation": attempt.isolation,
        "signs": signs_of(attempt),
        "cause": cause,
        "outcome": attempt.outcome,
        "message": attempt.message,
        "evidence": list(attempt.evidence),
        "prompt": attempt.prompt,
        "tokens": attempt.tokens_input + attempt.tokens_output,
        "cost_usd": round(attempt.cost_usd, 6),
        "started_at": _at(attempt.started_at),
        "ended_at": _at(attempt.ended_at),
    }


def _citation_json(citation: Json) -> Json:
    return {key: citation.get(key, "") for key in ("source_id", "passage_id", "quote", "date", "customer", "url")}


def _at(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
