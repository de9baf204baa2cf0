"""Lists: tasks, search results, and what one person may do. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.slack.values import Found
from bot.slack.views import blocks, escape
from bot.slack.views.budget import Message, fit
from bot.slack.views.words import STATES
from scheduler.lifecycle import WAITS_FOR_PERSON, TaskState
from scheduler.names import task_label
from scheduler.registry import PullRequest, Task

_ROWS = 20
_PASSAGE = 400


def tasks(rows: Sequence[Task], pulls: Sequence[PullRequest], total: int, command: str) -> Message:
    """The tasks that are asked for, those that wait for a person first."""
    if not rows:
        return Message(f"No tasks. Ask for one: `{command} new customers want CSV export of invoices`.")
    links = {pull.task_id: escape.link(pull.url, f"#{pull.number}") for pull in pulls}
    waiting = [row for row in rows if row.state in WAITS_FOR_PERSON]
    others = [row for row in rows if row.state not in WAITS_FOR_PERSON]
    parts = []
    if waiting:
        parts.append(blocks.section("*Waits for a person*\n" + "\n".join(_row(row, links) for row in waiting[:_ROWS])))
    if others:
        parts.append(blocks.section("*The rest*\n" + "\n".join(_row(row, links) for row in others[:_ROWS])))
    shown = min(len(waiting), _ROWS) + min(len(others), _ROWS)
    if total > shown:
        parts.append(blocks.context(f"{shown} of {total}. `{command} status T-12` shows one, `status all` the rest."))
    return fit(f"{total} task{'' if total == 1 else 's'}", parts)


def _row(row: Task, links: dict[int, str]) -> str:
    icon, name, _ = STATES[row.state]
    link = links.get(row.id or 0, "")
    waits = f" · {escape.with_times(row.waits_for)}" if row.state is TaskState.QUEUED and row.waits_for else ""
    said = f"{icon} *{task_label(row.id)}* {escape.line(row.title)} · {name.lower()}{waits}"
    return said + (f" · {link}" if link else "")


def passages(query: str, found: Sequence[Found]) -> Message:
    """What the context knows about something."""
    if not found:
        return Message(f"Nothing about “{escape.line(query)}” in the context. `context add …` adds a note.")
    parts = [blocks.section(f"*About “{escape.line(query[:200])}”*")]
    for one in found[:8]:
        who = ", ".join(escape.line(part) for part in (one.speaker, one.customer, one.date) if part)
        source = escape.link(one.url, "source") if one.url else ""
        said = " · ".join(part for part in (who, source) if part)
        parts.append(blocks.section(f"{escape.quoted(one.text[:_PASSAGE])}\n— {said or 'a note'}"))
    return fit(f"About {escape.line(query[:200])}", parts)


def who(user_id: str, role: str, admins: Sequence[str], command: str) -> Message:
    """Who one is to Waggle."""
    if role:
        return Message(f"You are {escape.person(user_id)} (`{escape.line(user_id)}`), {escape.line(role)}.")
    if admins:
        ask = ", ".join(escape.person(one) for one in admins[:3])
        return Message(
            f"You are {escape.person(user_id)} (`{escape.line(user_id)}`) and not on Waggle's list yet. "
            f"Ask {ask} for `{command} allow @you`."
        )
    return Message(
        f"You are {escape.person(user_id)} (`{escape.line(user_id)}`). Waggle has no admin yet: "
        f"`{command} claim CODE` with the code from its terminal makes you one."
    )
