"""Which errors may be proposed as a task. Pure: facts in, one gate after the other out, each with its reason.

All gates must hold. The first that does not is what people are told when they ask why nothing was proposed.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from integrations.errors import Event, Issue
from scheduler.discovery.facts import Gate, Place
from scheduler.discovery.noise import noise, not_a_person
from scheduler.lifecycle import SignalState
from scheduler.policy import ErrorScan, RepositoryPolicy

MOST_FIXES = 2  #: merged fixes that did not hold, after which a person has to look
WORSE = frozenset({"regressed", "escalating"})
_LEVELS = frozenset({"error", "fatal"})


@dataclass(frozen=True)
class History:
    """What happened to this issue here before.

    Attributes:
        task: label of the latest task about it.
        until: while snoozed.
        fixes: merged fixes; `fixed_at` is when the last one was merged.
        deployed: whether the latest event's release contains the last fix; None when that cannot be known.
    """

    state: SignalState = SignalState.NEW
    task: str = ""
    until: datetime | None = None
    fixes: int = 0
    fixed_at: datetime | None = None
    deployed: bool | None = None


def issue_gates(
    issue: Issue, history: History, repository: RepositoryPolicy | None, rules: ErrorScan, now: datetime
) -> tuple[Gate, ...]:
    """What can be said without looking at an event."""
    return (
        _undecided(history),
        _gate("unresolved", issue.status == "unresolved", f"it is {issue.status} in the tracker"),
        _gate("level", issue.level in _LEVELS, f"its level is {issue.level}"),
        _gate("category", issue.category == "error", f"it is of the category {issue.category}"),
        _gate(
            "repository",
            repository is not None,
            f"it belongs to {repository.slug}"
            if repository
            else f"no repository runs in the project {issue.project}: name it in error_projects of one",
        ),
        _often(issue, rules),
        _recent(issue, rules, now),
        _gate(
            "unassigned",
            not issue.assigned_to,
            f"{issue.assigned_to} has taken it" if issue.assigned_to else "nobody has taken it",
        ),
        _gate("no_fix", not issue.has_open_fix, "somebody works on a fix" if issue.has_open_fix else "no fix is open"),
        _fixed(issue, history),
    )


def event_gates(
    event: Event, places: Sequence[Place], repository: RepositoryPolicy, rules: ErrorScan, history: History
) -> tuple[Gate, ...]:
    """What the latest event says.

    Parameters:
        places: its frames that are files of the repository.
    """
    own = event.in_app
    noisy, nobody = noise(event), not_a_person(event, playground=repository.playground)
    delicate = sorted({one.path for one in places if _matches(one.path, rules.delicate_paths)})
    return (
        _gate("trace", bool(event.frames), "it has a stack trace" if event.frames else "it has no stack trace"),
        _gate(
            "own_code",
            bool(own),
            f"{_count(len(own), 'call')} of it in the application" if own else "all of it is in libraries",
        ),
        _gate(
            "found",
            bool(places),
            f"{places[-1].path} is in {repository.slug}"
            if places
            else f"none of its files is in {repository.slug}"
            if own
            else "there is no file to look for",
        ),
        _gate("no_noise", not noisy, noisy or "it is no known noise"),
        _gate("person", not nobody, nobody or "it happened to somebody"),
        _gate(
            "not_delicate",
            not delicate,
            f"{', '.join(delicate[:3])}: a person should look at that" if delicate else "none of it is delicate",
        ),
        _deployed(history),
    )


def refusal(gates: Sequence[Gate]) -> str:
    """Why it may not be proposed; empty when it may."""
    return next((one.why for one in gates if not one.ok), "")


def _undecided(history: History) -> Gate:
    match history.state:
        case SignalState.MUTED:
            return Gate(name="undecided", ok=False, why=f"a person said never ({history.task})")
        case SignalState.SNOOZED:
            until = f" until {history.until:%Y-%m-%d %H:%M} UTC" if history.until else ""
            return Gate(name="undecided", ok=False, why=f"a person set it aside{until} ({history.task})")
        case SignalState.PROPOSED:
            return Gate(name="undecided", ok=False, why=f"{history.task} is proposed for it already")
        case SignalState.STARTED:
            return Gate(name="undecided", ok=False, why=f"{history.task} is about it")
        case _:
            return Gate(name="undecided", ok=True, why="nobody decided anything about it")


def _often(issue: Issue, rules: ErrorScan) -> Gate:
    seen = f"{_count(issue.count, 'event')}, {_count(issue.users, 'person', 'people')}"
    if issue.substatus in WORSE:
        return Gate(name="often", ok=True, why=f"it is {issue.substatus} ({seen})")
    ok = issue.count >= rules.min_events or issue.users >= rules.min_users
    wanted = "" if ok else f"; {rules.min_events} events or {rules.min_users} people are wanted"
    return Gate(name="often", ok=ok, why=f"{seen}{wanted}")


def _recent(issue: Issue, rules: ErrorScan, now: datetime) -> Gate:
    hours = max((now - issue.last_seen).total_seconds(), 0.0) / 3600
    return _gate("recent", hours * 3600 <= rules.max_age_s, f"the last time was {_ago(hours)} ago")


def _fixed(issue: Issue, history: History) -> Gate:
    """An issue that was fixed once is judged again only when the tracker has seen it come back."""
    if history.fixes >= MOST_FIXES:
        return Gate(name="fix", ok=False, why=f"{history.fixes} fixes of it did not hold: a person has to look")
    if history.fixes and issue.substatus != "regressed":
        return Gate(name="fix", ok=False, why=f"{history.task} is merged: it waits for the deploy of the fix")
    if history.fixes:
        return Gate(name="fix", ok=True, why=f"it came back after {history.task}")
    return Gate(name="fix", ok=True, why="no fix of it was merged")


def _deployed(history: History) -> Gate:
    if history.fixes and history.deployed is False:
        return Gate(
            name="deployed", ok=False, why=f"what failed does not hold {history.task} yet: it waits for the deploy"
        )
    return Gate(name="deployed", ok=True, why="no older fix is waited for")


def _matches(path: str, patterns: Sequence[str]) -> bool:
    """`**/auth/**` means the folder auth wherever it is, at the root too."""
    return any(fnmatch.fnmatch(path, one) or fnmatch.fnmatch(f"/{path}", one.replace("**", "*")) for one in patterns)


def _gate(name: str, ok: bool, why: str) -> Gate:
    return Gate(name=name, ok=ok, why=why)


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _ago(hours: float) -> str:
    if hours < 1:
        return f"{int(hours * 60)} min"
    return f"{int(hours)} h" if hours < 72 else f"{int(hours / 24)} days"
