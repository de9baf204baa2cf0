"""The medium query: pull requests that changed, many at once; enough for those without trouble."""

from __future__ import annotations

from collections.abc import Sequence

from integrations.github.answers import MediumAnswer
from integrations.github.chunks import ChunkedQuery, trouble
from integrations.github.connection import Connection
from integrations.github.detail import read_pull
from integrations.github.values import MediumBatch, PullDetail

#: A hundred checks for each one: with more than this GitHub's ten seconds are not enough (getsentry/sentry#122671).
LARGEST_CHUNK = 25


class MediumQuery:
    """What the detail query says, but for threads, the base branch's checks, and what needs one number to ask with."""

    def __init__(self, connection: Connection) -> None:
        self._query = ChunkedQuery(connection, "medium", MediumAnswer, LARGEST_CHUNK, "look closer at pull requests")

    def look(self, node_ids: Sequence[str], own_login: str) -> MediumBatch:
        """Look closer at pull requests by node id.

        Parameters:
            own_login: Waggle's own account, whose comments are not people's.

        Raises AuthFailed, RateLimited, SecondaryLimited when not one request was answered.
        """
        asked = self._query.ask(node_ids)
        pulls: dict[str, PullDetail] = {}
        for chunk, reply in asked.replies:
            not_found, unreadable = trouble(chunk, reply.errors)
            for node_id, node in zip(chunk, reply.data.nodes, strict=False):
                if node is None or node_id in not_found | unreadable or node.typename != "PullRequest":
                    continue
                private = node.repository is not None and node.repository.is_private
                seen = read_pull(node, own_login, readable=True, private=private)
                if seen.complete and node.review_threads is not None and node.review_threads.total_count == 0:
                    pulls[node_id] = seen
        return MediumBatch(pulls, frozenset(node_ids) - pulls.keys(), asked.requests)
