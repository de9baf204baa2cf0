"""Whether an agent lives: what is concluded from what is seen, numbered as in docs/lifecycle.md."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from sqlmodel import Session, select

from integrations.agents import Outcome, OutcomeKind, ToolCall, ToolResult
from integrations.engines import RunState
from scheduler import commands
from scheduler.admission import Admission
from scheduler.lifecycle import AttemptState, TaskState
from scheduler.monitor import Monitor
from scheduler.registry import Attempt, Event, Judgement, Registry, Task
from scheduler.signs import Worktree, sentences
from scheduler.watching import Watcher
from tests.conftest import Clock
from tests.unit.supervised import Stand

ANA = commands.Actor("U0ANA", "ana")


@pytest.fixture
def stand(registry: Registry, clock: Clock) -> Stand:
    made = Stand(registry, clock)
    made.agents["agent"].result = Outcome(OutcomeKind.CRASHED)
    return made


def attempting(stand: Stand, state: AttemptState = AttemptState.RUNNING, **values: object) -> Attempt:
    """A running task whose one attempt is in this state."""
    task = stand.task_in(TaskState.RUNNING, pull=False)

    def work(session: Session) -> Attempt:
        attempt = session.exec(select(Attempt).where(Attempt.task_id == task.id)).one()
        attempt.state, attempt.outcome, attempt.started_at = state, "", stand.clock()
        for name, value in values.items():
            setattr(attempt, name, value)
        session.add(attempt)
        return attempt

    return stand.change(work)  # type: ignore[no-any-return]  # what the work returns


def attempt_of(stand: Stand) -> Attempt:
    return stand.rows(Attempt)[0]  # type: ignore[no-any-return]  # rows are typed by their table


async def ticks(stand: Stand, count: int, seconds: float = 30.0) -> None:
    monitor = Monitor(stand.outside, lambda: None)
    for _ in range(count):
        await monitor.tick(fetch=False)
        await monitor.jobs.settle(5.0)
        stand.clock.advance(seconds)


@pytest.mark.parametrize("state", [AttemptState.INTENDED, AttemptState.PREPARING, AttemptState.STARTING])
@pytest.mark.parametrize("seen", [RunState.ABSENT, RunState.LOST, RunState.ENDED])
async def test_scenario_01_an_attempt_that_starts_is_never_declared_dead(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, state: AttemptState, seen: RunState
) -> None:
    """Whatever the engine and the agent say; the start is tried again until its own deadline."""
    attempt = attempting(stand, state)
    stand.engine.run_of(attempt.name)
    stand.engine.end(attempt.name, seen)
    started: list[int] = []

    async def start(self: object, attempt_id: int) -> None:
        started.append(attempt_id)

    monkeypatch.setattr("scheduler.attempts.Starter.start", start)
    await ticks(stand, 4)
    assert (attempt_of(stand).state, stand.task().state) == (state, TaskState.RUNNING)
    assert started, "and is taken up again"
    assert stand.engine.stopped == [] and stand.rows(Judgement) == []


@pytest.mark.proves("D")
async def test_scenario_02_one_look_that_finds_nothing_is_doubted_and_a_death_happens_once(stand: Stand) -> None:
    attempt = attempting(stand)
    stand.engine.run_of(attempt.name, "a line")
    alive = stand.engine.views[attempt.name]
    await ticks(stand, 2)
    stand.engine.end(attempt.name, RunState.LOST)
    await ticks(stand, 1)
    assert (attempt_of(stand).misses, attempt_of(stand).state) == (1, AttemptState.RUNNING)
    stand.engine.views[attempt.name] = alive
    await ticks(stand, 2)
    assert (attempt_of(stand).misses, attempt_of(stand).state) == (0, AttemptState.RUNNING)
    stand.engine.end(attempt.name, RunState.LOST)
    await ticks(stand, 6)
    assert attempt_of(stand).state is AttemptState.LOST
    assert stand.engine.stopped == [attempt.name], "strays of it are looked for once"
    assert len([row for row in stand.rows(Judgement) if row.subject.startswith("prompt:")]) == 1
    assert not stand.said("needs_help") and not stand.said("alert")


async def test_scenario_03_doubt_is_bounded_by_count_and_time_and_ended_by_new_evidence(stand: Stand) -> None:
    """Looks in the same moment are one look; a restart in between does not begin anew; a living line does."""
    attempt = attempting(stand)
    stand.engine.run_of(attempt.name)
    stand.engine.end(attempt.name, RunState.LOST)
    watcher = Watcher(stand.outside)
    for _ in range(10):
        assert await watcher.look([attempt_of(stand)]) == []
    assert attempt_of(stand).misses == 1
    stand.engine.run_of(attempt.name, "it lives")
    stand.clock.advance(5)
    assert await watcher.look([attempt_of(stand)]) == []
    assert attempt_of(stand).misses == 0
    stand.engine.end(attempt.name, RunState.LOST)
    assert await watcher.look([attempt_of(stand)]) == []
    stand.clock.advance(5)
    stand.reopen()
    assert len(await Watcher(stand.outside).look([attempt_of(stand)])) == 1


@pytest.mark.parametrize(
    "state",
    [
        TaskState.ASKING,
        TaskState.NEEDS_HELP,
        TaskState.STOPPED,
        TaskState.PAUSED,
        TaskState.TAKEN_OVER,
        TaskState.DROPPED,
    ],
)
async def test_scenario_07_a_stray_process_revives_nothing_and_no_poll_ends_a_need(
    stand: Stand, state: TaskState
) -> None:
    """A run of that name is alive and talks. The task stays as it is, however often it is looked at."""
    task = stand.task_in(state, pull=False)
    stand.engine.run_of(f"t-{task.id}-a1", "working hard")
    await ticks(stand, 5)
    assert stand.task().state is state
    assert attempt_of(stand).state is AttemptState.ENDED


async def test_scenario_07_what_a_person_says_ends_the_need(stand: Stand) -> None:
    stand.task_in(TaskState.NEEDS_HELP, pull=False)
    assert stand.change(lambda s: commands.retry(s, stand.clock(), stand.policy, ANA, 1)).ok
    assert stand.task().state in {TaskState.QUEUED, TaskState.DIAGNOSING}


@pytest.mark.proves("M")
async def test_scenario_08_only_the_time_of_the_last_output_means_idle(stand: Stand) -> None:
    """An agent that says that it is stuck is not; one that has said nothing for too long is, once."""
    attempt = attempting(stand)
    stand.engine.run_of(attempt.name, "I am stuck and idle, waiting for input")

    def output(seconds_ago: float | None) -> None:
        at = None if seconds_ago is None else stand.clock().timestamp() - seconds_ago
        stand.engine.views[attempt.name] = replace(stand.engine.views[attempt.name], last_output_at=at)

    idle_s = stand.policy.times.idle_s
    stand.clock.advance(2 * idle_s)  # what was said before it started would not count
    for seconds_ago in (0.0, None, idle_s - 40):
        output(seconds_ago)
        await ticks(stand, 1)
        assert attempt_of(stand).stop_reason == ""
    output(idle_s + 1)
    await ticks(stand, 4)
    assert attempt_of(stand).outcome == "idle"
    assert stand.engine.stopped == [attempt.name]
    (judgement,) = stand.rows(Judgement)
    assert judgement.facts["cause"] == "idle" and stand.task().retries_failure == 1


def with_tree(stand: Stand, name: str, *, cpu_s: float, silent_s: float) -> None:
    """The run's processes have used so much CPU by now, and it has been silent for so long."""
    now = stand.clock().timestamp()
    known = stand.engine.views[name]
    stand.engine.views[name] = replace(
        known, cpu_s=cpu_s, usage_at=now, processes=3, rss_bytes=2**27, last_output_at=now - silent_s
    )


