"""The card: the one message of a task, edited in place. Pure.

Nothing on it depends on the time of rendering, so that a card that did not change is not sent again.
"""

from __future__ import annotations

import hashlib
import json

from bot.slack.buttons import Token
from bot.slack.views import blocks, checklist, escape, proposal
from bot.slack.views.blocks import Button
from bot.slack.views.budget import Block, Message, fit
from bot.slack.views.facts import TaskFacts
from bot.slack.views.words import STATES, answered_by, money, tokens
from scheduler.lifecycle import FINISHED, PullState, TaskState
from scheduler.names import task_label
from scheduler.registry import Task

_LIST = 8
_ITEM = 240
_QUOTE = 500
_QUOTES = 2


def card(facts: TaskFacts) -> Message:
    """The card of a task in its present state."""
    task = facts.task
    icon, name, following = STATES[task.state]
    parts: list[Block] = [blocks.header(f"{task_label(task.id)} · {task.title}")]
    parts.append(blocks.section("\n".join([f"{icon} *{name}*", *_situation(facts), following])))
    if facts.signal is not None:
        parts += proposal.found(facts.signal, whole=not task.goal)
    if task.goal:
        parts.append(blocks.section(_understood(facts)))
        parts += _why(task)
    if task.goal and task.state not in FINISHED:
        parts += _plan(task)
    parts += _progress(facts)
    parts += blocks.actions(buttons(facts), Token(task.id or 0, task.version, _nonce(facts)))
    parts += _footer(facts)
    return fit(f"{task_label(task.id)} · {escape.line(task.title)}: {name}", parts)


def fingerprint(message: Message) -> str:
    """The same for the same rendering."""
    return hashlib.sha256(json.dumps([message.text, message.blocks], sort_keys=True).encode()).hexdigest()[:24]


def buttons(facts: TaskFacts) -> list[Button]:
    """What can be done in the task's state, most wanted first."""
    task, pull = facts.task, facts.open_pull
    open_pull = [Button("Open PR", url=pull.url)] if pull else []
    guide, stop = Button("Add guidance…", "guide"), Button("Stop", "stop", "danger")
    match task.state:
        case TaskState.PLANNED:
            return [Button("Approve plan", "approve", "primary"), Button("Edit…", "edit"), Button("Reject", "reject")]
        case TaskState.ASKING:
            return [*answers(facts), stop]
        case TaskState.SCOPING:
            return [stop]
        case TaskState.QUEUED | TaskState.RUNNING | TaskState.DIAGNOSING:
            return [stop, guide, *open_pull]
        case TaskState.VERIFYING:
            return [*open_pull, guide, stop]
        case TaskState.READY:
            return [*open_pull, Button("Request changes…", "retry"), stop]
        case TaskState.NEEDS_HELP if task.help_class == "budget":
            # One more attempt is granted, and brings the budget of one with it.
            return [Button("Extend", "extend", "primary"), *open_pull, Button("Take over", "takeover"), stop]
        case TaskState.NEEDS_HELP:
            retry = Button("Retry with guidance…", "retry", "primary")
            return [retry, *open_pull, Button("Take over", "takeover"), Button("Close", "reject")]
        case TaskState.TAKEN_OVER:
            return [Button("Give back", "giveback", "primary"), *open_pull, Button("Close", "reject")]
        case TaskState.PAUSED:
            return [Button("Resume", "resume", "primary"), stop]
        case TaskState.STOPPED | TaskState.DROPPED:
            return [Button("Retry with guidance…", "retry")]
        case TaskState.PROPOSED:
            snooze = [] if task.not_before else [Button(f"Snooze {facts.snooze_days:.3g} d", "snooze")]
            return [Button("Start", "start", "primary"), *snooze, Button("Never", "never", "danger")]
        case TaskState.MERGED:
            return [Button("Revert", "revert", confirm="An agent takes the change back in a new pull request.")]


def answers(facts: TaskFacts) -> list[Button]:
    """The ways to answer the open question."""
    question = facts.question
    if question is None:
        return []
    if question.about == "retry":
        return [
            Button("Approve retry", "approve", "primary"),
            Button("Retry with guidance…", "retry"),
            Button("Close", "reject"),
        ]
    options = [Button(text, "answer", option=n) for n, text in enumerate(question.options[:_LIST])]
    return [*options, Button("Answer…", "answer")]


def _nonce(facts: TaskFacts) -> str:
    waits = facts.question is not None and facts.task.state is TaskState.ASKING
    return f"q{facts.question.id}" if waits and facts.question else "card"


def _situation(facts: TaskFacts) -> list[str]:
    """What is special about the state right now."""
    task = facts.task
    if task.state is TaskState.QUEUED and (task.waits_for or task.not_before):
        if task.waits_for:
            return [escape.with_times(task.waits_for)]
        return [f"Not before {escape.moment(task.not_before)}."] if task.not_before else []
    if task.state is TaskState.VERIFYING and task.waits_for:
        return [escape.line(task.waits_for)]
    if task.state in {TaskState.SCOPING, TaskState.PLANNED} and task.after:
        return [f"Starts when {' and '.join(task_label(one) for one in task.after)} is merged."]
    if task.state is TaskState.ASKING and facts.question is not None:
        return [escape.quoted(facts.question.text[:600])]
    if task.state is TaskState.NEEDS_HELP and task.help_cause:
        return [escape.quoted(task.help_cause[:600])]
    if task.state is TaskState.MERGED and facts.pull is not None:
        by = f"by {escape.line(facts.pull.merged_by)}: " if facts.pull.merged_by else ""
        said = [f"{by}{escape.link(facts.pull.url, f'#{facts.pull.number}')}"]
        return [*said, f"It cost {facts.cost.sentence}."] if facts.cost.sentence else said
    if task.state is TaskState.PAUSED and task.paused_from is not None:
        return [f"It was: {STATES[task.paused_from][1].lower()}."]
    if task.state is TaskState.PROPOSED:
        if task.not_before:
            return [f"Set aside until {escape.moment(task.not_before)}; then it is asked again."]
        return ["Decide with a button, or reply `start`, `snooze` or `never`."]
    if not task.goal and facts.request is not None and facts.signal is None:
        return [escape.quoted(facts.request.text[:600])]
    return []


