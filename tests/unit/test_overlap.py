"""Who waits for whom because both would change the same, and that nobody waits for ever."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.dispatch import Candidate, Host, Running, admit
from scheduler.overlap import Writer, group, shared, waits_for
from scheduler.policy import Capacity

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GB = 2**30


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("package-lock.json", "lockfiles"),
        ("web/yarn.lock", "lockfiles"),
        ("pyproject.toml", "lockfiles"),
        ("requirements-dev.txt", "lockfiles"),
        ("go.sum", "lockfiles"),
        ("db/migrations/0007_add_tax.py", "migrations"),
        ("alembic/versions/0003_x.py", "migrations"),
        ("app/invoices.py", ""),
        ("docs/migrations.md", ""),
        ("requirements/README.md", ""),
        ("", ""),
    ],
)
def test_what_a_path_belongs_to(path: str, named: str) -> None:
    assert group(path) == named


@pytest.mark.parametrize(
    ("mine", "theirs", "what"),
    [
        ({"a.py"}, {"b.py"}, ""),
        ({"a.py", "b.py"}, {"b.py", "c.py"}, "b.py"),
        ({"web/package.json"}, {"uv.lock"}, "lockfiles"),
        ({"migrations/0002_a.sql"}, {"migrations/0002_b.sql"}, "migrations"),
        ({"migrations/0002_a.sql"}, {"uv.lock"}, ""),
        (set(), {"a.py"}, ""),
    ],
)
def test_what_two_tasks_share(mine: set[str], theirs: set[str], what: str) -> None:
    assert shared(mine, theirs) == what and shared(theirs, mine) == what


def test_the_card_names_the_oldest_one_in_the_way_of_the_same_repository() -> None:
    files = frozenset({"app/web.py"})
    writers = [Writer(5, "acme/app", files), Writer(3, "acme/app", files), Writer(1, "acme/other", files)]
    assert waits_for("acme/app", files, writers) == "waits for T-3, which also changes app/web.py"
    assert waits_for("acme/app", {"README.md"}, writers) == ""


def candidate(task_id: int, *files: str, published: bool = False) -> Candidate:
    queued = NOW + timedelta(seconds=task_id)
    return Candidate(task_id, "p2", queued, True, "acme/app", GB, frozenset(files), published=published)


def decide(
    candidates: list[Candidate], running: list[Running], verifying: list[Writer], slots: int = 9
) -> dict[int, str]:
    """The reason of each candidate; empty when it starts."""
    said = admit(candidates, running, Capacity(slots), Host(99 * GB), NOW, 3600.0, verifying)
    return {one.task_id: one.reason for one in said}


def test_a_task_waits_for_a_pull_request_that_changes_the_same_and_is_being_verified() -> None:
    verifying = [Writer(1, "acme/app", frozenset({"app/web.py"}))]
    reasons = decide([candidate(2, "app/web.py"), candidate(3, "README.md")], [], verifying)
    assert reasons == {2: "waits for T-1, which also changes app/web.py", 3: ""}


def test_what_a_pull_request_repairs_waits_for_running_agents_only() -> None:
    verifying = [Writer(1, "acme/app", frozenset({"app/web.py"}))]
    assert decide([candidate(2, "app/web.py", published=True)], [], verifying) == {2: ""}
    running = [Running(1, "acme/app", GB, files=frozenset({"app/web.py"}))]
    assert decide([candidate(2, "app/web.py", published=True)], running, [])[2].startswith("waits for T-1")


def test_a_task_waits_until_the_ones_it_names_are_merged() -> None:
    held = Candidate(4, "p0", NOW, True, "acme/app", GB, after=(2, 3))
    assert decide([held], [], []) == {4: "waits for T-2 and T-3 to be merged"}


@dataclass
class Simulated:
    """A task on its way: queued, running, verifying, then queued again as often as it fails, then ready."""

    files: frozenset[str]
    failures: int
    state: str = "queued"
    published: bool = False


@given(
    plans=st.lists(
        st.tuples(st.frozensets(st.sampled_from(["a.py", "b.py", "uv.lock", "yarn.lock"])), st.integers(0, 2)),
        min_size=1,
        max_size=6,
    ),
    slots=st.integers(1, 3),
    data=st.data(),
)
def test_whatever_overlaps_and_fails_everybody_gets_through(
    plans: list[tuple[frozenset[str], int]], slots: int, data: st.DataObject
) -> None:
    tasks = {n: Simulated(files, failures) for n, (files, failures) in enumerate(plans, start=1)}
    for _ in range(60):
        of = {state: [n for n, one in tasks.items() if one.state == state] for state in ("running", "verifying")}
        queued = [candidate(n, *t.files, published=t.published) for n, t in tasks.items() if t.state == "queued"]
        running = [Running(n, "acme/app", GB, files=tasks[n].files) for n in of["running"]]
        verifying = [Writer(n, "acme/app", tasks[n].files) for n in of["verifying"]]
        for task_id, reason in decide(queued, running, verifying, slots).items():
            if not reason:
                tasks[task_id].state = "running"
        busy = [n for n, one in tasks.items() if one.state in {"running", "verifying"}]
        if not busy:
            break
        one = tasks[data.draw(st.sampled_from(busy))]
        if one.state == "running":
            one.state, one.published = "verifying", True
        elif one.failures:
            one.state, one.failures = "queued", one.failures - 1
        else:
            one.state = "ready"
    assert {one.state for one in tasks.values()} == {"ready"}
