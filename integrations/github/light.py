"""The light query: every watched pull request at each tick, in as few requests as GitHub answers in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal, cast

from integrations.github.answers import ErrorEntry, LightAnswer, LightNode
from integrations.github.connection import Connection
from integrations.github.errors import AuthFailed, GitHubError, RateLimited, SecondaryLimited, TimedOut
from integrations.github.fingerprint import fingerprint
from integrations.github.graphql import ask, remember
from integrations.github.values import LightBatch, PullLight, PullStateName

#: GitHub's limit for `nodes(ids:)`.
LARGEST_CHUNK = 100
#: How long a smaller chunk is kept after GitHub ran out of time.
SHRUNK_FOR = timedelta(hours=1)

_MERGEABLE: dict[str, Literal["yes", "no"]] = {"MERGEABLE": "yes", "CONFLICTING": "no"}


class LightQuery:
    """Asks in chunks; halves them when GitHub does not answer in time, and remembers that for an hour."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._chunk = LARGEST_CHUNK
        self._shrunk_at: datetime | None = None

    def look(self, node_ids: Sequence[str]) -> LightBatch:
        """Look at pull requests by node id. One that was not seen is in `failed`, and what was known of it stands.

        Raises AuthFailed, RateLimited, SecondaryLimited when not one could be seen.
        """
        waiting = [list(chunk) for chunk in _chunks(list(dict.fromkeys(node_ids)), self._size())]
        pulls: dict[str, PullLight] = {}
        gone: set[str] = set()
        failed: set[str] = set()
        requests, cost, remaining = 0, 0, None
        while waiting:
            chunk = waiting.pop(0)
            requests += 1
            try:
                reply = ask(self._connection, "light", {"ids": chunk}, LightAnswer, "look at pull requests")
            except TimedOut:
                if len(chunk) == 1:
                    failed.update(chunk)
                    continue
                self._shrink(len(chunk) // 2)
                waiting[:0] = [list(part) for part in _chunks(chunk, (len(chunk) + 1) // 2)]
                continue
            except (AuthFailed, RateLimited, SecondaryLimited):
                if not pulls and not gone:
                    raise
                failed.update(chunk, *waiting)
                break
            except GitHubError:
                failed.update(chunk)
                continue
            remember(self._connection.limits, reply.data.rate_limit)
            if reply.data.rate_limit is not None:
                cost += reply.data.rate_limit.cost
                remaining = reply.data.rate_limit.remaining
            seen, missing = _read(chunk, reply.data.nodes, reply.errors)
            pulls |= seen
            gone |= missing
            failed |= set(chunk) - seen.keys() - missing
        return LightBatch(pulls, frozenset(gone), frozenset(failed), requests, cost, remaining)

    def _size(self) -> int:
        if self._shrunk_at is not None and self._connection.clock() - self._shrunk_at >= SHRUNK_FOR:
            self._chunk, self._shrunk_at = LARGEST_CHUNK, None
        return self._chunk

    def _shrink(self, size: int) -> None:
        if size < self._chunk:
            self._chunk, self._shrunk_at = max(1, size), self._connection.clock()


def _chunks(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def _read(
    ids: Sequence[str], nodes: Sequence[LightNode | None], errors: Iterable[ErrorEntry]
) -> tuple[dict[str, PullLight], set[str]]:
    """(what was seen, by the id that was asked; the ids that GitHub says are not there)."""
    not_found: set[str] = set()
    unreadable: set[str] = set()
    for entry in errors:
        path = entry.path or ()
        if len(path) >= 2 and path[0] == "nodes" and isinstance(path[1], int) and path[1] < len(ids):
            if entry.type == "NOT_FOUND" and len(path) == 2:
                not_found.add(ids[path[1]])
            elif "statusCheckRollup" in path:
                unreadable.add(ids[path[1]])
    seen: dict[str, PullLight] = {}
    for node_id, node in zip(ids, nodes, strict=False):
        if node is None or node_id in not_found:
            continue
        if node.typename != "PullRequest":
            not_found.add(node_id)
        elif node.updated_at is not None:
            seen[node_id] = _pull(node, node.updated_at, readable=node_id not in unreadable)
    return seen, not_found


def _pull(node: LightNode, updated_at: datetime, *, readable: bool) -> PullLight:
    rollup = node.status_check_rollup
    counts = rollup.contexts if rollup is not None else None
    by_state: Counter[str] = Counter()
    for counted in (
        (*(counts.check_run_counts_by_state or ()), *(counts.status_context_counts_by_state or ())) if counts else ()
    ):
        by_state[counted.state] += counted.count
    pull = PullLight(
        node_id=node.id,
        number=node.number,
        url=node.url,
        state=cast(PullStateName, node.state.lower()),
        draft=node.is_draft,
        mergeable=_MERGEABLE.get(node.mergeable, "unknown"),
        merge_state=node.merge_state_status,
        head_sha=node.head_ref_oid,
        base_sha=node.base_ref_oid,
        head_branch=node.head_ref_name,
        base_branch=node.base_ref_name,
        review_decision=node.review_decision,
        comments=node.total_comments_count or 0,
        reviews=node.reviews.total_count if node.reviews else 0,
        threads=node.review_threads.total_count if node.review_threads else 0,
        rollup=rollup.state if rollup else None,
        checks_total=counts.total_count if counts else 0,
        checks_by_state=dict(by_state),
        labels=tuple(label.name for label in node.labels.known) if node.labels else (),
        updated_at=updated_at,
        checks_readable=readable,
    )
    return replace(pull, fingerprint=fingerprint(pull))
