"""A person pushes to a task's branch: the agent stands back, people say who goes on, nothing is pushed over it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlmodel import Session

from scheduler import commands
from scheduler.commands import Actor, Reply
from scheduler.judging import Kind
from scheduler.lifecycle import Cause, QuestionState, TaskState
from scheduler.pushed_by_people import AGENT, PERSON
from scheduler.registry import Attempt, Judgement, PullRequest, Question, Registry, Task
from scheduler.registry.writers import move_task
from tests.conftest import Clock
from tests.unit.supervised import Stand, Truth, sha

ANA = Actor("U0ANA", "Ana")
MINE, THEIRS = 2, 7  #: heads that the task's attempt made, and that a person pushed


@pytest.fixture
def stand(registry: Registry, clock: Clock) -> Stand:
    return Stand(registry, clock)


async def tick(stand: Stand) -> None:
    await stand.look()
    if stand.wanted:
        await stand.detail()
    await stand.diff()
    if "ci" in await stand.judge():
        await stand.explain()
    stand.council()
    stand.clock.advance(20)


def do(stand: Stand, command: object, *args: object, **more: object) -> Reply:
    reply: Reply = stand.change(lambda s: command(s, stand.clock(), stand.policy, ANA, 1, *args, **more))  # type: ignore[operator]  # a command
    return reply


@pytest.mark.parametrize("state", [TaskState.VERIFYING, TaskState.QUEUED, TaskState.DIAGNOSING, TaskState.RUNNING])
async def test_the_agent_stands_back_and_it_is_asked_once(stand: Stand, state: TaskState) -> None:
    stand.task_in(state)
    stand.github.head = sha(THEIRS)
    stand.github.truths[sha(THEIRS)] = Truth(checks="fail")
    for n in range(4):
        await tick(stand)
        if n == 1:
            stand.reopen()
    (question,) = stand.rows(Question)
    assert (question.about, question.options) == ("push", [AGENT, PERSON]) and sha(THEIRS)[:8] in question.text
    assert stand.task().state is TaskState.ASKING and len(stand.said("question")) == 1
    assert stand.rows(Judgement, kind=Kind.DIAGNOSE) == [], "no retry is started on top of a person's commit"
    assert stand.task().retries_failure == 0


@pytest.mark.parametrize(
    "state", [TaskState.NEEDS_HELP, TaskState.TAKEN_OVER, TaskState.STOPPED, TaskState.PAUSED, TaskState.ASKING]
)
async def test_where_the_push_is_the_answer_nothing_is_asked(stand: Stand, state: TaskState) -> None:
    stand.task_in(state, help_from="verifying", help_class="ci")
    stand.github.head = sha(THEIRS)
    await stand.look()
    assert stand.rows(Question) == [] and stand.task().state is state


async def test_what_an_attempt_of_ours_made_is_no_persons_push(stand: Stand) -> None:
    """The look may come between the push and the row that says so."""
    stand.task_in(TaskState.VERIFYING)

    def made(session: Session) -> None:
        attempt = session.get(Attempt, 1)
        assert attempt is not None
        attempt.head_sha = sha(MINE)
        session.add(attempt)

    stand.change(made)
    stand.github.head = sha(MINE)
    await stand.look()
    assert stand.task().state is TaskState.VERIFYING and stand.rows(Question) == []


async def test_the_new_head_is_held_against_the_definition_of_done_and_needs_no_answer_when_it_holds(
    stand: Stand,
) -> None:
    stand.task_in(TaskState.VERIFYING)
    for _ in range(4):
        await tick(stand)
    assert stand.task().state is TaskState.READY
    stand.github.head = sha(THEIRS)
    await tick(stand)
    assert len(stand.said("ready_withdrawn")) == 1 and stand.task().state is TaskState.ASKING
    for _ in range(6):
        await tick(stand)
    assert stand.task().state is TaskState.READY and stand.pull.ready_head == sha(THEIRS)
    (question,) = stand.rows(Question)
    assert question.state is QuestionState.WITHDRAWN


@pytest.mark.parametrize("said", [AGENT, "Go on."])
async def test_the_agent_goes_on_from_the_persons_commit(stand: Stand, said: str) -> None:
    stand.task_in(TaskState.VERIFYING)
    stand.github.head = sha(THEIRS)
    stand.github.truths[sha(THEIRS)] = Truth(checks="fail")
    await tick(stand)
    assert do(stand, commands.answer, said).ok
    for _ in range(3):
        await tick(stand)
    assert stand.task().state is TaskState.DIAGNOSING and len(stand.rows(Question)) == 1
    (row,) = stand.rows(Judgement, kind=Kind.DIAGNOSE)
    assert row.facts["head"] == sha(THEIRS)


async def test_a_person_goes_on_and_gives_back(stand: Stand) -> None:
    stand.task_in(TaskState.VERIFYING)
    stand.github.head = sha(THEIRS)
    await tick(stand)
    assert do(stand, commands.take_over).ok and stand.task().state is TaskState.TAKEN_OVER
    stand.github.head = sha(THEIRS + 1)
    await tick(stand)
    assert do(stand, commands.give_back).ok
    await tick(stand)
    assert stand.task().state is TaskState.VERIFYING and len(stand.rows(Question)) == 1


async def test_other_words_are_no_answer_and_retry_is_one_with_guidance(stand: Stand) -> None:
    stand.task_in(TaskState.VERIFYING)
    stand.github.head = sha(THEIRS)
    await tick(stand)
    assert not do(stand, commands.guide, "hm, what did I push?").ok
    assert stand.task().state is TaskState.ASKING
    assert do(stand, commands.retry, guidance="add a header").ok
    task = stand.task()
    assert task.state is TaskState.DIAGNOSING and [one["text"] for one in task.guidance] == ["add a header"]


async def test_a_retry_that_waited_for_approval_is_asked_about_anew(stand: Stand) -> None:
    stand.task_in(TaskState.DIAGNOSING)

    def waits(session: Session) -> None:
        task = session.get(Task, 1)
        assert task is not None
        question = Question(task_id=1, about="retry", text="May I?", state=QuestionState.OPEN, created_at=stand.clock())
        session.add(question)
        move_task(session, task, TaskState.ASKING, Cause.RETRY_WANTS_APPROVAL, stand.clock())

    stand.change(waits)
    for n in (THEIRS, THEIRS + 1):
        stand.github.head = sha(n)
        await tick(stand)
    assert [(one.about, one.state) for one in stand.rows(Question)] == [
        ("retry", QuestionState.WITHDRAWN), ("push", QuestionState.WITHDRAWN), ("push", QuestionState.OPEN),
    ]  # fmt: skip


async def test_a_push_during_a_pause_is_asked_about_at_its_end(stand: Stand) -> None:
    stand.task_in(TaskState.PAUSED, paused_from=TaskState.VERIFYING)
    stand.github.head = sha(THEIRS)
    await stand.look()
    reply = do(stand, commands.resume)
    assert reply.ok and "somebody pushed" in reply.text and stand.task().state is TaskState.ASKING


async def test_a_merge_ends_the_question(stand: Stand) -> None:
    stand.task_in(TaskState.VERIFYING)
    stand.github.head = sha(THEIRS)
    await tick(stand)
    stand.github.state = "merged"
    await tick(stand)
    assert stand.task().state is TaskState.MERGED
    assert [one.state for one in stand.rows(Question)] == [QuestionState.WITHDRAWN]


async def test_the_council_looks_while_people_are_asked_and_sends_nobody(stand: Stand) -> None:
    stand.policy = replace(stand.policy, settle=replace(stand.policy.settle, review_s=0.0))
    stand.task_in(TaskState.VERIFYING)
    stand.github.head = sha(THEIRS)
    stand.github.truths[sha(THEIRS)] = Truth(verdict="request_changes")
    for _ in range(5):
        await tick(stand)
    assert [row.kind for row in stand.rows(Judgement)] == [Kind.REVIEW]
    assert stand.task().state is TaskState.ASKING and stand.task().retries_review == 0
    assert stand.registry.read_now(lambda s: s.get(PullRequest, 1)).head_sha == sha(THEIRS)  # type: ignore[union-attr]  # there is one
