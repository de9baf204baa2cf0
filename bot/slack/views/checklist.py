"""The lines of the definition of done for one head commit, the reviews, and the attempts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.slack.views import escape
from bot.slack.views.facts import TaskFacts
from bot.slack.views.words import CHECKS, MARKS, ORDER, duration, money
from scheduler.done import State
from scheduler.lifecycle import LIVE_ATTEMPT, AttemptState
from scheduler.recovery import RULES
from scheduler.registry import Attempt, Evidence, Review
from scheduler.signs import sentences

_DETAIL = 160
_ATTEMPTS = 6


def checks(evidence: Sequence[Evidence]) -> str:
    """One line for each check that is known, in the order of the definition of done."""
    known = {row.check: row for row in evidence}
    return "\n".join(_check(known[name]) for name in ORDER if name in known)


def _check(row: Evidence) -> str:
    name = CHECKS.get(row.check, row.check)
    label = escape.link(row.url, name) if row.url else escape.line(name)
    repeats = row.state in {State.OK, State.HUMAN} and name.lower().endswith(row.detail.lower())
    detail = f" · {escape.line(row.detail[:_DETAIL])}" if row.detail and not repeats else ""
    return f"{MARKS.get(row.state, '⏳')} {label}{detail}"


def reviews(rows: Sequence[Review]) -> str:
    """One line for each reviewer, with the family that it belongs to."""
    return "\n".join(_review(row) for row in rows)


def _review(row: Review) -> str:
    mark = {"approve": "✅", "request_changes": "❌"}.get(row.verdict, "➖")
    verdict = {"approve": "approves", "request_changes": "wants changes", "abstain": "abstains"}.get(
        row.verdict, "could not answer"
    )
    who = f"{row.reviewer} ({row.family}{f'/{row.model}' if row.model else ''})"
    stand_in = "" if row.real else " · a stand-in, counts here only"
    summary = f": {escape.line(row.summary[:_DETAIL])}" if row.summary else ""
    return f"{mark} {escape.line(who)} {verdict}{summary}{stand_in}"


def bots(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line for each review bot from outside, by its name."""
    return "\n".join(_bot(row) for row in rows)


def _bot(row: Mapping[str, Any]) -> str:
    mark, verdict = {"approve": ("✅", "approves"), "request_changes": ("❌", "wants changes")}.get(
        str(row["verdict"]), ("➖", "has no verdict on this commit")
    )
    shown = "" if row["counts"] else " · shown only"
    why = f": {escape.line(str(row['why'])[:_DETAIL])}" if row["why"] else ""
    return f"{mark} {escape.line(str(row['name']))} {verdict}{why}{shown}"


def attempts(facts: TaskFacts) -> str:
    """What each attempt was told anew and what came of it, newest last; the oldest are only counted."""
    rows = facts.attempts
    lines = [f"… {len(rows) - _ATTEMPTS} earlier"] if len(rows) > _ATTEMPTS else []
    return "\n".join(lines + [_attempt(row) for row in rows[-_ATTEMPTS:]])


def _attempt(row: Attempt) -> str:
    agent = escape.line(f"{row.agent}{f'/{row.model}' if row.model else ''}")
    changed = f" · told: _{escape.line(row.prompt_change[:_DETAIL]).replace('_', ' ')}_" if row.prompt_change else ""
    return f"{_mark(row)} {row.n}. {agent} · {_outcome(row)}{changed}{_signs(row)}"


def _signs(row: Attempt) -> str:
    """What shows that it lives and gets on, each with its age."""
    if row.state is not AttemptState.RUNNING or not row.signs:
        return ""
    return "\n" + " · ".join(sentences(row.signs, escape.ago, escape.line))


def _mark(row: Attempt) -> str:
    if row.state in LIVE_ATTEMPT:
        return "⚙️"
    if row.state is AttemptState.PARKED:
        return "⏸️"
    return "✅" if row.outcome == "done" else "❌" if row.outcome else "🛑"


def _outcome(row: Attempt) -> str:
    if row.state in LIVE_ATTEMPT:
        since = f" since {escape.moment(row.started_at)}" if row.started_at else ""
        doing = f": {escape.line(row.milestone[:_DETAIL])}" if row.milestone else ""
        return f"{row.state.value}{since}{doing}"
    took = f" in {duration((row.ended_at - row.started_at).total_seconds())}" if row.started_at and row.ended_at else ""
    cost = f" · {money(row.cost_usd)}" if row.cost_usd else ""
    if row.outcome == "done":
        return f"done{took}{cost}"
    rule = RULES.get(row.outcome)
    said = rule.sentence.rstrip(".") if rule else (row.outcome or row.state.value)
    return f"{escape.line(said)}{took}{cost}"
