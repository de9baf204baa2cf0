"""What is down, broken or gone stops only what needs it, is said once, and never keeps the supervisor busy."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import Session, select

from integrations.agents import Outcome, OutcomeKind
from integrations.engines import RunState
from integrations.git import History, NotAWorkspace
from scheduler import commands
from scheduler.background import Jobs, NotYetError, in_own_thread
from scheduler.cleanup import to_clean
from scheduler.leaks import leaks
from scheduler.lifecycle import AttemptState, TaskState
from scheduler.monitor import Monitor
from scheduler.policy import RepositoryPolicy
from scheduler.registry import Attempt, Evidence, PullRequest, Registry, Task
from scheduler.watching import Watcher
from tests.conftest import Clock
from tests.unit.supervised import SLUG, Stand

ANA = commands.Actor("U0ANA", "ana")


@pytest.fixture
def stand(registry: Registry, clock: Clock) -> Stand:
    return Stand(registry, clock)


def running(stand: Stand) -> None:
    task = stand.task_in(TaskState.RUNNING, pull=False)

    def work(session: Session) -> None:
        attempt = session.exec(select(Attempt).where(Attempt.task_id == task.id)).one()
        attempt.state, attempt.outcome, attempt.started_at = AttemptState.RUNNING, "", stand.clock()

    stand.change(work)


async def ticks(stand: Stand, count: int) -> Monitor:
    monitor = Monitor(stand.outside, lambda: None)
    for _ in range(count):
        await monitor.tick(fetch=False)
        await monitor.jobs.settle(5.0)
    return monitor


# --- jobs -----------------------------------------------------------------------------------------------------------


async def _spin(work: Callable[[], Awaitable[None]], seconds: float) -> tuple[int, list[str]]:
    """Start a job again whenever it ended, as the ticks do that it wakes; how often it ran, and what people heard."""
    woken, heard, runs = asyncio.Event(), [], 0

    async def counted() -> None:
        nonlocal runs
        runs += 1
        await work()

    async def broken(key: str, problem: Exception) -> None:
        heard.append(f"{key}: {problem}")

    jobs = Jobs(woken.set, broken)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        woken.clear()
        jobs.start("a job", counted)
        try:
            await asyncio.wait_for(woken.wait(), 0.1)
        except TimeoutError:
            continue
    await jobs.settle(1.0)
    return runs, heard


async def test_a_job_that_succeeds_in_vain_does_not_spin() -> None:
    """# invariant 13: it ends well, changes nothing, and is wanted again at once."""

    async def nothing() -> None: ...

    runs, heard = await _spin(nothing, 1.5)
    assert 2 <= runs <= 8 and heard == []


async def test_a_job_with_a_rhythm_of_its_own_is_never_put_off_for_having_succeeded() -> None:
    async def nothing() -> None: ...

    async def nobody(key: str, problem: Exception) -> None: ...

    jobs = Jobs(lambda: None, nobody)
    for _ in range(10):
        assert jobs.start("sweep", nothing, paced=True)
        await jobs.settle(30.0)


async def test_a_job_that_waits_for_something_tries_again_later() -> None:
    """# invariant 13"""

    async def not_yet() -> None:
        raise NotYetError("GitHub is down")

    runs, heard = await _spin(not_yet, 1.5)
    assert runs <= 3 and heard == []


async def test_a_job_that_breaks_over_and_over_is_told_to_people_once() -> None:
    """# invariant 13: nothing is swallowed."""
    heard: list[str] = []

    async def broken(key: str, problem: Exception) -> None:
        heard.append(f"{key}: {problem}")

    async def work() -> None:
        raise ValueError("no such thing")

    jobs = Jobs(lambda: None, broken)
    for _ in range(6):
        jobs._not_before.clear()
        assert jobs.start("publish t-1-a1", work)
        await jobs.settle(1.0)
    assert heard == ["publish t-1-a1: no such thing"]


async def test_work_of_one_task_is_done_one_after_the_other() -> None:
    """# invariant 7: nobody cleans, verifies or installs in a workspace in which somebody else works."""
    release = asyncio.Event()

    async def nobody(key: str, problem: Exception) -> None: ...

    jobs = Jobs(lambda: None, nobody)

    async def wait() -> None:
        await release.wait()

    assert jobs.start("clean T-1", wait, "t-1")
    assert not jobs.start("start t-1-a2", wait, "t-1")
    assert jobs.start("start t-2-a1", wait, "t-2")
    release.set()
    await jobs.settle(1.0)
    assert jobs.start("start t-1-a2", wait, "t-1")
    await jobs.settle(1.0)


