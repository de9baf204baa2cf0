"""What lies about, held against rows: what goes, what stays, and why; and rows that are let go of after a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, SQLModel, create_engine, select

from integrations.engines import RunExit, RunState, RunView
from integrations.git import Rescued, Worktree
from scheduler.leftovers import Fate, Known, judge_rescued, judge_run, judge_workspace
from scheduler.lifecycle import AttemptState, TaskState
from scheduler.policy import Keep
from scheduler.registry import Attempt, Inbox, Ledger, Outbox, Request, Task
from scheduler.registry.writers import recall, remember
from scheduler.retention import COUNTS, let_go_of_rows

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEEP = Keep()
LONG_AGO, LATELY = NOW - timedelta(days=15), NOW - timedelta(days=13)


def known(
    state: TaskState = TaskState.MERGED, attempt: AttemptState = AttemptState.ENDED, ended: datetime = LONG_AGO
) -> Known:
    task = Task(id=1, request_id=1, state=state, title="t", repo="acme/app", branch="waggle/t-1-x", cleaned_at=None)
    if state in {TaskState.MERGED, TaskState.DROPPED}:
        task.cleaned_at = ended
    attempts = [
        Attempt(
            task_id=1, n=n, name=f"t-1-a{n}", state=attempt, agent="a", prompt="p", ended_at=ended, created_at=ended
        )
        for n in (1, 2)
    ]
    return Known({1: task}, {one.name: one for one in attempts})


def run(name: str, state: RunState = RunState.ENDED, at: datetime = LONG_AGO) -> RunView:
    ended = RunExit(0, "exited", at.timestamp()) if state is RunState.ENDED else None
    return RunView(name, state, exit=ended, started_at=at.timestamp())


@pytest.mark.parametrize(
    ("view", "rows", "fate"),
    [
        (run("t-1-a1"), known(), Fate.GOES),
        (run("t-1-a1-verify"), known(), Fate.GOES),
        (run("t-1-a1"), known(ended=LATELY), Fate.STAYS),
        (run("t-1-a1", RunState.LOST), known(), Fate.GOES),
        (run("t-1-a2"), known(TaskState.NEEDS_HELP), Fate.STAYS),
        (run("t-1-a1"), known(TaskState.NEEDS_HELP), Fate.GOES),
        (run("t-1-a2"), known(TaskState.STOPPED), Fate.GOES),
        (run("t-1-a2", RunState.RUNNING), known(TaskState.RUNNING, AttemptState.RUNNING), Fate.STAYS),
        (run("t-1-a2"), known(TaskState.RUNNING, AttemptState.PARKED), Fate.STAYS),
        (run("t-9-a1", RunState.RUNNING), known(), Fate.STOPS),
        (run("t-1-a3", RunState.LOST), known(), Fate.STOPS),
        (run("t-9-a1"), known(), Fate.GOES),
        (run("t-9-a1", at=LATELY), known(), Fate.STAYS),
        (run("probe"), known(), Fate.GOES),
    ],
)  # fmt: skip
def test_a_run_directory_goes_when_nothing_depends_on_it(view: RunView, rows: Known, fate: Fate) -> None:
    said = judge_run(view, rows, KEEP, NOW)
    assert said.fate is fate and (said.why or fate is Fate.STAYS)


def tree(name: str = "t-1", branch: str = "waggle/t-1-x", slug: str = "acme/app") -> Worktree:
    return Worktree(Path("/w") / name, branch, "0" * 40, name, slug)


@pytest.mark.parametrize(
    ("one", "rows", "alive", "fate"),
    [
        (tree(), known(TaskState.RUNNING), (), Fate.STAYS),
        (tree(), known(TaskState.STOPPED), (), Fate.STAYS),
        (tree(), known(), (), Fate.GOES),
        (tree(branch="waggle/t-1-other"), known(TaskState.RUNNING), (), Fate.GOES),
        (tree(slug="acme/other"), known(TaskState.RUNNING), (), Fate.GOES),
        (tree("t-9"), known(), (), Fate.GOES),
        (tree("t-9"), known(), ("t-9-a1",), Fate.SKIPPED),
        (tree("t-9"), known(), ("t-90-a1",), Fate.GOES),
        (tree("mine"), known(), (), Fate.GOES),
    ],
)  # fmt: skip
def test_a_workspace_goes_when_no_task_wants_it(one: Worktree, rows: Known, alive: tuple[str, ...], fate: Fate) -> None:
    said = judge_workspace(one, rows, frozenset(alive))
    assert said.fate is fate and (said.why or fate is Fate.STAYS)


@pytest.mark.parametrize(
    ("name", "saved", "rows", "fate"),
    [
        ("t-1", LONG_AGO, known(), Fate.GOES),
        ("t-1", LATELY, known(), Fate.STAYS),
        ("t-1", LONG_AGO, known(ended=LATELY), Fate.STAYS),
        ("t-1", LONG_AGO, known(TaskState.DROPPED), Fate.STAYS),
        ("t-9", LONG_AGO, known(), Fate.SKIPPED),
    ],
)
def test_rescued_work_is_kept_a_while_after_the_merge(name: str, saved: datetime, rows: Known, fate: Fate) -> None:
    assert judge_rescued(Rescued(f"refs/waggle/rescue/{name}/1", "0" * 40, saved), rows, KEEP, NOW).fate is fate


@pytest.fixture
def session():
    engine = create_engine("sqlite://")
    SQLModel.metadata.create_all(engine)
    with Session(engine) as opened:
        yield opened
    engine.dispose()


def test_old_rows_go_and_what_they_guard_stays(session: Session) -> None:
    old, young = NOW - timedelta(days=31), NOW - timedelta(days=29)
    for n, (state, cleaned) in enumerate([(TaskState.MERGED, old), (TaskState.RUNNING, None)], 1):
        session.add(Request(id=n, dedupe_key=str(n), text="x", requester="u", source="cli", created_at=old))
        session.add(
            Task(id=n, request_id=n, state=state, title="t", cleaned_at=cleaned, created_at=old, updated_at=old)
        )
    rows = {
        "sent, of a merged task": ("note", "sent", 1, old, old),
        "sent, of nobody": ("alert", "sent", None, old, old),
        "void": ("pr_ready", "void", 1, old, None),
        "its card": ("card", "sent", 1, old, old),
        "of a task that goes on": ("note", "sent", 2, old, old),
        "sent lately": ("note", "sent", 1, old, young),
        "not sent yet": ("note", "pending", 1, old, None),
    }
    for key, (kind, state, task_id, made, sent) in rows.items():
        session.add(Outbox(dedupe_key=key, kind=kind, state=state, task_id=task_id, created_at=made, sent_at=sent))
    for key, state, at in (("a", "done", old), ("b", "new", old), ("c", "done", young), ("d", "done", old)):
        session.add(Inbox(delivery_key=key, kind="said", state=state, received_at=at, handled_at=at))
        session.flush()
    session.add(Ledger(at=old, key="k", purpose="attempt", cost_usd=1.0))
    remember(session, old, "installed:t-1", {})
    remember(session, old, "installed:t-2", {})

    assert let_go_of_rows(session, NOW, KEEP) == {"outbox": 3, "inbox": 1}
    assert let_go_of_rows(session, NOW, KEEP) == {"outbox": 0, "inbox": 0}

    kept = {row.dedupe_key for row in session.exec(select(Outbox)).all()}
    assert kept == {"its card", "of a task that goes on", "sent lately", "not sent yet"}
    # The newest delivery stays although it is old: what was missed is looked for from there on.
    assert {row.delivery_key for row in session.exec(select(Inbox)).all()} == {"b", "c", "d"}
    assert recall(session, COUNTS) == {"outbox": 3, "inbox": 1}
    assert len(session.exec(select(Ledger)).all()) == 1
    assert recall(session, "installed:t-1") is None and recall(session, "installed:t-2") == {}
