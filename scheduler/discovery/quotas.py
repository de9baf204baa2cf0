"""How many proposals people get at once. Pure.

First form: by number. What is proposed first is what got worse, then what hurts most people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from integrations.errors import Issue
from scheduler.discovery.gates import WORSE
from scheduler.policy import ErrorScan


@dataclass(frozen=True)
class Candidate:
    """A signal that passed every gate."""

    signal_id: int
    repo: str
    issue: Issue


@dataclass(frozen=True)
class Taken:
    """What people have on their desk already: proposals that wait for them, started ones by repository."""

    proposed: int = 0
    started: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Choice:
    """Whether a candidate is proposed now, and if not, what it waits for."""

    signal_id: int
    waits_for: str = ""


def choose(candidates: Sequence[Candidate], taken: Taken, rules: ErrorScan) -> list[Choice]:
    """Who is proposed now, most wanted first."""
    choices: list[Choice] = []
    proposed = 0
    started = dict(taken.started or {})
    for one in sorted(candidates, key=_rank):
        waits = ""
        if taken.proposed + proposed >= rules.open_proposals:
            waits = f"{rules.open_proposals} proposals wait for a person already"
        elif started.get(one.repo, 0) >= rules.open_tasks:
            waits = f"{started[one.repo]} such tasks in {one.repo} are not merged yet"
        elif proposed >= rules.per_scan:
            waits = f"{rules.per_scan} proposals were made in one look; its turn comes"
        else:
            proposed += 1
        choices.append(Choice(one.signal_id, waits))
    return choices


def _rank(one: Candidate) -> tuple[int, int, int, int]:
    return (0 if one.issue.substatus in WORSE else 1, -one.issue.users, -one.issue.count, one.signal_id)