@pytest.mark.proves("8")
async def test_a_slow_tool_that_works_is_not_idle_and_one_that_hangs_is(stand: Stand) -> None:
    attempt = attempting(stand)
    stand.agents["agent"].meaning = {"calls": [ToolCall("Bash", "make test")]}
    stand.engine.run_of(attempt.name, "calls")
    watcher, idle_s = Watcher(stand.outside), stand.policy.times.idle_s
    for n in range(4):  # the tool is busy: silent for an hour, and nothing is concluded
        stand.clock.advance(idle_s * 0.9)
        with_tree(stand, attempt.name, cpu_s=n * idle_s, silent_s=(n + 1) * idle_s * 0.9)
        assert await watcher.look([attempt_of(stand)]) == []
        assert attempt_of(stand).stop_reason == ""
    course = attempt_of(stand).signs["course"]
    assert (course["state"], course["detail"]) == ("tool", "Bash make test")
    stand.clock.advance(idle_s + 1)
    with_tree(stand, attempt.name, cpu_s=3 * idle_s, silent_s=1.5 * idle_s)  # it has not moved since
    await watcher.look([attempt_of(stand)])
    assert attempt_of(stand).stop_reason == "idle"


@pytest.mark.proves("8")
async def test_the_same_call_over_and_over_is_no_progress(stand: Stand) -> None:
    """Only when nothing changed in git either, and for long enough."""
    attempt = attempting(stand)
    stand.agents["agent"].meaning = {"again": [ToolCall("Bash", "pytest -q"), ToolResult(ok=False)]}
    stand.engine.run_of(attempt.name, *["again"] * 7)
    began = stand.clock()
    changed = began
    watcher = Watcher(stand.outside, lambda name: Worktree(changed, stand.clock()))
    for ahead, reason in ((0.0, ""), (stand.policy.times.idle_s - 1, ""), (2.0, "idle")):
        stand.clock.advance(ahead)
        changed = began if reason else stand.clock()
        with_tree(stand, attempt.name, cpu_s=1.0, silent_s=0.0)
        await watcher.look([attempt_of(stand)])
        assert attempt_of(stand).stop_reason == reason
    (why,) = [event.why for event in stand.rows(Event) if event.what == "no_progress"]
    assert why == "the same call 7 times in a row: Bash pytest -q"


