"""Evidence belongs to one head commit, and done is only what was fetched: attacks on the judgement of pull requests."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import Session, SQLModel, select

from scheduler import commands
from scheduler.background import NotYetError
from scheduler.lifecycle import PullState, TaskState
from scheduler.policy import ReviewPolicy
from scheduler.registry import Evidence, Judgement, Outbox, Registry, Review
from tests.conftest import Clock
from tests.unit.supervised import Stand, Truth, sha


@pytest.fixture
def stand(registry: Registry, clock: Clock) -> Stand:
    return Stand(registry, clock)


async def verify(stand: Stand, rounds: int = 5) -> None:
    """Everything that a few calm ticks do."""
    for _ in range(rounds):
        await stand.look()
        await stand.detail()
        await stand.diff()
        await stand.judge()
        stand.council()
        stand.clock.advance(20)


Steps = Sequence[tuple[str, int | None]]
ROUND = ("look", "detail", "diff", "judge", "report", "council", "wait")
#: Three rounds of a tick; each observation is made or left out, and the branch may move while it is being made.
STEPS = st.tuples(
    *(
        st.tuples(st.sampled_from([what, what, what, "nothing"]), st.sampled_from([None, None, None, 1, 2]))
        for what in (*ROUND, *ROUND, "pause", *ROUND, "resume", *ROUND)
    )
)


#: where there is one, a disk whose fsync costs nothing
FAST_DISK = next((path for path in ("/dev/shm",) if Path(path).is_dir()), None)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(steps=STEPS, good=st.sampled_from([{1}, {2}]))
def test_nothing_of_an_old_head_counts_wherever_it_moves(
    steps: Sequence[tuple[str, int | None]], good: set[int]
) -> None:
    """# invariant 4: ready is only ever said of a commit that is green and approved itself."""
    with tempfile.TemporaryDirectory(dir=FAST_DISK) as home:
        registry = Registry(f"sqlite:///{Path(home) / 'registry.db'}")
        SQLModel.metadata.create_all(registry.engine)
        try:
            asyncio.run(_walk(Stand(registry, Clock()), steps, good))
        finally:
            registry.close()


async def _walk(stand: Stand, steps: Steps, good: set[int]) -> None:
    for n in (1, 2):
        stand.github.truths[sha(n)] = Truth() if n in good else Truth(checks="fail", verdict="request_changes")
    stand.task_in(TaskState.VERIFYING)
    for what, moves_to in steps:
        await _observe(stand, what, moves_to)
        if what in {"judge", "council", "resume"}:  # nothing else concludes anything
            _nothing_old_counts(stand, good)
    stand.github.before_answer = stand.repositories.before_answer = lambda: None


async def _observe(stand: Stand, what: str, moves_to: int | None) -> None:
    def move() -> None:
        if moves_to is not None:
            stand.github.head = sha(moves_to)

    stand.github.before_answer = stand.repositories.before_answer = move
    match what:
        case "nothing":
            return
        case "council":
            stand.council()
        case "wait":
            stand.clock.advance(20)
        case "pause" | "resume":
            _pause(stand, what)
        case _:
            await getattr(stand, what)()
    move()


def _pause(stand: Stand, what: str) -> None:
    command = commands.pause if what == "pause" else commands.resume
    stand.change(lambda s: command(s, stand.clock(), stand.policy, commands.Actor("U0ANA"), 1))


def _nothing_old_counts(stand: Stand, good: set[int]) -> None:
    task, pull, really = stand.task(), stand.pull, {sha(n) for n in good}
    if task.state is TaskState.READY:
        assert pull.ready_head in really, "ready was said of a commit that is not good"
    for row in stand.said("pr_ready"):
        assert row.head in really
    for line in stand.rows(Evidence, state="ok"):
        if line.check in {"ci", "ai_review"}:
            assert line.head in really, f"{line.check} is ok for a commit for which it is not"
    for head, context, state, _ in stand.github.spoken:
        if state == "success" and context in {"waggle/done", "waggle/ai-review"}:
            assert head in really, f"{context} was set on a commit for which it does not hold"
    for review in stand.rows(Review, verdict="approve"):
        assert review.head in really
    heads = [row.head for row in stand.said("pr_ready") if ":v" not in row.dedupe_key]
    assert len(heads) == len(set(heads)), "one message for each head commit"


