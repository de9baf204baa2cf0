"""A closer look at the pull requests that changed: many at once where nothing is wrong, one by one where something is.

What a decision needs of a pull request in trouble (threads with their comments, the base branch's checks, what is
required of this one) makes a query dear, so it is asked only for those; the others share a query.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from integrations.fault import IntegrationError
from integrations.github import PullDetail, PullLight
from scheduler.background import NotYetError
from scheduler.outages import Dependencies
from scheduler.outside import Outside
from scheduler.registry.work import PullRequest

#: A row of a pull request, and the fingerprint of the look that found it changed.
Changed = tuple[int, str]
Put = Callable[[Session, int, PullDetail, str, datetime], None]
_RED = {"FAILURE", "ERROR"}
#: How old a close look may become while nothing seems to change: a thread that is resolved need not leave a trace.
STALE = timedelta(minutes=10)


def in_trouble(seen: PullLight) -> bool:
    """Whether it takes the dear query to know what is wrong. Pure."""
    return seen.threads > 0 or seen.rollup in _RED or not seen.checks_readable


def needs_more(seen: PullDetail) -> bool:
    """Whether a shared look found what the dear query tells more about. Pure."""
    return any(one.state in {"fail", "human"} for one in seen.checks)


class CloserLook:
    """Looks at many pull requests with a few queries.

    Parameters:
        put: writes down what was seen of one row, with the fingerprint that it was asked for and when the look began.
        looked: told which rows were looked at.
    """

    def __init__(self, out: Outside, put: Put, looked: Callable[[int], None]) -> None:
        self._out = out
        self._dependencies = Dependencies(out)
        self._put = put
        self._looked = looked

    async def look(self, changed: Sequence[Changed]) -> list[Changed]:
        """Look at them, and say which have to be looked at one by one: what is wrong there takes the dear query.

        Raises:
            NotYetError: GitHub did not answer; what was known stays true.
        """
        out = self._out
        rows = await out.registry.read(lambda s: _rows(s, [pull_id for pull_id, _ in changed]))
        asked = [(rows[pull_id], fingerprint) for pull_id, fingerprint in changed if pull_id in rows]
        if not asked:
            return []
        began = out.clock()
        try:
            batch = await asyncio.to_thread(out.github.medium, [row.node_id for row, _ in asked])
        except IntegrationError as problem:
            await self._dependencies.failed(problem, asked[0][0].repo)
            raise NotYetError(str(problem)) from problem
        left: list[Changed] = []
        seen: list[tuple[int, PullDetail, str]] = []
        for row, fingerprint in asked:
            assert row.id is not None
            one = batch.pulls.get(row.node_id)
            if one is None or needs_more(one):
                left.append((row.id, fingerprint))
            else:
                seen.append((row.id, one, fingerprint))
                self._looked(row.id)
        if seen:
            await out.registry.write(lambda s: self._put_all(s, seen, began))
        return left

    def _put_all(self, session: Session, seen: Sequence[tuple[int, PullDetail, str]], began: datetime) -> None:
        for pull_id, one, fingerprint in seen:
            self._put(session, pull_id, one, fingerprint, began)


def _rows(session: Session, ids: Sequence[int]) -> dict[int, PullRequest]:
    found = session.exec(select(PullRequest).where(col(PullRequest.id).in_(ids))).all()
    return {row.id: row for row in found if row.id is not None}
