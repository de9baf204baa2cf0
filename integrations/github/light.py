"""The light query: every watched pull request at each tick."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal, cast

from integrations.github.answers import ErrorEntry, LightAnswer, LightNode
from integrations.github.chunks import ChunkedQuery, trouble
from integrations.github.connection import Connection
from integrations.github.fingerprint import fingerprint
from integrations.github.values import LightBatch, PullLight, PullStateName

#: GitHub's limit for `nodes(ids:)`.
LARGEST_CHUNK = 100

_MERGEABLE: dict[str, Literal["yes", "no"]] = {"MERGEABLE": "yes", "CONFLICTING": "no"}


class LightQuery:
    """Every watched pull request at once."""

    def __init__(self, connection: Connection) -> None:
        self._query = ChunkedQuery(connection, "light", LightAnswer, LARGEST_CHUNK, "look at pull requests")

    def look(self, node_ids: Sequence[str]) -> LightBatch:
        """Look at pull requests by node id. One that was not seen is in `failed`, and what was known of it stands.

        Raises AuthFailed, RateLimited, SecondaryLimited when not one request was answered.
        """
        asked = self._query.ask(node_ids)
        pulls: dict[str, PullLight] = {}
        gone: set[str] = set()
        failed = asked.failed
        for chunk, reply in asked.replies:
            seen, missing = _read(chunk, reply.data.nodes, reply.errors)
            pulls |= seen
            gone |= missing
            failed |= set(chunk) - seen.keys() - missing
        return LightBatch(pulls, frozenset(gone), frozenset(failed), asked.requests, asked.cost, asked.remaining)


def _read(
    ids: Sequence[str], nodes: Sequence[LightNode | None], errors: Iterable[ErrorEntry]
) -> tuple[dict[str, PullLight], set[str]]:
    """(what was seen, by the id that was asked; the ids that GitHub says are not there)."""
    not_found, unreadable = trouble(ids, errors)
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
