"""What the council says on a pull request: one comment, updated in place, with who said what about which commit, and a
remark on the line of each finding that was confirmed.

Models wrote most of it after reading text of strangers, so all of it is made plain before it stands on GitHub.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import exists
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, select

from integrations.fault import IntegrationError
from integrations.github import marked, marker
from scheduler.background import NotYetError
from scheduler.lifecycle import PullState, TaskState
from scheduler.names import task_label
from scheduler.outside import Outside
from scheduler.pull_rows import load_pull, put_facts
from scheduler.pull_text import plain
from scheduler.registry.work import PullRequest, Review, Task
from scheduler.registry.writers import record
from scheduler.remarks import confirmed, remark_of, unsaid
from scheduler.same_finding import Finding, key_of
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
    """Writes the council's comment and its remarks."""

    def __init__(self, out: Outside) -> None:
        self._out = out

    async def tell(self, pull_id: int) -> None:
        """Bring the comment to what was said about the head commit, and make the remarks that were not made yet.

        Raises:
            NotYetError: GitHub refused in a way that may pass.
        """
        out = self._out
        pull, task, _ = await load_pull(out, pull_id)
        everything = await out.registry.read(lambda s: _reviews(s, pull_id))
        reviews = [one for one in everything if one.head == pull.head_sha]
        if not reviews:
            return  # the head moved meanwhile
        earlier = [found for one in everything if one.head != pull.head_sha for found in one.findings]
        remarks = unsaid(confirmed(reviews), earlier, pull.facts.get("remarks", {}))
        facts = {"summary": {"head": pull.head_sha, "url": ""}}
        label = task_label(task.id)
        refused = ""
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
            if remarks:
                await self._remark(pull, label, remarks)
        except IntegrationError as problem:
            if problem.retryable:
                raise NotYetError(str(problem)) from problem
            refused = problem.user_message
        await put_facts(out, pull_id, pull.head_sha, facts, partial(self._note, refused) if refused else None)

    def _note(self, why: str, session: Session, row: PullRequest) -> None:
        """What GitHub refuses for good is not tried again for this head commit."""
        subject = f"pull request {row.number}"
        record(session, self._out.clock(), what="comment_refused", why=why, task_id=row.task_id, subject=subject)

    async def owed(self) -> list[int]:
        """Pull requests on which nothing stands yet of what was said, though an agent has been sent back for it."""
        return await self._out.registry.read(_owed)

    async def _remark(self, pull: PullRequest, label: str, found: Sequence[Finding]) -> None:
        """One review for each head commit: GitHub is asked for it first, so a crash makes no second one."""
        out = self._out
        n = len(found)
        text = f"{n} finding{'s' if n > 1 else ''} confirmed by a second model family, about `{pull.head_sha[:8]}`."
        with out.steps(StepName.REMARK, label):
            await asyncio.to_thread(
                out.github.post_review,
                pull.repo,
                pull.number,
                pull.head_sha,
                marked(marker(label, "remarks"), text),
                [remark_of(label, one) for one in found],
            )

        def work(session: Session) -> None:
            row = session.get(PullRequest, pull.id)
            assert row is not None
            said = {key_of(one): {"state": "open", "by": ""} for one in found}
            row.facts = {**row.facts, "remarks": {**said, **row.facts.get("remarks", {})}}
            session.add(row)

        await out.registry.write(work)


def _owed(session: Session) -> list[int]:
    rows = session.execute(
        sql_select(col(PullRequest.id), col(PullRequest.head_sha), col(PullRequest.facts))
        .join(Task, col(PullRequest.task_id) == col(Task.id))
        .where(
            col(PullRequest.state) == PullState.OPEN,
            col(Task.state).in_([TaskState.DIAGNOSING, TaskState.QUEUED, TaskState.RUNNING]),
            exists().where(
                col(Review.pull_request_id) == col(PullRequest.id), col(Review.head) == col(PullRequest.head_sha)
            ),
        )
    ).all()
    return [pull_id for pull_id, head, facts in rows if facts.get("summary", {}).get("head") != head]


def _reviews(session: Session, pull_id: int) -> Sequence[Review]:
    return session.exec(select(Review).where(Review.pull_request_id == pull_id).order_by(col(Review.id))).all()


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