def _understood(facts: TaskFacts) -> str:
    task = facts.task
    base = f" · base {escape.code(task.base_branch)}" if task.base_branch else ""
    route = task.routes[0] if task.routes else {}
    agent = "/".join(str(part) for part in (route.get("agent"), route.get("model")) if part)
    by = answered_by(task.scoped_by)
    lane = f"{task.lane} lane" + (f" ({escape.line(task.lane_reason)})" if task.lane_reason else "")
    facts_line = [
        escape.code(task.repo) + base,
        f"agent {escape.line(agent)}" if agent else "",
        f"budget {money(task.budget_usd)}" if task.budget_usd else "",
        f"{escape.line(task.kind)}, {escape.line(task.size)}, {escape.line(task.priority)}",
        lane,
    ]
    understood = f"*Goal* {escape.line(task.goal)}\n" + " · ".join(one for one in facts_line if one)
    return understood + (f"\n_Scoped by {escape.line(by)}_" if by else "")


def _why(task: Task) -> list[Block]:
    return [blocks.section(words) for words in citations(task, _QUOTES)]


def citations(task: Task, limit: int) -> list[str]:
    """What customers said, with who, when, and a link to where."""
    said = []
    for one in task.citations[:limit]:
        who = ", ".join(str(one.get(key)) for key in ("speaker", "customer", "date") if one.get(key))
        title = str(one.get("title") or "") or "source"
        source = escape.link(str(one.get("url") or ""), title)
        said.append(f"{escape.quoted('“' + str(one.get('quote', ''))[:_QUOTE] + '”')}\n— {escape.line(who)} · {source}")
    return said


def _plan(task: Task) -> list[Block]:
    parts = []
    if task.acceptance:
        parts.append(blocks.section("*Done when*\n" + _bullets(task.acceptance)))
    if task.expected_files:
        files = ", ".join(escape.code(path) for path in task.expected_files[:_LIST])
        more = len(task.expected_files) - _LIST
        parts.append(blocks.section(f"*Files expected* {files}" + (f" and {more} more" if more > 0 else "")))
    return parts


def _bullets(items: list[str]) -> str:
    shown = [f"• {escape.line(item[:_ITEM])}" for item in items[:_LIST]]
    return "\n".join([*shown, f"… and {len(items) - _LIST} more"] if len(items) > _LIST else shown)


def _progress(facts: TaskFacts) -> list[Block]:
    parts = []
    if facts.pull is not None:
        pull = facts.pull
        state = {PullState.MERGED: " · merged", PullState.CLOSED: " · closed"}.get(pull.state, "")
        head = f"*Pull request* {escape.link(pull.url, f'#{pull.number}')}{state} · {escape.code(pull.head_sha[:8])}"
        lines = [checklist.checks(facts.evidence), checklist.reviews(facts.reviews), checklist.bots(facts.bots)]
        parts.append(blocks.section("\n".join([head, *(one for one in lines if one)])))
    if facts.attempts:
        parts.append(blocks.section(f"*Attempts* {_retries(facts)}\n{checklist.attempts(facts)}"))
    if facts.task.next_change and facts.task.state in {TaskState.QUEUED, TaskState.ASKING}:
        parts.append(blocks.context(f"The next attempt is told: {escape.line(facts.task.next_change[:_QUOTE])}"))
    unused = [one for one in facts.task.guidance if not one.get("used_in")]
    if unused and facts.task.state not in FINISHED:
        last = escape.line(str(unused[-1].get("text", ""))[:_ITEM])
        parts.append(blocks.context(f"📥 Kept for the next attempt: {last}"))
    return parts


def _retries(facts: TaskFacts) -> str:
    task = facts.task
    said = [f"{task.retries_failure} of {facts.failures_allowed + task.extra_attempts} retries spent"]
    if task.retries_review:
        said.append(f"{task.retries_review} of {facts.reviews_allowed} review rounds")
    return f"({', '.join(said)})"


def _footer(facts: TaskFacts) -> list[Block]:
    task = facts.task
    said = ["found by Waggle" if facts.signal is not None else f"asked by {escape.person(task.requester)}"]
    if task.follows is not None:
        said.append(f"{'takes back' if task.reverts else 'follows'} {task_label(task.follows)}")
    if facts.approved is not None:
        said.append(f"approved by {escape.person(facts.approved.actor)}")
    if facts.spent_tokens or facts.spent_usd:
        said.append(f"{money(facts.spent_usd)} of {money(task.budget_usd)}, {tokens(facts.spent_tokens)}")
    parts = [blocks.context(" · ".join(said))]
    if facts.missing and task.state not in FINISHED:
        parts.append(blocks.context("Not real yet: " + " ".join(escape.line(one) for one in facts.missing)))
    return parts
