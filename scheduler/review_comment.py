"""The council's one comment on a pull request: who said what about which commit, updated in place.

Models wrote most of it after reading text of strangers, so all of it is made plain before it stands on GitHub.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlmodel import Session, col, select

from integrations.fault import IntegrationError
from integrations.github import marker
from scheduler.background import NotYetError
from scheduler.names import task_label
from scheduler.outside import Outside
from scheduler.pull_rows import load_pull, put_facts
from scheduler.pull_text import plain
from scheduler.registry.work import Review
from scheduler.steps import StepName

_VERDICTS = {
    "approve": "✅ approves",
    "request_changes": "❌ wants changes",
    "abstain": "⚪ abstains",
    "error": "⚠️ failed",
}
_MET = {"yes": "✅", "no": "❌", "cannot_tell": "❔"}
_MOST = 5


class Spokesman:
    """Writes the council's comment."""

    def __init__(self, out: Outside) -> None:
        self._out = out

    async def tell(self, pull_id: int) -> None:
        """Bring the comment to what was said about the head commit.

        Raises:
            NotYetError: GitHub refused in a way that may pass.
        """
        out = self._out
        pull, task, _ = await load_pull(out, pull_id)
        reviews = await out.registry.read(lambda s: _reviews(s, pull_id, pull.head_sha))
        facts = {"summary": {"head": pull.head_sha, "url": ""}}
        label = task_label(task.id)
        try:
            with out.steps(StepName.COMMENT, label):
                url = await asyncio.to_thread(
                    out.github.upsert_comment,
                    pull.repo,
                    pull.number,
                    marker(label, "review"),
                    render_summary(pull.head_sha, reviews),
                )
            facts["summary"]["url"] = url
        except IntegrationError as problem:
            if problem.retryable:
                raise NotYetError(str(problem)) from problem
        await put_facts(out, pull_id, pull.head_sha, facts)


def _reviews(session: Session, pull_id: int, head: str) -> Sequence[Review]:
    return session.exec(
        select(Review).where(Review.pull_request_id == pull_id, Review.head == head).order_by(col(Review.id))
    ).all()


def render_summary(head: str, reviews: Sequence[Review]) -> str:
    """The comment: verdicts, what blocks, the acceptance checks, and what is only worth a look, folded away. Pure."""
    parts = [f"### AI review of `{head[:8]}`", "", "| reviewer | verdict | in short |", "|---|---|---|"]
    parts += [
        f"| {plain(f'{one.reviewer} ({one.model})')} | {_VERDICTS[one.verdict]} | {plain(one.summary)} |"
        for one in reviews
    ]
    found = [finding for one in reviews for finding in one.findings]
    blocking = [one for one in found if one.get("blocks")]
    if blocking:
        parts += ["", "**What has to change**", "", *map(_finding, blocking[:_MOST])]
    met = _acceptance(reviews)
    if met:
        parts += ["", "**Acceptance**", "", *(f"- {_MET[state]} {plain(text)}" for text, state in met.items())]
    minor = [one for one in found if not one.get("blocks")]
    if minor:
        parts += ["", "<details><summary>Worth a look, and not in the way</summary>", ""]
        parts += [*map(_finding, minor[:_MOST]), "", "</details>"]
    if len({one.family for one in reviews if one.verdict == "approve"}) == 1:
        parts += ["", "One model family approved; no second one looked at it with other eyes."]
    return "\n".join(parts)


def _acceptance(reviews: Sequence[Review]) -> dict[str, str]:
    """Each criterion with the worst that a reviewer says of it; `cannot tell` only where nobody could."""
    rank = {"cannot_tell": 0, "yes": 1, "no": 2}
    found: dict[str, str] = {}
    for line in (line for one in reviews for line in one.acceptance):
        text, state = str(line["criterion"]), str(line.get("met", "cannot_tell"))
        found[text] = max(found.get(text, "cannot_tell"), state, key=lambda one: rank[one])
    return found


def _finding(one: dict[str, Any]) -> str:
    by = ", ".join(str(name) for name in one.get("found_by", ()))
    status = f"{one.get('status', '')}, by {by}" if by else str(one.get("status", ""))
    place = f"{one['path']}:{one['line']}".replace("`", "")
    return f"- `{place}` {plain(str(one['title']))}: {plain(str(one['why']))} ({status})"
