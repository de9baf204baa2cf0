"""Facts about a running attempt: from what was seen to what people read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from integrations.agents import AgentEvent, Ended, Text, ToolCall, ToolResult
from integrations.engines import RunState, RunView
from scheduler.signs import Activity, Course, Signs, Worktree, labels, read_signs, sentences, worth_writing

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
IDLE = timedelta(minutes=15)
ALIVE = RunView(
    "t-1-a1", RunState.RUNNING, pid=1, event_bytes=10, last_output_at=NOW.timestamp() - 20, cpu_s=3.0,
    rss_bytes=120 * 2**20, processes=3, io_bytes=1, usage_at=NOW.timestamp() - 1,
)  # fmt: skip
CALL, DONE = ToolCall("Bash", "pytest -q"), ToolResult(ok=True)


def read(before: Signs | None = None, view: RunView | None = ALIVE, now: datetime = NOW, **known) -> Signs:
    given = {"course": Course(), "activity": Activity(), "worktree": None, "terminal": None, "tokens": 0, "idle": IDLE}
    return read_signs(before or {}, now, view, **{**given, **known})


def ago(at: datetime) -> str:
    return f"{(NOW - at).total_seconds():.0f} s ago"


def test_every_fact_is_said_with_its_age() -> None:
    activity = Activity()
    activity.take(replace(ALIVE, cpu_s=1.0, usage_at=NOW.timestamp() - 11))
    activity.take(ALIVE)
    course = Course()
    course.take([CALL])
    signs = read(
        activity=activity,
        course=course,
        worktree=Worktree(NOW - timedelta(seconds=200), NOW),
        terminal=(True, NOW - timedelta(seconds=9)),
    )
    assert sentences(signs, ago) == [
        "process alive (3 processes, 120 MB) 0 s ago",
        "last event 20 s ago",
        "CPU and I/O busy (20% of a core) 1 s ago",
        "last change in git 200 s ago",
        "terminal open 9 s ago",
        "waits for its tool, since 20 s ago: Bash pytest -q",
    ]


def test_what_could_not_be_seen_is_unknown_and_never_dead() -> None:
    known = read(worktree=Worktree(NOW - timedelta(seconds=60), NOW))
    later = NOW + timedelta(seconds=90)
    signs = read(known, view=None, now=later, worktree=Worktree(None, later))
    said = sentences(signs, ago)
    assert said[:2] == ["process unknown, last seen alive 0 s ago", "events unknown, last one 20 s ago"]
    assert said[3] == "git unknown, last change 60 s ago"
    assert not [line for line in said if "dead" in line or "not found" in line]
    stale = read(view=replace(ALIVE, usage_at=NOW.timestamp() - 60))
    assert stale["activity"]["state"] == "unknown"


@pytest.mark.parametrize(
    ("events", "tool", "repeats"),
    [
        ([CALL], "Bash pytest -q", 1),
        ([CALL, DONE], "", 1),
        ([CALL, CALL, DONE], "Bash pytest -q", 2),
        ([CALL, CALL, DONE, Text("So.")], "", 2),  # the other one will have no result any more
        ([CALL, DONE] * 6, "", 6),
        ([CALL, DONE, ToolCall("Edit", "a.py"), DONE, CALL], "Bash pytest -q", 1),
        ([CALL, DONE, ToolCall("TodoWrite"), DONE, CALL, DONE], "", 2),
        ([CALL, Ended("success", error=False)], "", 1),
    ],
)
def test_a_course_knows_what_is_waited_for(events: list[AgentEvent], tool: str, repeats: int) -> None:
    course = Course()
    for event in events:
        course.take([event])
    assert (course.tool, course.repeats) == (tool, repeats)


@pytest.mark.parametrize(
    ("cpu_s", "io", "moved"), [(0.0, 0, False), (0.4, 10_000, False), (1.0, 0, True), (0.0, 10**6, True)]
)
def test_cpu_or_io_of_the_tree_move(cpu_s: float, io: int, moved: bool) -> None:
    activity = Activity()
    activity.take(replace(ALIVE, cpu_s=0.0, io_bytes=0, usage_at=NOW.timestamp() - 10))
    assert activity.moved_at is None
    activity.take(replace(ALIVE, cpu_s=cpu_s, io_bytes=io, usage_at=NOW.timestamp()))
    assert (activity.moved_at == NOW) is moved


@pytest.mark.parametrize(
    ("unchanged_s", "repeats", "tokens", "state"),
    [
        (60, 9, 10**6, "model"),  # it changed something a moment ago
        (1000, 5, 1000, "model"),
        (1000, 6, 1000, "stalled"),
        (1000, 1, 300_000, "spends"),
    ],
)
def test_progress_is_a_change_in_git(unchanged_s: int, repeats: int, tokens: int, state: str) -> None:
    course = Course()
    course.take([CALL, DONE] * repeats)
    changed = Worktree(NOW - timedelta(seconds=unchanged_s), NOW)
    first = read(course=course, worktree=changed, tokens=50)
    signs = read(first, course=course, worktree=changed, tokens=50 + tokens)
    assert signs["course"]["state"] == state
    assert read(signs, course=Course(), worktree=Worktree(NOW, NOW), tokens=9 * 10**6)["course"]["state"] == "model"


def test_ages_are_written_down_twice_a_minute_and_changes_at_once() -> None:
    first = read()
    assert worth_writing({}, first)
    assert not worth_writing(first, read(first, now=NOW + timedelta(seconds=10)))
    assert worth_writing(first, read(first, now=NOW + timedelta(seconds=30)))
    lost = read(first, view=replace(ALIVE, state=RunState.LOST), now=NOW + timedelta(seconds=1))
    assert worth_writing(first, lost) and labels(first) != labels(lost)