async def test_a_head_that_moved_during_a_pause_withdraws_ready(stand: Stand) -> None:
    """# invariant 4: also when everything is known of the new head before anybody judges it."""
    stand.policy = replace(stand.policy, reviews=ReviewPolicy(families=0, small_lane_reviews=0))
    stand.task_in(TaskState.VERIFYING)
    await verify(stand)
    assert stand.task().state is TaskState.READY
    _pause(stand, "pause")
    stand.github.head = sha(2)
    await stand.look()
    await stand.detail()
    await stand.diff()
    _pause(stand, "resume")
    await stand.judge()
    assert stand.task().state is TaskState.VERIFYING
    assert [row.head for row in stand.said("ready_withdrawn")] == [sha(1)]
    await verify(stand)
    assert [row.head for row in stand.said("pr_ready")] == [sha(1), sha(2)]


async def test_a_commit_that_is_ready_again_is_said_to_be(stand: Stand) -> None:
    """# invariant 4: what was withdrawn and holds again is not left withdrawn."""
    stand.task_in(TaskState.VERIFYING)
    await verify(stand)
    stand.github.truths[sha(1)].checks = "wait"
    await verify(stand, 1)
    assert stand.task().state is TaskState.VERIFYING
    stand.github.truths[sha(1)].checks = "ok"
    await verify(stand)
    assert stand.task().state is TaskState.READY
    assert [row.head for row in stand.said("pr_ready")] == [sha(1), sha(1)]
    assert len(stand.said("ready_withdrawn")) == 1


@pytest.mark.proves("29")
async def test_a_look_that_was_never_finished_is_owed(stand: Stand) -> None:
    """# invariant 3: a close look that fails, or that a crash cuts off, is made again."""
    stand.task_in(TaskState.VERIFYING)
    await verify(stand)
    assert stand.task().state is TaskState.READY
    stand.github.truths[sha(1)].checks = "fail"
    await stand.look()
    stand.github.down = True
    with pytest.raises(NotYetError):
        await stand.detail()
    stand.github.down = False
    stand.reopen()
    await stand.look()
    assert stand.wanted, "the close look is owed"
    await stand.detail()
    assert "ci" in await stand.judge()


@pytest.mark.parametrize(
    "state", sorted(set(TaskState) - {TaskState.PROPOSED, TaskState.SCOPING, TaskState.PLANNED, TaskState.MERGED})
)
async def test_a_merge_is_noticed_whatever_the_task_does(stand: Stand, state: TaskState) -> None:
    """# invariant 3"""
    stand.task_in(state, paused_from=TaskState.VERIFYING if state is TaskState.PAUSED else None)
    stand.github.state = "merged"
    await stand.look()
    await stand.detail()
    assert stand.task().state is TaskState.MERGED
    assert stand.pull.state is PullState.MERGED
    assert len(stand.said("merged")) == 1
    await stand.look()
    assert not stand.wanted, "it is watched no longer"


async def test_an_outage_leaves_what_was_known(stand: Stand) -> None:
    """# invariant 5: a failed look is neither good nor bad news."""
    stand.task_in(TaskState.VERIFYING)
    await verify(stand)
    before = [(row.check, row.state) for row in stand.rows(Evidence)]
    stand.github.down = True
    for _ in range(3):
        await stand.look()
        await stand.judge()
        stand.clock.advance(60)
    assert [(row.check, row.state) for row in stand.rows(Evidence)] == before
    assert stand.task().state is TaskState.READY


async def test_a_council_without_an_answer_is_said_and_not_waited_for_for_ever(stand: Stand) -> None:
    """# invariant 5: no answer is no approval, and somebody hears of it."""
    stand.task_in(TaskState.VERIFYING)
    await stand.look()
    await stand.detail()
    await stand.diff()
    stand.clock.advance(20)
    await stand.judge()

    def nothing(session: Session) -> None:
        row = session.exec(select(Judgement)).one()
        row.state, row.answer = "used", {"reviews": []}

    stand.change(nothing)
    await stand.judge()
    (line,) = stand.rows(Evidence, check="ai_review")
    assert (line.state, line.detail) == ("human", "no reviewer could answer; look closely")


async def test_a_judgement_made_for_the_head_before_changes_nothing(stand: Stand) -> None:
    """# invariant 4: the head moves between the look at rows and the write of what was concluded from them."""
    stand.task_in(TaskState.VERIFYING)
    for _ in range(2):
        await stand.look()
        await stand.detail()
        await stand.diff()
        await stand.judge()
        stand.council()
        stand.clock.advance(20)
    (standing,) = await stand.prover.standings()
    stand.github.head = sha(2)
    await stand.look()
    for _ in range(2):
        await stand.prover.judge(standing)
        stand.clock.advance(20)
    assert stand.task().state is TaskState.ASKING, "somebody else pushed the head that came between"
    assert stand.rows(Outbox, kind="pr_ready") == []
