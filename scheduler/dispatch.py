"""Admission: which queued tasks may start now. Pure: candidates and capacity in, decisions with reasons out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from scheduler.overlap import Writer, waits_for
from scheduler.policy import Capacity

_SLOTS = 4
_FOR_MONEY = "waits for money. "


@dataclass(frozen=True)
class Candidate:
    """A queued task that wants an agent.

    Attributes:
        queued_at: since when; it ages, so that low priorities start in the end.
        has_prompt: its next prompt is written.
        files: what it is expected to change; a running task with the same files goes first.
        published: it has a pull request. What it repairs is written already, so that it keeps out of the way of
            running agents only: two pull requests must never wait for each other.
        after: tasks that must be merged before it starts.
    """

    task_id: int
    priority: str
    queued_at: datetime
    has_prompt: bool
    repo: str
    memory_bytes: int
    files: frozenset[str] = frozenset()
    not_before: datetime | None = None
    budget_spent: bool = False
    has_route: bool = True
    published: bool = False
    limited: str = ""  #: the agent that it waits for, because that agent's provider limits it until `not_before`
    after: tuple[int, ...] = ()
    held: str = ""  #: why the agent that it wants starts for nobody, as a sentence; empty when it may
    shared_spent: str = ""  #: the budget of the day, the month or the channel that is spent, as a sentence
    likely: frozenset[str] = frozenset()  #: what it will probably change as well, by the repository's history


@dataclass(frozen=True)
class Running:
    """A task that holds an agent now."""

    task_id: int
    repo: str
    memory_bytes: int
    resident_bytes: int = 0  #: what its processes hold already, which free memory no longer shows
    files: frozenset[str] = frozenset()
    name: str = ""  #: of its attempt
    likely: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Host:
    """What the machine has left.

    Attributes:
        disk_bytes: free where workspaces are made; None when it is not known.
        load: processes that want to run, for each core.
    """

    available_bytes: int
    estopped: bool = False
    disk_bytes: int | None = None
    load: float = 0.0


@dataclass(frozen=True)
class Decision:
    """What becomes of one candidate; `reason` is shown on its card when it waits."""

    task_id: int
    admitted: bool
    reason: str = ""
    position: int = 0

    @property
    def for_money(self) -> bool:
        """It waits for money that tasks share."""
        return self.reason.startswith(_FOR_MONEY)


def slots(capacity: Capacity) -> int:
    """How many agents may run at once, as far as memory holds them: the owner's number, or four."""
    return capacity.max_agents or _SLOTS


def admit(
    candidates: Sequence[Candidate],
    running: Sequence[Running],
    capacity: Capacity,
    host: Host,
    now: datetime,
    age_step_s: float,
    verifying: Sequence[Writer] = (),
    last_start: datetime | None = None,
) -> list[Decision]:
    """Decide for every candidate, in the order in which they would start.

    The first agent starts with whatever memory there is, or none ever would.

    Parameters:
        verifying: tasks whose pull request is being verified. A task that would change the same waits for them.
        last_start: when an agent was last let start; the next one starts `capacity.stagger_s` later.
    """
    pause = timedelta(seconds=capacity.stagger_s)
    decisions: list[Decision] = []
    going = list(running)
    free = host.available_bytes - capacity.reserve_bytes
    # An agent that just started has not grown yet: what it will still take is not free.
    free -= sum(max(one.memory_bytes - one.resident_bytes, 0) for one in running)
    limit = slots(capacity)
    short = 0  #: the first for whom there is no memory: whoever is behind it would take what it waits for
    for position, one in enumerate(sorted(candidates, key=lambda c: _rank(c, now, age_step_s)), start=1):
        reason = _why_not(one, going, limit, host, now) or _in_the_way(one, going, verifying)
        if not reason and going and (short or free < one.memory_bytes):
            short, reason = short or one.task_id, _no_memory(one, free, short)
        reason = reason or _no_room(bool(going), capacity, host)
        if not reason and pause and last_start is not None and now < last_start + pause:
            reason = f"starts are {capacity.stagger_s:g} s apart"
        decisions.append(Decision(one.task_id, not reason, reason, position))
        if not reason:
            last_start = now
            going.append(Running(one.task_id, one.repo, one.memory_bytes, files=one.files, likely=one.likely))
            free -= one.memory_bytes
    return decisions


def _rank(one: Candidate, now: datetime, age_step_s: float) -> tuple[float, datetime, int]:
    level = int(one.priority[1:]) if one.priority[1:].isdigit() else 2
    aged = (now - one.queued_at).total_seconds() / age_step_s if age_step_s > 0 else 0.0
    return (level - aged, one.queued_at, one.task_id)


def _why_not(one: Candidate, going: Sequence[Running], limit: int, host: Host, now: datetime) -> str:
    if host.estopped:
        return "everything is stopped (`waggle thaw` goes on)"
    if one.after:
        return f"waits for {' and '.join(f'T-{task_id}' for task_id in one.after)} to be merged"
    if not one.has_prompt:
        return "its prompt is being written"
    if not one.has_route:
        return "no agent is configured for it"
    if one.held:
        return one.held
    if one.not_before is not None and one.not_before > now:
        why = f": the provider of {one.limited} limits it" if one.limited else ""
        return f"waits until {one.not_before:%Y-%m-%d %H:%M} UTC{why}"
    if one.budget_spent:
        return "its budget is spent"
    if one.shared_spent:
        return f"{_FOR_MONEY}{one.shared_spent}"
    if len(going) >= limit:
        return f"all {limit} agent slots are in use"
    return ""


def _no_memory(one: Candidate, free: int, short: int) -> str:
    if short:
        return f"waits for memory, behind T-{short}"
    return f"waits for memory: it may need {_size(one.memory_bytes)}, and {_size(free)} is free beside what runs"


def _no_room(others: bool, capacity: Capacity, host: Host) -> str:
    """What else the machine lacks for one more agent."""
    if host.disk_bytes is not None and host.disk_bytes < capacity.reserve_disk_bytes:
        return f"waits for disk space: less than {_size(capacity.reserve_disk_bytes)} is free"
    if others and 0 < capacity.max_load < host.load:
        return f"waits for processors: more than {capacity.max_load:g} processes for each core want to run"
    return ""


def _size(count: int) -> str:
    """Coarse, so that a card does not change with every breath of the machine."""
    return f"{count / 2**30:.1f} GB" if count >= 2**29 else f"{max(count, 0) // (100 * 2**20) * 100} MB"


def _in_the_way(one: Candidate, going: Sequence[Running], verifying: Sequence[Writer]) -> str:
    """For whom it waits. Who runs waits for nobody, and who has a pull request for runners only: no circle closes."""
    writers = [Writer(other.task_id, other.repo, other.files, other.likely) for other in going]
    return waits_for(one.repo, one.files, writers if one.published else [*writers, *verifying], one.likely)