async def test_long_commands_leave_the_threads_of_a_stop_alone() -> None:
    """# invariant 13: forty verify commands at once, and a stop still gets its thread."""
    release = threading.Event()
    long = [asyncio.create_task(in_own_thread(lambda: release.wait(30.0))) for _ in range(40)]
    await asyncio.sleep(0)
    await asyncio.wait_for(asyncio.to_thread(lambda: None), 10.0)
    assert not any(one.done() for one in long)
    release.set()
    assert all(await asyncio.gather(*long))


# --- agents ---------------------------------------------------------------------------------------------------------


async def test_an_agent_that_was_taken_out_of_the_settings_ends(stand: Stand) -> None:
    """# invariant 13: before, its end was looked for in a loop that never rested."""
    running(stand)
    stand.engine.run_of("t-1-a1")
    stand.engine.end("t-1-a1")
    stand.agents.clear()
    monitor = await ticks(stand, 3)
    assert stand.task().state is TaskState.NEEDS_HELP
    assert "not configured any more" in stand.task().help_cause
    assert monitor.jobs.running == 0


async def test_a_workspace_that_the_agent_destroyed_goes_to_a_person(stand: Stand) -> None:
    """# invariant 13"""
    running(stand)
    stand.engine.run_of("t-1-a1")
    stand.engine.end("t-1-a1")

    def gone(path: Path) -> str:
        raise NotAWorkspace(f"{path} is no workspace", user_message=f"{path} is no workspace.")

    stand.repositories.head = gone  # type: ignore[method-assign]  # the agent removed it
    await ticks(stand, 3)
    assert (stand.task().state, stand.task().help_class) == (TaskState.NEEDS_HELP, "workspace")


async def test_an_attempt_that_was_published_during_a_pause_is_verified_after_it(stand: Stand) -> None:
    """# invariant 2: it is not published again, and not waited for for ever."""
    stand.task_in(TaskState.RUNNING)
    monitor = await ticks(stand, 2)
    assert stand.task().state is TaskState.VERIFYING
    assert not monitor.jobs.failures


async def test_a_question_asked_in_the_moment_of_a_pause_is_not_published_as_a_change(stand: Stand) -> None:
    """# invariant 5: the agent's end and the pause cross; the session goes on and asks again."""
    running(stand)
    stand.engine.run_of("t-1-a1")
    stand.engine.end("t-1-a1")
    stand.agents["agent"].result = Outcome(OutcomeKind.DONE, final_text="Which one?")
    monitor = Monitor(stand.outside, lambda: None)
    finisher = monitor._finisher
    stand.change(lambda s: commands.pause(s, stand.clock(), stand.policy, ANA, 1))
    await finisher.finish(1)
    stand.change(lambda s: commands.resume(s, stand.clock(), stand.policy, ANA, 1))
    assert stand.rows(Attempt)[0].state is AttemptState.RUNNING
    assert stand.task().state is TaskState.RUNNING


@pytest.mark.proves("5", "3")
async def test_agents_that_vanish_together_are_doubted_and_then_believed(stand: Stand) -> None:
    """# invariant 13: a broken look ends no work; a reboot does not leave five tasks running for ever."""
    for n in range(1, 7):
        running(stand)
        stand.engine.run_of(f"t-{n}-a1")
        stand.engine.end(f"t-{n}-a1", RunState.LOST)
    attempts = stand.rows(Attempt)
    for _ in range(4):
        assert await Watcher(stand.outside).look(attempts) == []
        stand.clock.advance(20)
    assert len(stand.said("alert")) == 1
    stand.clock.advance(120)
    watcher = Watcher(stand.outside)
    await watcher.look(attempts)
    stand.clock.advance(2)
    assert len(await watcher.look(attempts)) == 6
    assert len(stand.said("alert")) == 1, "once for each time that it happens"


@pytest.mark.proves("4")
async def test_a_look_that_fails_concludes_nothing(stand: Stand) -> None:
    """# invariant 5"""
    running(stand)
    stand.engine.run_of("t-1-a1")
    stand.engine.failing = True
    for _ in range(5):
        assert await Watcher(stand.outside).look(stand.rows(Attempt)) == []
    assert stand.rows(Attempt)[0].misses == 0


@pytest.mark.proves("29")
async def test_one_broken_pull_request_does_not_stop_the_stop_of_another_task(stand: Stand) -> None:
    """# invariant 13"""
    stand.task_in(TaskState.VERIFYING)
    running(stand)
    stand.engine.run_of("t-2-a1")

    def broken(session: Session) -> None:
        pull = session.exec(select(PullRequest)).one()
        pull.facts = {"diff": {"head": pull.head_sha}}

    stand.change(broken)
    stand.change(lambda s: commands.stop(s, stand.clock(), stand.policy, ANA, 2))
    await ticks(stand, 3)
    assert stand.engine.stopped == ["t-2-a1"]
    assert len(stand.said("alert")) == 1