@pytest.mark.proves("4")
async def test_a_look_that_fails_makes_facts_unknown_and_keeps_their_age(stand: Stand) -> None:
    attempt = attempting(stand)
    stand.engine.run_of(attempt.name, "said")
    with_tree(stand, attempt.name, cpu_s=1.0, silent_s=5.0)
    watcher, seen_at = Watcher(stand.outside), stand.clock()
    await watcher.look([attempt_of(stand)])
    assert attempt_of(stand).signs["process"]["state"] == "alive"
    stand.engine.failing = True
    stand.clock.advance(120)
    assert await watcher.look([attempt_of(stand)]) == []
    signs = attempt_of(stand).signs
    assert [signs[fact]["state"] for fact in ("process", "events", "activity")] == ["unknown"] * 3
    assert datetime.fromisoformat(signs["process"]["at"]) == seen_at
    stand.engine.failing = False
    stand.engine.views[attempt.name] = replace(stand.engine.views[attempt.name], state=RunState.LOST)
    assert await watcher.look([attempt_of(stand)]) == []
    shown = sentences(attempt_of(stand).signs, lambda at: f"at {at:%H:%M:%S}")
    assert shown[0] == f"process not found (look 1 of 2) at {seen_at:%H:%M:%S}"


async def test_probe_l_silence_of_an_ended_agent_is_not_idleness(stand: Stand) -> None:
    """Its pull request is open and nobody works: for hours nothing is concluded and nobody is called."""
    stand.task_in(TaskState.VERIFYING)
    await ticks(stand, 5, seconds=3600)
    assert stand.task().state is TaskState.VERIFYING
    assert not stand.said("needs_help") and stand.engine.stopped == []


async def test_scenario_10_two_who_start_the_same_task_at_once_are_one(stand: Stand) -> None:
    """Two supervisors in one moment, and a task that is still being stopped: one attempt each."""
    stand.task_in(TaskState.QUEUED, pull=False, next_prompt="do it")
    admissions = [Admission(stand.outside) for _ in range(3)]
    names = [await one.admit() for one in admissions]
    assert [name for some in names for name in some] == ["t-1-a2"]
    assert len(stand.rows(Attempt)) == 2

    def still_stopping(session: Session) -> None:
        task = session.get(Task, 1)
        assert task is not None
        task.state, task.next_prompt = TaskState.QUEUED, "again"

    stand.change(still_stopping)
    assert await admissions[0].admit() == []
