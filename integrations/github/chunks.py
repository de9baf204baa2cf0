"""One question about many pull requests, in as few requests as GitHub answers in time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from integrations.github.answers import ErrorEntry, NodesAnswer
from integrations.github.connection import Connection
from integrations.github.errors import AuthFailed, GitHubError, RateLimited, SecondaryLimited, TimedOut
from integrations.github.graphql import Reply, ask, remember

A = TypeVar("A", bound=NodesAnswer)  # type: ignore[type-arg]  # of any node
#: Requests beside each other: GitHub allows a hundred, and asks for few.
BESIDE = 3
_LIMITS = (AuthFailed, RateLimited, SecondaryLimited)
#: How long a smaller chunk is kept after GitHub ran out of time.
SHRUNK_FOR = timedelta(hours=1)


@dataclass
class Asked(Generic[A]):
    """What came back.

    Attributes:
        replies: each with the ids that were asked for in it.
        failed: ids of which nothing came.
        requests, cost: HTTP requests made, and GraphQL points they cost.
        remaining: GraphQL points left this hour, when GitHub said so.
    """

    replies: list[tuple[list[str], Reply[A]]] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)
    requests: int = 0
    cost: int = 0
    remaining: int | None = None


class ChunkedQuery(Generic[A]):
    """Asks for nodes in chunks; halves them when GitHub does not answer in time, and remembers that for an hour.

    Parameters:
        name: of the query, whose only variable is `ids`.
        largest: ids in one request.
        what: what is being done, for messages.
    """

    def __init__(self, connection: Connection, name: str, answer: type[A], largest: int, what: str) -> None:
        self._connection = connection
        self._name = name
        self._answer = answer
        self._largest = self._chunk = largest
        self._what = what
        self._shrunk_at: datetime | None = None
        self._pool: ThreadPoolExecutor | None = None

    def ask(self, node_ids: Sequence[str]) -> Asked[A]:
        """Ask for these. Raises AuthFailed, RateLimited, SecondaryLimited when not one request was answered."""
        waiting = [list(chunk) for chunk in _chunks(list(dict.fromkeys(node_ids)), self._size())]
        found: Asked[A] = Asked()
        while waiting:
            now, waiting = waiting[:BESIDE], waiting[BESIDE:]
            answers = self._beside(now)
            found.requests += len(now)
            limited: GitHubError | None = None
            halved: list[list[str]] = []
            for chunk, answer in zip(now, answers, strict=True):
                if isinstance(answer, Reply):
                    self._take(found, chunk, answer)
                elif isinstance(answer, TimedOut) and len(chunk) > 1:
                    self._shrink(len(chunk) // 2)
                    halved += [list(part) for part in _chunks(chunk, (len(chunk) + 1) // 2)]
                else:
                    found.failed.update(chunk)
                    limited = answer if isinstance(answer, _LIMITS) else limited
            waiting = [*halved, *waiting]
            if limited is not None:
                if not found.replies:
                    raise limited
                found.failed.update(*waiting)
                break
        return found

    def _beside(self, chunks: Sequence[list[str]]) -> list[Reply[A] | GitHubError]:
        if len(chunks) == 1:
            return [self._one(chunks[0])]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(BESIDE, "chunks")  # kept, and with its threads their connections
        return list(self._pool.map(self._one, chunks))

    def _one(self, chunk: list[str]) -> Reply[A] | GitHubError:
        try:
            return ask(self._connection, self._name, {"ids": chunk}, self._answer, self._what)
        except GitHubError as problem:
            return problem

    def _take(self, found: Asked[A], chunk: list[str], reply: Reply[A]) -> None:
        quota = reply.data.rate_limit
        remember(self._connection.limits, quota)
        if quota is not None:
            found.cost += quota.cost
            found.remaining = min(quota.remaining, quota.remaining if found.remaining is None else found.remaining)
        found.replies.append((chunk, reply))

    def _size(self) -> int:
        if self._shrunk_at is not None and self._connection.clock() - self._shrunk_at >= SHRUNK_FOR:
            self._chunk, self._shrunk_at = self._largest, None
        return self._chunk

    def _shrink(self, size: int) -> None:
        if size < self._chunk:
            self._chunk, self._shrunk_at = max(1, size), self._connection.clock()


def _chunks(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def trouble(ids: Sequence[str], errors: Iterable[ErrorEntry]) -> tuple[set[str], set[str]]:
    """(ids that GitHub says are not there; those whose checks this credential may not read)."""
    not_found: set[str] = set()
    unreadable: set[str] = set()
    for entry in errors:
        path = entry.path or ()
        if len(path) >= 2 and path[0] == "nodes" and isinstance(path[1], int) and path[1] < len(ids):
            if entry.type == "NOT_FOUND" and len(path) == 2:
                not_found.add(ids[path[1]])
            elif "statusCheckRollup" in path:
                unreadable.add(ids[path[1]])
    return not_found, unreadable