# --- evidence, secrets, cleaning --------------------------------------------------------------------------------------


async def test_nothing_that_could_verify_is_not_a_pass(stand: Stand) -> None:
    """# invariant 5: unknown is never read as ok."""
    stand.policy = replace(stand.policy, repositories=(RepositoryPolicy(SLUG, playground=True, has_ci=False),))
    stand.task_in(TaskState.VERIFYING)
    await stand.look()
    await stand.detail()
    await stand.diff()
    assert "verify" in await stand.judge()
    await stand.gatherer.run_verify(1)
    await stand.judge()
    (line,) = stand.rows(Evidence, check="ci")
    assert line.state == "human"
    assert stand.task().state is TaskState.NEEDS_HELP


SECRET = "ghp_0123456789abcdef0123456789abcdef"
ADDED = f"diff --git a/x b/x\n+++ b/x\n@@ -0,0 +1 @@\n+token = {SECRET}\n"
REMOVED = f"diff --git a/x b/x\n+++ b/x\n@@ -1 +0,0 @@\n-token = {SECRET}\n"


@pytest.mark.parametrize(
    ("history", "found"),
    [
        (History("", "ana <ana@example.com>\nAdd the export\n"), ()),
        (History(ADDED, ""), ("GitHub token in x",)),
        (History(REMOVED + ADDED, ""), ("GitHub token in x",)),
        (History(REMOVED, ""), ()),
        (History(ADDED.replace(SECRET, "a-secret-of-this-process"), ""), ("one of Waggle's own secrets in x",)),
        (History("", f"Use {SECRET}\n"), ("something like a secret in a commit message",)),
        (History("", "", cut=True), ("more than 20 MB of changes, which is too much to search",)),
    ],
    ids=["clean", "added", "added and removed", "only removed", "our own", "in a message", "too large"],
)
def test_a_secret_anywhere_in_what_a_push_publishes_is_found(
    stand: Stand, history: History, found: tuple[str, ...]
) -> None:
    """# invariant 8"""
    stand.repositories.published = history
    assert leaks(stand.outside, SLUG, "a" * 40, "b" * 40) == found


def test_a_file_that_was_only_lent_to_the_workspace_is_not_published(stand: Stand) -> None:
    """# invariant 8"""
    lent = replace(stand.policy.repositories[0], include=(".env", "config/x.yml"), include_from="/kept")
    stand.policy = replace(stand.policy, repositories=(lent,))
    for patch, found in (
        ("diff --git a/.env b/.env\nnew file mode 100644\n@@ -0,0 +1 @@\n+A=1\n", [".env"]),
        ("diff --git a/sub/.env b/sub/.env\n+A=1\ndiff --git a/config/x.yml b/config/x.yml\n+A=1\n", ["config/x.yml"]),
        ("diff --git a/README.md b/README.md\n+diff --git a/.env b/.env\n", []),
    ):
        stand.repositories.published = History(patch, "")
        named = [one.split(",")[0] for one in leaks(stand.outside, lent.slug, "a" * 40, "b" * 40)]
        assert named == found


@pytest.mark.parametrize("state", list(TaskState))
def test_only_what_is_over_is_cleaned(stand: Stand, state: TaskState) -> None:
    """# invariant 7: and never under a live attempt."""
    stand.task_in(state)
    cleaned = stand.registry.read_now(to_clean)
    assert bool(cleaned) == (state in {TaskState.MERGED, TaskState.DROPPED})

    def alive(session: Session) -> None:
        session.exec(select(Attempt)).one().state = AttemptState.RUNNING

    stand.change(alive)
    assert stand.registry.read_now(to_clean) == []


@pytest.mark.proves("26")
async def test_a_stop_is_recorded_once_and_a_second_one_changes_nothing(stand: Stand) -> None:
    """# invariant 13"""
    running(stand)
    stand.engine.run_of("t-1-a1")
    for _ in range(3):
        stand.change(lambda s: commands.stop(s, stand.clock(), stand.policy, ANA, 1))
        await ticks(stand, 1)
    assert stand.engine.stopped == ["t-1-a1"]
    assert (stand.rows(Attempt)[0].state, stand.rows(Task)[0].state) == (AttemptState.STOPPED, TaskState.STOPPED)
