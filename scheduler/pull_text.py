"""Title and body of a task's pull request: why, what, and when it is done. Pure.

Words of customers are data on GitHub too: they can neither call people (`@name`), nor close issues (`fixes #3`), nor
hide behind markup, so everything that came from outside is made plain first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from scheduler.names import task_label
from scheduler.registry.work import Task

_TITLE_LENGTH = 120
#: a tracker's name is the one reference that is alive here: nothing but such a name may stand for it
_SHORT_ID = re.compile(r"[A-Z][A-Z0-9_-]{0,60}-[A-Z0-9]{1,12}")

_REFERENCE = re.compile(r"[\w.-]+/[\w.-]+#\d+")


@dataclass(frozen=True)
class PullText:
    """What people read on GitHub."""

    title: str
    body: str


def render_pull_text(task: Task, fixes: str = "", reverts: str = "") -> PullText:
    """The text of a task's pull request.

    Parameters:
        fixes: what the error tracker calls the issue that it fixes, such as `LEDGERLINE-1`. The tracker reads it in
            the body, and resolves the issue when the pull request is merged.
        reverts: the pull request that it takes back, such as `acme/app#12`.

    The body ends with a hidden marker, by which the pull request is recognised as this task's.
    """
    label = task_label(task.id)
    sections = [
        "## Why\n\n" + "\n\n".join([plain(task.goal) or plain(task.title), *_quotes(task.citations)]),
        "## Done when\n\n" + "\n".join(f"- {plain(line)}" for line in task.acceptance) if task.acceptance else "",
        f"Reverts {reverts}" if _REFERENCE.fullmatch(reverts) else "",
        f"Fixes {fixes}" if _SHORT_ID.fullmatch(fixes) else "",
        f"## How it is made sure\n\n{_made_sure(task)}",
        f"<!-- waggle:task={label} -->",
    ]
    # A squashed merge turns the title into a commit message, where `fixes #3` would close an issue.
    title = _without_references(" ".join(f"{label}: {task.title}".split()))
    if len(title) > _TITLE_LENGTH:
        title = title[: _TITLE_LENGTH - 1].rstrip() + "…"
    return PullText(title, "\n\n".join(section for section in sections if section) + "\n")


def plain(text: str) -> str:
    """Text on one line, in which no mention, reference, link or markup of GitHub is alive."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _without_references(re.sub(r"([\\`*_\[\]|~])", r"\\\1", text))
    return re.sub(r"\b(https?|www)(?=://|\.)", "\\1\u200b", text, flags=re.IGNORECASE)


def _without_references(text: str) -> str:
    # A zero-width space behind the sign is invisible to readers and ends the reference for GitHub.
    return re.sub(r"(?<!&)([@#]|\bGH-)(?=\w)", "\\1\u200b", text, flags=re.IGNORECASE)


def _quotes(citations: list[dict[str, Any]]) -> list[str]:
    return [f"> {plain(str(one.get('quote', '')))}\n>\n> — {_source(one)}" for one in citations if one.get("quote")]


def _source(citation: dict[str, Any]) -> str:
    who = [str(citation.get(key) or "") for key in ("speaker", "customer")]
    named = ", ".join(dict.fromkeys(plain(one) for one in who if one)) or "a note"
    title, day = plain(str(citation.get("title") or "")), str(citation.get("date") or "")
    url = str(citation.get("url") or "")
    where = f"[{title or 'source'}]({url})" if re.fullmatch(r"https?://[^\s()<>]+", url) else title
    return ", ".join(part for part in (named, where, day if day not in title else "") if part)


def _made_sure(task: Task) -> str:
    lane = (
        f"small lane, because {plain(task.lane_reason)}" if task.lane == "small" and task.lane_reason else "full lane"
    )
    return (
        f"An agent made this change in a worktree of its own ({lane}, {plain(task.priority)}). It counts as ready when "
        "every check of the definition of done holds for the head commit: merges cleanly, CI, reviews by models, no "
        "secret in the diff. A person merges; until then Waggle watches it."
    )
