"""Builders of what the views show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from bot.slack.views.facts import TaskFacts
from scheduler.done import Check
from scheduler.lifecycle import AttemptState, PullState, QuestionState, TaskState
from scheduler.registry import Attempt, Diagnosis, Event, Evidence, PullRequest, Question, Request, Review, Task

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LINK = "https://x.test"
HEAD = "0123456789abcdef0123456789abcdef01234567"


def task(state: TaskState = TaskState.PLANNED, words: str = "Export invoices as CSV", **fields: Any) -> Task:
    given: dict[str, Any] = {
        "id": 12,
        "request_id": 1,
        "state": state,
        "version": 3,
        "title": words,
        "goal": words,
        "acceptance": [words, "GET /invoices.csv answers 200"],
        "expected_files": ["app/web.py", words],
        "lane_reason": words,
        "repo": "acme/ledgerline",
        "base_branch": "main",
        "branch": "waggle/t-12-export",
        "routes": [{"agent": "claude-code", "model": "opus", "why": ""}],
        "citations": [
            {"quote": words, "speaker": "Priya", "customer": "Northwind", "date": "2026-02-24", "url": "https://x.test/1"}
        ],
        "scoped_by": "rules",
        "requester": "U0ANA",
        "budget_usd": 15.0,
        "next_change": words,
        "waits_for": words,
        "guidance": [{"at": "", "by": "U0ANA", "text": words, "used_in": ""}],
        "help_cause": words,
        "help_class": "ci",
        "help_evidence": [words, "AssertionError: 3 != 4"],
        "retries_failure": 1,
        "created_at": NOON - timedelta(hours=1),
        "updated_at": NOON,
        **fields,
    }  # fmt: skip
    return Task(**given)


def attempt(n: int = 1, words: str = "edits app/web.py", **fields: Any) -> Attempt:
    given: dict[str, Any] = {
        "id": n,
        "task_id": 12,
        "n": n,
        "name": f"t-12-a{n}",
        "state": AttemptState.ENDED,
        "agent": "claude-code",
        "model": "opus",
        "prompt": words,
        "prompt_change": words,
        "outcome": "done",
        "final_text": f"## Done\n- {words}\n- second",
        "milestone": words,
        "cost_usd": 1.25,
        "started_at": NOON - timedelta(minutes=30),
        "ended_at": NOON - timedelta(minutes=18),
        "created_at": NOON,
        **fields,
    }
    return Attempt(**given)


def pull(**fields: Any) -> PullRequest:
    given: dict[str, Any] = {
        "id": 5,
        "task_id": 12,
        "repo": "acme/ledgerline",
        "number": 7,
        "node_id": "PR_1",
        "url": "https://github.test/acme/ledgerline/pull/7",
        "branch": "waggle/t-12-export",
        "state": PullState.OPEN,
        "head_sha": HEAD,
        "head_since": NOON,
        "created_at": NOON,
        **fields,
    }
    return PullRequest(**given)


def question(words: str = "Semicolons or commas?", **fields: Any) -> Question:
    given: dict[str, Any] = {
        "id": 9,
        "task_id": 12,
        "about": "agent",
        "text": words,
        "options": ["semicolons", words],
        "state": QuestionState.OPEN,
        "deadline": NOON + timedelta(hours=4),
        "default": words,
        "created_at": NOON,
        **fields,
    }
    return Question(**given)


def facts(state: TaskState = TaskState.PLANNED, words: str = "Export invoices as CSV", **fields: Any) -> TaskFacts:
    """A task on which everything hangs that can hang on one, all of it saying `words`."""
    given: dict[str, Any] = {
        "task": task(state, words),
        "request": Request(
            id=1, dedupe_key="k", text=words, requester="U0ANA", source="slack", created_at=NOON
        ),
        "attempts": (
            attempt(1, words, outcome="ci", state=AttemptState.ENDED),
            attempt(2, words, outcome="", state=AttemptState.RUNNING, ended_at=None),
        ),
        "pull": pull(merged_by=words),
        "evidence": tuple(
            Evidence(
                pull_request_id=5, head=HEAD, check=check.value, state=mark, detail=words, url=LINK, since=NOON
            )
            for check, mark in zip(Check, ["ok", "wait", "fail", "human", "n/a"] * 3, strict=False)
        ),
        "reviews": (
            Review(
                pull_request_id=5, head=HEAD, reviewer=words, family="anthropic", model="opus", verdict="approve",
                summary=words, real=False, created_at=NOON,
            ),
        ),
        "question": question(words),
        "diagnoses": (
            Diagnosis(task_id=12, cause="ci", summary=words, change="narrow", created_at=NOON),
        ),
        "approved": Event(at=NOON, task_id=12, subject="task", actor="U0ANA", what="approved"),
        "spent_usd": 3.5,
        "spent_tokens": 120_000,
        "missing": (words,),
        **fields,
    }  # fmt: skip
    return TaskFacts(**given)
