"""What Waggle noticed by itself, as its card shows it: the issue, its numbers, its place, why it passed. Pure.

All of it was written by strangers: anybody who knows a public DSN can send an event. It is escaped, cut and shown as
code; addresses in it are no links.
"""

from __future__ import annotations

from bot.slack.views import blocks, escape
from bot.slack.views.budget import Block
from scheduler.discovery.facts import ErrorFacts, read_facts, read_gates, trace
from scheduler.registry import Signal

_TRACE = 1800
_MESSAGE = 300
_GATES = 20


def found(signal: Signal, *, whole: bool) -> list[Block]:
    """The part of a card that says what was noticed.

    Parameters:
        whole: with the stack trace and the gates; otherwise only the link, because a plan stands there instead.
    """
    facts = read_facts(signal)
    head = f"{escape.link(signal.url, signal.name)} in {escape.code(signal.repo)}"
    if not whole:
        return [blocks.context(f"🐞 {head}: {escape.line(_numbers(facts))}")]
    said = escape.code(f"{facts.issue.kind}: {facts.issue.message}"[:_MESSAGE]) if facts.issue.kind else ""
    parts = [blocks.section("\n".join(one for one in (f"🐞 *{head}*", said, _when(facts)) if one))]
    own = trace(facts, own_only=True)
    if own:
        parts.append(blocks.section(f"*Where, in the application*\n{escape.fenced(own[-_TRACE:])}"))
    passed = [f"• {escape.line(gate.why)}" for gate in read_gates(signal)[:_GATES] if gate.ok and gate.name in _TELLING]
    if passed:
        parts.append(blocks.section("*Why it is proposed*\n" + "\n".join(passed)))
    return parts


#: gates whose reason helps to decide; that the others hold goes without saying
_TELLING = frozenset({"often", "recent", "found", "no_noise", "unassigned", "fix"})


def _numbers(facts: ErrorFacts) -> str:
    issue = facts.issue
    events = f"{issue.count} event{'' if issue.count == 1 else 's'}"
    return f"{events}, {issue.users} {'person' if issue.users == 1 else 'people'}"


def _when(facts: ErrorFacts) -> str:
    issue, event = facts.issue, facts.event
    release = f" · release {escape.code(event.release[:12])}" if event is not None and event.release else ""
    first, last = escape.moment(issue.first_seen), escape.moment(issue.last_seen)
    return f"{escape.line(_numbers(facts))} · first {first} · last {last}{release}"
