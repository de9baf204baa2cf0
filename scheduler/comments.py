"""What people wrote on a pull request that an agent is to be told, and what becomes of it.

| where it stands | told to an agent | over when |
|---|---|---|
| a review thread | every comment of it | the thread is resolved |
| the conversation | unless it is talk: praise, `//`, or words to somebody else | Waggle answered |
| a review that requests changes | its text | Waggle answered |

Only insiders send an agent: anybody may comment on a public repository. Each comment is told once, by its id.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from integrations.github import Comment, PullDetail
from scheduler.judging import PersonComment
from scheduler.registry.work import PullRequest

ANSWERED_AT = "answered_at"  #: among a pull request's facts: when Waggle last answered or resolved something
_BODY = 8000
_TALK = frozenset(
    {"lgtm", "thanks", "thank", "you", "thx", "ty", "nice", "great", "good", "cool", "perfect", "awesome", "well"}
    | {"done", "work", "job", "ok", "okay", "yes", "looks", "to", "me", "very", "it", "ship", "this", "so", "much"}
    | {"i", "like"}
)


def is_talk(body: str) -> bool:
    """Whether words in the conversation are for people: praise, words to somebody by name, or `//` in front. Pure."""
    text = body.strip()
    if text.startswith("//") or re.match(r"@(?!waggle\b)[\w-]+", text, re.IGNORECASE):
        return True
    words = re.findall(r"[^\W\d_]+", re.sub(r":[a-z0-9_+-]+:", " ", text.lower()))
    return all(word in _TALK for word in words)


def open_comments(seen: PullDetail, told: Collection[str], owed: Collection[str]) -> list[dict[str, Any]]:
    """Every comment that is not settled, oldest first, as it stands in a pull request's facts. Pure.

    Parameters:
        told: ids of comments that an agent was told.
        owed: those of them that Waggle has not answered.
    """
    insiders = [one for one in seen.people_comments if one.insider]
    unresolved = {thread.id: thread for thread in seen.threads if not thread.resolved}
    of_thread = {comment.id: thread for thread in unresolved.values() for comment in thread.comments}
    found = []
    for one in insiders:
        thread = of_thread.get(one.id)
        if thread is not None:
            found.append(_comment(one, thread.id, one.path or thread.path, one.line or thread.line))
        elif not one.thread_id and not one.path and not is_talk(one.body) and (one.id not in told or one.id in owed):
            found.append(_comment(one, "", "", None))
    last = {one.author: one for one in seen.reviews if one.author_is_user and one.insider and one.state != "COMMENTED"}
    for review in last.values():
        if review.state == "CHANGES_REQUESTED" and review.body.strip() and (review.id not in told or review.id in owed):
            at = review.submitted_at.isoformat() if review.submitted_at else ""
            said = {"id": review.id, "by": review.author, "body": review.body, "url": review.url, "at": at}
            found.append({**said, "thread": "", "path": "", "line": None})
    return found


def places(comments: Sequence[Mapping[str, Any]]) -> int:
    """In how many places something is open: threads, and comments beside them."""
    return len({one.get("thread") or one["id"] for one in comments})


def of_outsiders(seen: PullDetail) -> int:
    """How many unresolved threads only outsiders spoke in: shown to people, told to nobody."""
    people = {one.id: one.insider for one in seen.people_comments}
    count = 0
    for thread in seen.threads:
        spoke = [people[one.id] for one in thread.comments if one.id in people]
        count += not thread.resolved and bool(spoke) and not any(spoke)
    return count


def untold(pull: PullRequest) -> list[dict[str, Any]]:
    """Comments that no attempt was told yet."""
    return [one for one in pull.facts.get("unresolved", ()) if one["id"] not in pull.comments_seen]


def still_writing(comments: Sequence[Mapping[str, Any]], now: datetime, quiet_s: float) -> bool:
    """Whether the newest comment is so young that its author may be writing the next one. Pure."""
    times = [datetime.fromisoformat(one["at"]) for one in comments if one.get("at")]
    return bool(times) and now - max(times) < timedelta(seconds=quiet_s)


def tell(pull: PullRequest, comments: Sequence[Mapping[str, Any]]) -> tuple[PersonComment, ...]:
    """Note that these go to an agent, which owes them an answer; as the agent is shown them."""
    pull.comments_seen = sorted({*pull.comments_seen, *(one["id"] for one in comments)})
    pull.owed_answers = [*pull.owed_answers, *({**_kept(one), "head": pull.head_sha} for one in comments)]
    return tuple(
        PersonComment(
            by=one.get("by", ""), body=one["body"], path=one["path"], line=one["line"] or 0, url=one.get("url", "")
        )
        for one in comments
    )


def due(pull: PullRequest) -> list[dict[str, Any]]:
    """What was told at an earlier head commit and is not answered: something was pushed since."""
    return [one for one in pull.owed_answers if one["head"] != pull.head_sha]


def as_criteria(pull: PullRequest) -> tuple[str, ...]:
    """What people asked for, as the review council holds the next commit against it."""
    return tuple(
        f"What {one['by']} asked for{_place(one)}: “{' '.join(str(one['body']).split())[:600]}”" for one in due(pull)
    )


def key_of(comment: Mapping[str, Any]) -> str:
    """A short name of a comment for a marker: GitHub's own ids hold signs that a marker does not take."""
    return hashlib.sha1(str(comment["id"]).encode(), usedforsecurity=False).hexdigest()[:12]


def _place(one: Mapping[str, Any]) -> str:
    if not one["path"]:
        return ""
    return f" at {one['path']}:{one['line']}" if one["line"] else f" about {one['path']}"


def _kept(one: Mapping[str, Any]) -> dict[str, Any]:
    body = str(one["body"])[:1000]
    return {"id": one["id"], "thread": one.get("thread", ""), "by": one.get("by", ""), "path": one["path"],
            "line": one["line"], "body": body}  # fmt: skip


def _comment(one: Comment, thread: str, path: str, line: int | None) -> dict[str, Any]:
    return {
        "id": one.id,
        "thread": thread,
        "by": one.author,
        "path": path,
        "line": line,
        "body": one.body[:_BODY],
        "url": one.url,
        "at": one.created_at.isoformat() if one.created_at else "",
    }
