"""What people can do to a task: each command in each state either acts once or says why not."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import Session, select

from scheduler import commands
from scheduler.commands import Actor, Reply
from scheduler.failures import apply_diagnosis, apply_prompt, fail
from scheduler.judging import Diagnosed, ScopedTask, WrittenPrompt
from scheduler.lifecycle import Cause, TaskState
from scheduler.planning import apply_scope
from scheduler.policy import Policy, RepositoryPolicy, RetryPolicy, Route
from scheduler.registry import Event, Judgement, Outbox, Question, Registry, Task
from scheduler.registry.writers import move_task
from tests.conftest import Clock

ANA = Actor("U0ANA", "ana")
POLICY = Policy(repositories=(RepositoryPolicy("acme/app"),), routes=(("default", (Route("claude-code"),)),))


class Desk:
    """A registry with one person at it."""

    def __init__(self, registry: Registry, clock: Clock, policy: Policy = POLICY) -> None:
        self.registry, self.clock, self.policy = registry, clock, policy

    def do(self, command: Callable[..., Reply], *args: Any, **kwargs: Any) -> Reply:
        return self.registry.write_now(lambda s: command(s, self.clock.advance(1), self.policy, ANA, *args, **kwargs))

    def change(self, work: Callable[[Session], Any]) -> Any:
        return self.registry.write_now(work)

    def task(self, task_id: int = 1) -> Task:
        found = self.registry.read_now(lambda s: s.get(Task, task_id))
        assert found is not None
        return found

    def new(self, text: str = "customers want CSV export", key: str = "k1") -> Reply:
        return self.do(commands.new_request, text=text, source="slack", dedupe_key=key, channel="C1", thread_ts="1.1")

    def answer(self, value: Any, apply: Callable[[Session, Judgement], None]) -> None:
        """What the orchestrator and then the supervisor do with the newest open judgement."""

        def work(session: Session) -> None:
            row = session.exec(select(Judgement).where(Judgement.state == "asked")).all()[-1]
            row.answer, row.answered_by, row.state = value.model_dump(mode="json"), "rules", "answered"
            apply(session, row)

        self.change(work)

    def scoped(self, **change: Any) -> None:
        value = ScopedTask(clear=True, repo="acme/app", title="Add CSV export", goal="g", prompt="do it").model_copy(
            update=change
        )
        self.answer(value, lambda s, row: apply_scope(s, self.clock(), self.policy, row))

    def diagnosed(self, **change: Any) -> None:
        value = Diagnosed(summary="It failed.", change="inject", prompt="again").model_copy(update=change)
        self.answer(value, lambda s, row: apply_diagnosis(s, self.clock(), self.policy, row))

    def run_and_fail(self, cause: str = "no-change", evidence: tuple[str, ...] = ("x",)) -> None:
        def work(session: Session) -> None:
            task = session.get(Task, 1)
            assert task is not None
            move_task(session, task, TaskState.RUNNING, Cause.ADMITTED, self.clock.advance(1))
            n = len(session.exec(select(Judgement)).all())
            fail(
                session,
                self.clock(),
                self.policy,
                task,
                cause=cause,
                transition=Cause.ATTEMPT_FAILED,
                subject=f"attempt:t-1-a{n}",
                evidence=evidence,
            )

        self.change(work)

    def said(self, kind: str) -> list[Outbox]:
        return list(self.registry.read_now(lambda s: s.exec(select(Outbox).where(Outbox.kind == kind)).all()))


@pytest.fixture
def desk(registry: Registry, clock: Clock) -> Desk:
    return Desk(registry, clock)


def test_a_request_is_scoped_planned_and_approved(desk: Desk) -> None:
    assert desk.new().ok
    assert desk.task().state is TaskState.SCOPING
    desk.scoped()
    task = desk.task()
    assert task.state is TaskState.PLANNED and task.branch == "waggle/t-1-add-csv-export"
    assert desk.do(commands.approve, 1).ok
    assert desk.task().state is TaskState.QUEUED


def test_the_same_delivery_makes_one_task(desk: Desk) -> None:
    first, second = desk.new(), desk.new()
    assert second.task_id == first.task_id == 1
    assert len(desk.registry.read_now(lambda s: s.exec(select(Task)).all())) == 1


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_an_empty_request_is_explained(desk: Desk, text: str) -> None:
    said = desk.new(text)
    assert not said.ok and "for example" in said.text


def test_an_unknown_repository_names_the_known_ones(desk: Desk) -> None:
    said = desk.do(commands.new_request, text="x", source="cli", dedupe_key="k", repo="acme/nope")
    assert not said.ok and "acme/app" in said.text


def test_a_second_approve_is_told_who_did(desk: Desk) -> None:
    desk.new()
    desk.scoped()
    desk.do(commands.approve, 1)
    said = desk.do(commands.approve, 1)
    assert not said.ok and "U0ANA" in said.text and "already" in said.text


def test_a_stale_button_does_nothing(desk: Desk) -> None:
    desk.new()
    desk.scoped()
    said = desk.do(commands.approve, 1, version=desk.task().version - 1)
    assert not said.ok and desk.task().state is TaskState.PLANNED


def test_an_edit_scopes_again_with_the_words(desk: Desk) -> None:
    desk.new()
    desk.scoped()
    assert desk.do(commands.edit, 1, "only paid invoices").ok
    assert desk.task().state is TaskState.SCOPING
    row = desk.registry.read_now(lambda s: s.exec(select(Judgement).where(Judgement.state == "asked")).one())
    assert row.facts["answers"] == ["only paid invoices"]


def test_a_vague_request_asks_and_the_answer_scopes_again(desk: Desk) -> None:
    desk.new("fix it")
    desk.scoped(clear=False, question="What is broken?")
    assert desk.task().state is TaskState.ASKING
    assert len(desk.said("question")) == 1
    assert desk.do(commands.guide, 1, "the totals").ok, "plain words in the thread are the answer"
    assert desk.task().state is TaskState.SCOPING


def test_approve_with_words_rewrites_the_prompt_before_anything_starts(desk: Desk) -> None:
    desk.new()
    desk.scoped()
    desk.do(commands.approve, 1, note="use semicolons")
    assert desk.task().next_prompt == ""
    desk.answer(WrittenPrompt(prompt="with semicolons"), lambda s, row: apply_prompt(s, desk.clock(), row))
    assert desk.task().next_prompt == "with semicolons"


def test_three_retries_then_one_call_for_help(desk: Desk) -> None:
    desk.new()
    desk.scoped()
    desk.do(commands.approve, 1)
    for _ in range(3):
        desk.run_and_fail()
        desk.diagnosed()
        assert desk.task().state is TaskState.QUEUED
    desk.run_and_fail()
    desk.diagnosed(missing="where the schema is")
    assert desk.task().state is TaskState.NEEDS_HELP
    assert "where the schema is" in desk.task().help_cause
    assert len(desk.said("needs_help")) == 1


def test_a_persons_retry_grants_exactly_one_more_attempt(desk: Desk) -> None:
    test_three_retries_then_one_call_for_help(desk)
    assert desk.do(commands.retry, 1, guidance="the schema is in app/schema.py").ok
    assert desk.task().state is TaskState.QUEUED and desk.task().next_prompt == ""
    desk.diagnosed(prompt="the schema is in app/schema.py")
    assert desk.task().next_prompt
    desk.run_and_fail()
    desk.diagnosed()
    assert desk.task().state is TaskState.NEEDS_HELP
    assert len(desk.said("needs_help")) == 2, "each need is said once"


def test_the_same_ci_failure_twice_goes_to_a_person_early(desk: Desk) -> None:
    desk.new()
    desk.scoped()
    desk.do(commands.approve, 1)
    desk.run_and_fail("ci", ("FAILED tests/test_a.py::test_total in 12 ms",))
    desk.diagnosed()
    assert desk.task().state is TaskState.QUEUED
    desk.run_and_fail("ci", ("FAILED tests/test_a.py::test_total in 99 ms",))
    desk.diagnosed()
    assert desk.task().state is TaskState.NEEDS_HELP


def test_limits_of_the_provider_spend_no_retry_and_end_at_a_person(desk: Desk) -> None:
    desk.new()
    desk.scoped()
    desk.do(commands.approve, 1)
    for _ in range(POLICY.retries.infrastructure):
        desk.run_and_fail("rate-limit")
        assert desk.task().state is TaskState.QUEUED and desk.task().retries_failure == 0
        assert desk.task().not_before is not None
    desk.run_and_fail("rate-limit")
    assert desk.task().state is TaskState.NEEDS_HELP


def test_a_retry_that_wants_approval_waits_for_it(registry: Registry, clock: Clock) -> None:
    desk = Desk(
        registry,
        clock,
        Policy(repositories=POLICY.repositories, routes=POLICY.routes, retries=RetryPolicy(approve="always")),
    )
    desk.new()
    desk.scoped()
    desk.do(commands.approve, 1)
    desk.run_and_fail()
    desk.diagnosed()
    assert desk.task().state is TaskState.ASKING
    assert desk.do(commands.approve, 1).ok
    assert desk.task().state is TaskState.QUEUED
    again = desk.do(commands.approve, 1)
    assert not again.ok and "U0ANA" in again.text


@pytest.mark.parametrize(
    "command",
    [
        commands.stop,
        commands.pause,
        commands.resume,
        commands.retry,
        commands.reject,
        commands.take_over,
        commands.give_back,
        commands.approve,
    ],
)
def test_a_task_that_does_not_exist_is_explained(desk: Desk, command: Callable[..., Reply]) -> None:
    said = desk.do(command, 99)
    assert not said.ok and "T-99" in said.text


def test_stop_keeps_the_work_and_a_second_stop_is_a_no_op(desk: Desk) -> None:
    desk.new()
    desk.scoped()
    assert desk.do(commands.stop, 1).ok
    assert desk.task().state is TaskState.STOPPED
    assert not desk.do(commands.stop, 1).ok
    assert len(desk.said("stopped")) == 1


def test_pause_remembers_where_it_was(desk: Desk) -> None:
    desk.new()
    desk.scoped()
    desk.do(commands.pause, 1)
    assert desk.task().state is TaskState.PAUSED
    assert not desk.do(commands.approve, 1).ok
    assert desk.do(commands.resume, 1).ok
    assert desk.task().state is TaskState.PLANNED


def test_every_change_of_state_left_an_event_with_its_cause(desk: Desk) -> None:
    test_three_retries_then_one_call_for_help(desk)
    events = desk.registry.read_now(lambda s: s.exec(select(Event).where(Event.subject == "task")).all())
    moves = [event for event in events if event.after]
    assert all(event.what in {cause.value for cause in Cause} for event in moves)
    for before, after in itertools.pairwise(moves):
        assert before.after == after.before, "the log has no gap"
    assert moves[-1].after == desk.task().state.value


def test_questions_are_withdrawn_when_a_task_goes_another_way(desk: Desk) -> None:
    desk.new("fix it")
    desk.scoped(clear=False, question="What is broken?")
    desk.do(commands.stop, 1)
    (question,) = desk.registry.read_now(lambda s: s.exec(select(Question)).all())
    assert question.state.value == "withdrawn"
    assert not desk.do(commands.answer, 1, "the totals").ok
