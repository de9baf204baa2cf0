"""Admission: order, slots, memory, overlap, and the reason shown to people."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scheduler.dispatch import Candidate, Host, Running, admit, slots
from scheduler.policy import Capacity

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GB = 2**30
FOUR = Capacity(max_agents=4)
ROOMY = Host(available_bytes=64 * GB)


def one(task_id: int = 1, **change: object) -> Candidate:
    base = Candidate(task_id, "p2", NOW, True, "acme/app", 3 * GB)
    return replace(base, **change)  # type: ignore[arg-type]  # a builder of one field


def started(
    *candidates: Candidate, running: tuple[Running, ...] = (), capacity: Capacity = FOUR, host: Host = ROOMY
) -> list[int]:
    return [d.task_id for d in admit(candidates, running, capacity, host, NOW, 3600.0) if d.admitted]


def test_urgent_first_then_older() -> None:
    early = one(3, queued_at=NOW - timedelta(minutes=5))
    order = [d.task_id for d in admit([one(1), early, one(2, priority="p0")], [], FOUR, ROOMY, NOW, 3600.0)]
    assert order == [2, 3, 1]


def test_a_low_priority_that_waited_long_goes_before_a_fresh_one() -> None:
    old = one(1, priority="p3", queued_at=NOW - timedelta(hours=4))
    assert [d.task_id for d in admit([one(2, priority="p1"), old], [], FOUR, ROOMY, NOW, 3600.0)] == [1, 2]


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        (one(has_prompt=False), "its prompt is being written"),
        (one(has_route=False), "no agent is configured"),
        (one(not_before=NOW + timedelta(minutes=5)), "waits until 2026-03-01 12:05 UTC"),
        (one(budget_spent=True), "its budget is spent"),
    ],
)
def test_reasons(candidate: Candidate, reason: str) -> None:
    (said,) = admit([candidate], [], FOUR, ROOMY, NOW, 3600.0)
    assert not said.admitted and reason in said.reason


def test_starts_are_staggered() -> None:
    calm = replace(FOUR, stagger_s=20)
    first, second = admit([one(1), one(2)], [], calm, ROOMY, NOW, 3600.0, (), NOW - timedelta(seconds=20))
    assert first.admitted and not second.admitted and second.reason == "starts are 20 s apart"
    (early,) = admit([one(2)], [], calm, ROOMY, NOW, 3600.0, (), NOW - timedelta(seconds=19))
    assert not early.admitted
    assert started(one(1), one(2)) == [1, 2]


def test_estop_starts_nothing() -> None:
    assert started(one(), host=replace(ROOMY, estopped=True)) == []


def test_tasks_that_change_the_same_file_take_turns() -> None:
    files = frozenset({"app/web.py"})
    assert started(one(1, files=files), one(2, files=files), one(3, files=frozenset({"README.md"}))) == [1, 3]
    assert started(one(1, files=files), one(2, files=files, repo="acme/other")) == [1, 2]


def test_the_first_agent_always_fits_and_the_second_only_with_memory() -> None:
    small = Host(available_bytes=2 * GB)
    assert started(one(1), one(2), host=small) == [1]


@given(
    available=st.integers(0, 64),
    wanted=st.lists(st.integers(1, 8), max_size=12),
    limit=st.integers(0, 6),
)
def test_never_more_memory_than_there_is_and_never_more_than_the_slots(
    available: int, wanted: list[int], limit: int
) -> None:
    capacity = Capacity(max_agents=limit, reserve_bytes=0)
    host = Host(available_bytes=available * GB)
    candidates = [one(n, memory_bytes=size * GB, files=frozenset({str(n)})) for n, size in enumerate(wanted)]
    admitted = [d.task_id for d in admit(candidates, [], capacity, host, NOW, 3600.0) if d.admitted]
    assert len(admitted) <= slots(capacity)
    if len(admitted) > 1:
        assert sum(wanted[n] for n in admitted) * GB <= available * GB
    assert bool(admitted) == bool(wanted), "one agent may always run"


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        (Host(4 * GB), "waits for memory: it may need 3.0 GB, and 2.0 GB is free beside what runs"),
        (replace(ROOMY, disk_bytes=GB - 1), "waits for disk space: less than 1.0 GB is free"),
        (replace(ROOMY, load=16.5), "waits for processors: more than 16 processes for each core want to run"),
        (replace(ROOMY, disk_bytes=GB, load=16.0), ""),
    ],
)
def test_what_the_machine_lacks_is_said(host: Host, reason: str) -> None:
    grown = Running(9, "acme/app", 3 * GB, resident_bytes=2 * GB)
    (said,) = admit([one()], [grown], FOUR, host, NOW, 3600.0)
    assert (said.admitted, said.reason) == (not reason, reason)


def test_without_room_on_the_disk_not_even_the_first_starts_but_it_waits_for_nothing_else() -> None:
    assert started(one(), host=Host(0, disk_bytes=0)) == []
    assert started(one(), host=Host(0, disk_bytes=GB, load=99.0)) == [1]


def test_nobody_passes_one_who_waits_for_memory() -> None:
    decisions = admit([one(1, memory_bytes=9 * GB), one(2)], [Running(9, "a/b", GB)], FOUR, Host(8 * GB), NOW, 3600.0)
    assert [d.reason for d in decisions][1] == "waits for memory, behind T-1"


@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=15),
    lasts=st.lists(st.integers(1, 9), min_size=15, max_size=15),
)
@example(sizes=[4] * 15, lasts=[1, 9, 4, 7, 2, 8, 3, 6, 5, 1, 9, 4, 7, 2, 8])
def test_on_a_24_gb_host_agents_that_grow_never_need_more_than_there_is_and_all_finish(
    sizes: list[int], lasts: list[int]
) -> None:
    """The host of the simulation shows free memory as a real one does: what agents will still take counts as free."""
    capacity, total = Capacity(max_agents=15, reserve_bytes=0), 24
    waiting, going, done = dict(enumerate(sizes, start=1)), dict[int, int](), []
    for now in range(500):
        held = {n: sizes[n - 1] * min(age + 1, lasts[n - 1]) // lasts[n - 1] * GB for n, age in going.items()}
        running = [Running(n, "acme/app", sizes[n - 1] * GB, held[n], frozenset({str(n)})) for n in going]
        host = Host(available_bytes=max(total * GB - sum(held.values()), 0))
        candidates = [one(n, memory_bytes=size * GB, files=frozenset({str(n)})) for n, size in waiting.items()]
        for task_id in (d.task_id for d in admit(candidates, running, capacity, host, NOW, 3600.0) if d.admitted):
            going[task_id] = 0
            del waiting[task_id]
        assert len(going) == 1 or sum(sizes[n - 1] for n in going) <= total, f"at {now}: {going}"
        going = {n: age + 1 for n, age in going.items()}
        done += [n for n, age in going.items() if age >= lasts[n - 1]]
        going = {n: age for n, age in going.items() if n not in done}
        if not waiting and not going:
            break
    assert sorted(done) == list(range(1, len(sizes) + 1))
