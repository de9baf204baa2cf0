"""Conflicts are resolved one at a time, and what a pull request added must survive it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import Session, SQLModel

from integrations.github import PullRef
from integrations.playground.scripted.merging import base_to_merge, keep_both
from scheduler.lifecycle import TaskState
from scheduler.merge_train import CONFLICT, lost_lines, wait_in_line, whose_turn
from scheduler.publishing import Publisher
from scheduler.registry import Registry, Request, Task
from tests.conftest import Clock
from tests.unit.supervised import Stand, sha

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def diff(*lines: str, path: str = "README.md") -> str:
    return "\n".join([f"diff --git a/{path} b/{path}", f"--- a/{path}", f"+++ b/{path}", "@@ -1,2 +1,9 @@", *lines, ""])


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        (diff("+a", "+b"), diff("+a", "+b"), ()),
        (diff("+a", "+b"), diff(" x", "+b", "-y", "+a", "+more"), ()),  # in another order, beside others' lines
        (diff("+a", "+b"), diff("+a"), ("b",)),
        (diff("+a", "+a"), diff("+a"), ("a",)),  # said twice, kept once
        (diff("+    indented"), diff("+  indented"), ()),
        (diff("+", "-gone"), diff(), ()),  # blank lines and removals are nothing that can be lost
        (diff("+++ c"), diff(), ("++ c",)),  # a line that begins like a header is one all the same
        (diff("+a") + diff("+b", path="b.py"), diff("+b", path="b.py"), ("a",)),
    ],
)
def test_what_resolving_took_away(before: str, after: str, lost: tuple[str, ...]) -> None:
    assert lost_lines(before, after) == lost


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    registry = Registry(f"sqlite:///{tmp_path / 'registry.db'}")
    SQLModel.metadata.create_all(registry.engine)
    with Session(registry.engine) as opened:
        yield opened
    registry.close()


def task(session: Session, state: TaskState, repairs: str = "", repo: str = "acme/app") -> Task:
    name = f"{state}{repairs}{repo}"
    request = Request(dedupe_key=name, text=name, requester="U0ANA", source="slack", created_at=NOW)
    session.add(request)
    session.flush()
    row = Task(
        request_id=request.id or 0, state=state, title=name, repo=repo, repairs=repairs, created_at=NOW, updated_at=NOW
    )
    session.add(row)
    session.flush()
    return row


@pytest.mark.parametrize("state", [TaskState.DIAGNOSING, TaskState.QUEUED, TaskState.RUNNING])
def test_a_conflict_waits_while_another_of_its_repository_is_resolved(session: Session, state: TaskState) -> None:
    mine = task(session, TaskState.VERIFYING)
    other = task(session, state, CONFLICT)
    assert whose_turn(session, mine) is other and whose_turn(session, other) is None
    wait_in_line(session, NOW, mine, other)
    assert mine.waits_for == "waits for T-2, which is brought up to the base branch first"
    wait_in_line(session, NOW, mine, None)
    assert mine.waits_for == ""


@pytest.mark.parametrize(
    ("state", "repairs", "repo"),
    [
        (TaskState.RUNNING, "ci", "acme/app"),
        (TaskState.RUNNING, CONFLICT, "acme/other"),
        (TaskState.NEEDS_HELP, CONFLICT, "acme/app"),  # a person may take days
        (TaskState.ASKING, CONFLICT, "acme/app"),
        (TaskState.STOPPED, CONFLICT, "acme/app"),
        (TaskState.VERIFYING, "", "acme/app"),
    ],
)
def test_nobody_else_holds_the_turn(session: Session, state: TaskState, repairs: str, repo: str) -> None:
    mine = task(session, TaskState.VERIFYING, "mine")
    task(session, state, repairs, repo)
    assert whose_turn(session, mine) is None


def test_the_scripted_agent_keeps_both_sides() -> None:
    text = "top\n<<<<<<< HEAD\nours\n\n=======\ntheirs\n>>>>>>> abc\nend\n"
    assert keep_both(text) == "top\ntheirs\n\nours\n\nend\n"
    assert base_to_merge(f"the base branch is at x: `git merge {'a' * 40}`") == "a" * 40
    assert base_to_merge("merge the base branch") == ""


@pytest.mark.parametrize(
    ("lost", "state"), [((), TaskState.VERIFYING), (("the export keeps cents",), TaskState.NEEDS_HELP)]
)
async def test_lines_that_are_gone_call_a_person_and_green_checks_do_not_end_that(
    registry: Registry, clock: Clock, lost: tuple[str, ...], state: TaskState
) -> None:
    stand = Stand(registry, clock)
    stand.task_in(TaskState.RUNNING, pull=False, repairs=CONFLICT)
    stand.change(
        lambda s: Publisher(stand.outside)._published(s, 1, PullRef("PR_7", 7, "https://example.test/7", sha(1)), lost)
    )
    found = stand.task()
    assert found.state is state and found.repairs == ""
    if lost:
        assert "gone: the export keeps cents" in found.help_evidence and found.help_from == TaskState.RUNNING.value
