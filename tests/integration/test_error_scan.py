"""From an event to a proposal, and what becomes of it: people, the clock, merges, regressions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from scheduler import commands
from scheduler.commands import Reply
from scheduler.discovery.facts import read_facts, read_gates
from scheduler.lifecycle import SignalState, TaskState
from scheduler.registry import Event, Judgement, Outbox, Registry, Request, Signal, Task
from tests.conftest import Clock
from tests.integration.error_scan_world import DAY_S, SLUG, Place
from tests.integration.sentry_world import tracker


@pytest.fixture
async def place(tmp_path: Path, registry: Registry, clock: Clock) -> AsyncIterator[Place]:
    async with tracker(tmp_path / "playground") as made:
        yield Place(registry, clock, made)


async def test_an_error_becomes_a_proposal_that_nobody_has_started(place: Place) -> None:
    place.tracker.happen(3)
    assert (await place.scan()).proposed == ["T-1"]
    (task,), (request,) = place.rows(Task), place.rows(Request)
    assert task.state is TaskState.PROPOSED and task.repo == SLUG and task.requester == "signal:1"
    assert request.source == "signal" and request.permalink.endswith("/sentry/issues/1/")
    assert task.title == "Fix ValueError in invoice_page: it broke"
    signal = place.signal()
    assert (signal.state, signal.task_id, signal.repo) == (SignalState.PROPOSED, 1, SLUG)
    assert all(gate.ok for gate in read_gates(signal)) and len(read_gates(signal)) == 17
    assert [one.path for one in read_facts(signal).places] == ["app/web.py"]
    assert [one.kind for one in place.rows(Outbox)] == ["card"]
    assert place.rows(Judgement) == [], "no model is asked before a person has started it"


async def test_an_open_issue_is_proposed_once_however_often_it_happens(place: Place) -> None:
    place.tracker.happen(3)
    await place.scan()
    for _ in range(4):
        place.tracker.happen(20)
        assert (await place.scan()).proposed == []
    assert len(place.rows(Task)) == len(place.rows(Signal)) == 1
    assert read_facts(place.signal()).issue.count == 83, "the card shows the numbers of now"


async def test_what_a_gate_refuses_is_kept_with_its_reason_and_judged_again(place: Place) -> None:
    place.tracker.happen(2)
    await place.scan()
    signal = place.signal()
    assert signal.state is SignalState.REFUSED and signal.task_id is None
    assert signal.reason == "2 events, 2 people; 3 events or 3 people are wanted"
    assert not any(path.endswith("/events/latest/") for path, _ in place.tracker.calls()), "no call for nothing"
    place.tracker.happen(1)
    assert (await place.scan()).proposed == ["T-1"]


async def test_code_of_another_repository_is_not_ours(place: Place) -> None:
    place.mirror.files = ("src/main.rs",)
    place.tracker.happen(3)
    await place.scan()
    assert place.signal().reason == f"none of its files is in {SLUG}"


async def test_start_scopes_it_with_its_trace_and_is_on_record(place: Place) -> None:
    place.tracker.happen(3)
    await place.scan()
    version = place.rows(Task)[0].version
    assert place.do(commands.start, version=version).ok
    again = place.do(commands.start, version=version)
    assert not again.ok, "a second press does nothing"
    (task,), (asked,) = place.rows(Task), place.rows(Judgement)
    assert task.state is TaskState.SCOPING and asked.kind == "scope"
    assert asked.facts["request"] == "Fix ValueError in invoice_page: it broke" and asked.facts["repo_hint"] == SLUG
    assert place.signal().state is SignalState.STARTED
    by = [(one.actor, one.subject, one.after) for one in place.rows(Event) if one.actor == "U0ANA"]
    assert by == [("U0ANA", "task", "scoping"), ("U0ANA", "signal LEDGERLINE-1", "started")]
    place.tracker.happen(30)
    assert (await place.scan()).proposed == []


async def test_approving_a_proposal_by_its_verb_is_starting_it(place: Place) -> None:
    place.tracker.happen(3)
    await place.scan()
    assert place.do(commands.approve).ok
    assert place.rows(Task)[0].state is TaskState.SCOPING


async def test_snooze_comes_back_after_its_time_by_the_clock_and_not_before(place: Place) -> None:
    place.tracker.happen(3)
    await place.scan()
    version = place.rows(Task)[0].version
    assert place.do(commands.snooze, version=version).ok
    assert not place.do(commands.start, version=version).ok, "the button is from before"
    task = place.rows(Task)[0]
    assert task.state is TaskState.PROPOSED and task.not_before == place.signal().not_before
    place.clock.advance(7 * DAY_S - 300)
    place.tracker.happen(5)
    assert (await place.scan()).proposed == [] and place.signal().state is SignalState.SNOOZED
    place.clock.advance(300)
    await place.scan()
    assert place.signal().state is SignalState.PROPOSED and place.rows(Task)[0].not_before is None
    (note,) = place.said("note")
    assert "LEDGERLINE-1 was set aside" in note and "8 events" in note
    await place.scan()
    assert len(place.said("note")) == len(place.rows(Task)) == 1
    assert place.do(commands.start).ok


async def test_a_snoozed_proposal_can_be_started_before_its_time(place: Place) -> None:
    place.tracker.happen(3)
    await place.scan()
    place.do(commands.snooze)
    assert place.do(commands.start).ok
    assert place.signal().state is SignalState.STARTED and place.signal().not_before is None


@pytest.mark.parametrize("command", [commands.never, commands.reject, commands.stop])
async def test_never_is_never(place: Place, command: Callable[..., Reply]) -> None:
    place.tracker.happen(3)
    await place.scan()
    assert place.do(command).ok
    for _ in range(3):
        place.clock.advance(30 * DAY_S)
        place.tracker.happen(50)
        assert (await place.scan()).proposed == []
    assert place.signal().state is SignalState.MUTED and len(place.rows(Task)) == 1


async def test_a_proposal_goes_when_somebody_else_resolves_the_issue(place: Place) -> None:
    place.tracker.happen(3)
    await place.scan()
    place.resolve()
    await place.scan()
    assert place.rows(Task)[0].state is TaskState.DROPPED
    assert place.signal().state is SignalState.RESOLVED
    assert place.signal().reason == "Sentry says that LEDGERLINE-1 is resolved"


async def test_after_the_merge_the_trackers_word_is_passed_on_once(place: Place) -> None:
    place.tracker.happen(3)
    await place.scan()
    place.do(commands.start)
    place.merge(1)
    await place.scan()
    assert place.signal().state is SignalState.MERGED and place.said("note") == []
    place.resolve()
    await place.scan()
    await place.scan()
    assert place.said("note") == ["Sentry resolved LEDGERLINE-1. If it comes back after the deploy, I say so."]
    assert place.signal().state is SignalState.RESOLVED


async def test_a_tracker_that_resolves_nothing_is_named_once(place: Place) -> None:
    place.tracker.happen(3)
    await place.scan()
    place.do(commands.start)
    place.merge(1)
    await place.scan()
    place.clock.advance(3600)
    await place.scan()
    await place.scan()
    (note,) = place.said("note")
    assert "has not resolved LEDGERLINE-1" in note and "Connect the repository" in note


async def test_an_issue_that_comes_back_after_the_fix_is_proposed_again_and_twice_at_most(place: Place) -> None:
    place.tracker.happen(3, release="1.0")
    for round_, task_id in enumerate((1, 2), 1):
        assert (await place.scan()).proposed == [f"T-{task_id}"]
        place.do(commands.start, task_id)
        place.merge(task_id)
        await place.scan()
        place.tracker.happen(2, release=f"{round_}.0")
        assert (await place.scan()).proposed == [], "the fix is not deployed yet"
        place.resolve()
        await place.scan()
        place.tracker.happen(1, release=f"{round_ + 1}.0")
    assert (await place.scan()).proposed == []
    assert place.signal().reason == "2 fixes of it did not hold: a person has to look"
    second = place.rows(Task)[1]
    assert (second.priority, second.priority_reason) == ("p1", "it came back after T-1")


@pytest.mark.parametrize(("contains", "proposed"), [(False, []), (True, ["T-2"])])
async def test_what_fails_without_the_fix_in_it_waits_for_the_deploy(
    place: Place, contains: bool, proposed: list[str]
) -> None:
    place.tracker.happen(3, release="a" * 40)
    await place.scan()
    place.do(commands.start)
    place.merge(1)
    place.resolve()
    await place.scan()
    place.mirror.contains = contains
    place.tracker.happen(1, release="b" * 40)
    assert (await place.scan()).proposed == proposed
