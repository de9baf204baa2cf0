"""What changed together before widens what a task is thought to change, and lets overlapping tasks wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session, select

from integrations.git import Unreachable
from scheduler.admission import Admission
from scheduler.foresight import likely
from scheduler.lifecycle import PullState, TaskState
from scheduler.overlap import Writer, waits_for
from scheduler.registry import Fact, PullRequest, Registry, Task
from tests.conftest import Clock
from tests.unit.supervised import SLUG, Stand

TOGETHER = [("app/export.py", "templates/list.html")] * 3


@pytest.mark.parametrize(
    ("commits", "found"),
    [
        (TOGETHER, {"templates/list.html": "app/export.py"}),
        (TOGETHER[:2], {}),
        ([*TOGETHER, *[("app/export.py",)] * 3], {"templates/list.html": "app/export.py"}),
        ([*TOGETHER, *[("app/export.py",)] * 4], {}),
        ([*TOGETHER, *[("templates/list.html",)] * 9], {"templates/list.html": "app/export.py"}),
        ([("app/export.py", *(f"f{n}" for n in range(30)))] * 9, {}),
        ([("app/other.py", "templates/list.html")] * 9, {}),
        ([], {}),
    ],
)
def test_often_and_mostly_together_is_likely(commits: list[tuple[str, ...]], found: dict[str, str]) -> None:
    assert likely(["app/export.py"], commits) == found


NAMES = st.sampled_from(["a", "b", "c", "d", "e"])


@given(st.sets(NAMES), st.lists(st.sets(NAMES).map(tuple), max_size=12))
def test_what_is_likely_is_never_expected_and_follows_from_it(
    expected: set[str], commits: list[tuple[str, ...]]
) -> None:
    found = likely(expected, commits)
    assert not set(found) & expected and set(found.values()) <= expected
    assert all(sum({other, one} <= set(files) for files in commits) >= 3 for other, one in found.items())


def test_a_guess_meets_what_is_known_and_never_another_guess() -> None:
    other = Writer(3, SLUG, frozenset({"a.py"}), frozenset({"list.html"}))
    assert "by the repository's history, both will change list.html" in waits_for(SLUG, {"list.html"}, [other])
    assert "both will change a.py" in waits_for(SLUG, {"b.py"}, [other], {"a.py"})
    assert waits_for(SLUG, {"b.py"}, [other], {"list.html"}) == ""
    assert waits_for("acme/else", {"list.html"}, [other]) == ""
    locked = Writer(3, SLUG, frozenset({"app/models.py"}), frozenset({"db/migrations/0001_a.py"}))
    assert "migrations" in waits_for(SLUG, {"db/migrations/0002_b.py"}, [locked])


@pytest.fixture
def stand(registry: Registry, clock: Clock) -> Stand:
    """One task that runs, and one that would change what the first one's files usually drag along."""
    made = Stand(registry, clock)
    made.repositories.commits = (*TOGETHER, *[("templates/list.html",)] * 9)  # the list changes alone as well
    made.task_in(TaskState.QUEUED, pull=False, next_prompt="go", expected_files=["app/export.py"], priority="p0")
    made.task_in(TaskState.QUEUED, pull=False, next_prompt="go", expected_files=["templates/list.html"])
    return made


async def test_a_task_waits_for_one_that_will_probably_change_its_file_and_its_card_says_so(stand: Stand) -> None:
    await Admission(stand.outside).admit()
    assert [task.state for task in (stand.task(1), stand.task(2))] == [TaskState.RUNNING, TaskState.QUEUED]
    assert "T-1: by the repository's history, both will change templates/list.html" in stand.task(2).waits_for
    stand.reopen()
    await Admission(stand.outside).admit()
    assert stand.task(2).state is TaskState.QUEUED, "a restart forgets nothing"


async def test_the_history_is_read_once_for_each_base_commit_and_never_twice_for_a_task(stand: Stand) -> None:
    asked = []
    read = stand.repositories.changed_together
    stand.repositories.changed_together = lambda *given: asked.append(given) or read(*given)  # type: ignore[method-assign, func-returns-value]  # counted
    admission = Admission(stand.outside)
    for _ in range(3):
        await admission.admit()
    facts = stand.registry.read_now(lambda s: s.exec(select(Fact)).all())
    assert len(asked) == 1 and len([row for row in facts if row.key.startswith("likely:")]) == 2


async def test_what_a_pull_request_changes_takes_the_place_of_the_guess(stand: Stand) -> None:
    await Admission(stand.outside).admit()

    def published(session: Session) -> None:
        task = session.get(Task, 1)
        assert task is not None
        task.state = TaskState.VERIFYING
        now = stand.clock()
        session.add(
            PullRequest(
                task_id=1, repo=SLUG, number=1, node_id="PR_1", url="u", branch="b", state=PullState.OPEN, head_sha="h",
                head_since=now, created_at=now, facts={"diff": {"files": ["app/export.py"]}},
            )
        )  # fmt: skip

    stand.change(published)
    await Admission(stand.outside).admit()
    assert stand.task(2).state is TaskState.RUNNING


async def test_a_history_that_cannot_be_read_keeps_nobody_waiting(stand: Stand) -> None:
    def broken(*given: object) -> tuple[tuple[str, ...], ...]:
        raise Unreachable("gone", user_message="gone")

    stand.repositories.changed_together = broken  # type: ignore[method-assign]  # it is down
    await Admission(stand.outside).admit()
    assert [task.state for task in (stand.task(1), stand.task(2))] == [TaskState.RUNNING] * 2
