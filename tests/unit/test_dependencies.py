"""`after:T-3`: how it is read, what is refused, and what becomes of a task whose dependency goes away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import Session, SQLModel, select

from scheduler import commands
from scheduler.commands import Actor
from scheduler.dependencies import ask_about_gone, circle, open_ones, split_after
from scheduler.lifecycle import Cause, TaskState
from scheduler.policy import Policy
from scheduler.registry import Outbox, Registry, Task
from scheduler.registry.writers import move_task

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANA = Actor("U0ANA", "ana")
POLICY = Policy()


@pytest.mark.parametrize(
    ("said", "text", "ids"),
    [
        ("after:T-3 totals in the export", "totals in the export", (3,)),
        ("totals in the export, after: t-3, T-4", "totals in the export,", (3, 4)),
        ("totals after:T-3 and after:T-3", "totals and", (3,)),
        ("totals after T-3 was merged", "totals after T-3 was merged", ()),
        ("see https://x/after:T-3", "see https://x/after:T-3", ()),
        ("the hereafter:T-3", "the hereafter:T-3", ()),
    ],
)
def test_a_requests_words_name_what_it_waits_for(said: str, text: str, ids: tuple[int, ...]) -> None:
    assert split_after(said) == (text, ids)


@pytest.mark.parametrize(
    ("wanted", "after", "way"),
    [
        ((2,), {}, ()),
        ((2,), {2: [3], 3: [4]}, ()),
        ((2,), {2: [1]}, (2, 1)),
        ((5, 2), {2: [3], 3: [1], 5: [2]}, (2, 3, 1)),
        ((2,), {2: [3], 3: [2]}, ()),  # a circle of others is none of ours, and is walked once
    ],
)
def test_a_circle_is_found(wanted: tuple[int, ...], after: Mapping[int, Sequence[int]], way: tuple[int, ...]) -> None:
    assert circle(1, wanted, after) == way


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    registry = Registry(f"sqlite:///{tmp_path / 'registry.db'}")
    SQLModel.metadata.create_all(registry.engine)
    with Session(registry.engine) as opened:
        yield opened
    registry.close()


def asked(session: Session, text: str) -> commands.Reply:
    return commands.new_request(session, NOW, POLICY, ANA, text=text, source="slack", dedupe_key=text)


def queued(session: Session, text: str) -> Task:
    task = session.get(Task, asked(session, text).task_id)
    assert task is not None
    move_task(session, task, TaskState.QUEUED, Cause.POLICY, NOW)
    return task


def test_what_cannot_be_waited_for_is_refused_in_a_sentence(session: Session) -> None:
    first, second = queued(session, "one"), queued(session, "two after:T-1")
    assert "There is no T-99" in asked(session, "three after:T-99").text
    assert first.id is not None and second.id is not None
    said = commands.wait_for(session, NOW, POLICY, ANA, first.id, "T-2")
    assert not said.ok and "T-2 waits for T-1" in said.text
    assert "cannot wait for itself" in commands.wait_for(session, NOW, POLICY, ANA, first.id, "T-1").text
    commands.stop(session, NOW, POLICY, ANA, first.id)
    assert "T-1 is stopped and will not be merged" in asked(session, "four after:T-1").text
    assert (first.after, second.after) == ([], [1])


def test_it_is_held_until_the_other_is_merged(session: Session) -> None:
    first, second = queued(session, "one"), queued(session, "two after:T-1")
    assert open_ones(session, second) == (1,)
    move_task(session, first, TaskState.MERGED, Cause.MERGED, NOW)
    assert open_ones(session, second) == () and not ask_about_gone(session, NOW, second)


@pytest.mark.parametrize(("answer", "state"), [("go on", TaskState.QUEUED), ("drop", TaskState.DROPPED)])
def test_a_person_is_asked_once_when_it_will_never_be_merged(session: Session, answer: str, state: TaskState) -> None:
    first, second = queued(session, "one"), queued(session, "two after:T-1")
    assert first.id is not None and second.id is not None
    commands.stop(session, NOW, POLICY, ANA, first.id)
    assert ask_about_gone(session, NOW, second) and not ask_about_gone(session, NOW, second)
    questions = session.exec(select(Outbox).where(Outbox.kind == "question")).all()
    assert len(questions) == 1 and second.state is TaskState.ASKING
    assert "`go on` or `drop`" in commands.guide(session, NOW, POLICY, ANA, second.id, "hm").text
    assert commands.guide(session, NOW, POLICY, ANA, second.id, answer).ok
    assert second.state is state
    if state is TaskState.QUEUED:
        assert second.after == [] and not ask_about_gone(session, NOW, second)
        assert second.next_prompt == "", "its prompt was not touched"
