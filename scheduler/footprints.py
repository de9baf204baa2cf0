"""How much memory an agent takes in a repository: what earlier ones there took, and the owner's guess before that.

It is the tests and builds of a repository that take memory, much more than the agents themselves.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlmodel import Session, col, select

from scheduler.policy import Policy
from scheduler.registry.work import Attempt, Task

_LOOKED_AT = 10  #: of the newest attempts; what a repository takes changes with it
_MARGIN = 1.2  #: the next one may take a little more
_LEAST = 256 * 2**20  #: no agent is so small that a hundred of them would be let in at once
#: ends of attempts that came as far as working: one that could not log in says nothing of what work takes
_WORKED = ("done", "no-change", "memory", "timeout", "max-turns", "context")


def footprints(session: Session, policy: Policy, repos: Iterable[str]) -> dict[str, int]:
    """Bytes that an agent is expected to need at most, for each of the repositories.

    The largest of the last measured peaks and a margin, within what a run may use at all. Where nothing was measured
    yet, the settings' `agent_memory`.
    """
    return {repo: _expected(policy, _measured(session, repo)) for repo in set(repos)}


def _measured(session: Session, repo: str) -> int:
    rows = session.exec(
        select(Attempt.peak_bytes)
        .join(Task, col(Attempt.task_id) == col(Task.id))
        .where(Task.repo == repo, Attempt.peak_bytes > 0, col(Attempt.outcome).in_(_WORKED))
        .order_by(col(Attempt.id).desc())
        .limit(_LOOKED_AT)
    ).all()
    return max(rows, default=0)


def _expected(policy: Policy, measured: int) -> int:
    if not measured:
        return policy.capacity.agent_memory_bytes
    most = policy.isolation.memory_bytes or 2**62
    return min(max(int(measured * _MARGIN), _LEAST), most)
