"""The error scan before the playground's tracker: from an event to a proposal, and all that may come in between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest
from sqlmodel import Session, SQLModel, select

from scheduler import commands
from scheduler.commands import Actor, Reply
from scheduler.discovery.facts import read_facts, read_gates
from scheduler.discovery.scan import CURSOR, ErrorScan, ScanReport
from scheduler.lifecycle import Cause, SignalState, TaskState
from scheduler.outside import Outside
from scheduler.policy import ErrorScan as Rules
from scheduler.policy import Policy, RepositoryPolicy
from scheduler.registry import Event, Judgement, Outbox, PullRequest, Registry, Request, Signal, Task
from scheduler.registry.writers import move_task, recall
from tests.conftest import Clock
from tests.integration.sentry_world import Tracker, tracker

ANA = Actor("U0ANA", "ana")
SLUG = "acme/ledgerline"
POLICY = Policy(
    repositories=(RepositoryPolicy(SLUG, playground=True),), errors=Rules(every_s=60.0, min_events=3, min_users=3)
)
DAY_S = 86_400.0


@dataclass
class Mirror:
    """Git, as far as a scan looks at it."""

    files: tuple[str, ...] = ("app/web.py", "app/db.py")
    contains: bool = False
    fetched: int = 0

    def ensure(self, remote: object) -> None: ...

    def fetch(self, remote: object) -> None:
        self.fetched += 1

    def default_branch(self, remote: object) -> str:
        return "main"

    def resolve(self, slug: str, ref: str) -> str:
        return "0" * 40

    def list_files(self, slug: str, sha: str) -> tuple[str, ...]:
        return self.files

    def is_ancestor(self, slug: str, older: str, newer: str) -> bool:
        return self.contains


@dataclass
class Place:
    """A scan and what is around it; the tracker, the scan and people share one clock."""

    registry: Registry
    clock: Clock
    tracker: Tracker
    policy: Policy = POLICY
    mirror: Mirror = field(default_factory=Mirror)

    def __post_init__(self) -> None:
        self.tracker.world.clock = lambda: self.clock().timestamp()
        self.tracker.now = self.clock
        nothing = cast(Any, None)
        self.outside = Outside(
            registry=self.registry,
            engine=nothing,
            repositories=cast(Any, self.mirror),
            github=nothing,
            policy=lambda: self.policy,
            agents=dict,
            remotes=lambda slug: nothing,
            host=nothing,
            environment={},
            agents_home=Path(),
            clock=self.clock,
            new_id=lambda: "",
            tracker=self.tracker.client(),
        )

    async def scan(self) -> ScanReport:
        self.clock.advance(60)
        return await ErrorScan(self.outside).look()

    def do(self, command: Callable[..., Reply], task_id: int = 1, **given: Any) -> Reply:
        return self.registry.write_now(lambda s: command(s, self.clock(), self.policy, ANA, task_id, **given))

    def rows(self, table: type[SQLModel]) -> list[Any]:
        return self.registry.read_now(lambda s: list(s.exec(select(table)).all()))

    def signal(self, name: str = "LEDGERLINE-1") -> Signal:
        (found,) = [one for one in self.rows(Signal) if one.name == name]
        return cast(Signal, found)

    def said(self, kind: str) -> list[str]:
        return [one.payload["text"] for one in self.rows(Outbox) if one.kind == kind]

    def move(self, task_id: int, *steps: tuple[TaskState, Cause]) -> None:
        """Take a task through states, as the rest of the supervisor does."""

        def work(session: Session) -> None:
            task = session.get(Task, task_id)
            assert task is not None
            for state, cause in steps:
                move_task(session, task, state, cause, self.clock())

        self.registry.write_now(work)

    def merge(self, task_id: int, commit: str = "f" * 40) -> None:
        """A started task is merged."""
        self.move(
            task_id,
            (TaskState.QUEUED, Cause.POLICY),
            (TaskState.RUNNING, Cause.ADMITTED),
            (TaskState.VERIFYING, Cause.PR_OPENED),
            (TaskState.MERGED, Cause.MERGED),
        )
        row = PullRequest(
            task_id=task_id, repo=SLUG, number=task_id, node_id=f"PR{task_id}", url="https://x.test", branch="b",
            state="merged", head_sha="a" * 40, head_since=self.clock(), merge_commit=commit, created_at=self.clock(),
        )  # fmt: skip
        self.registry.write_now(lambda s: s.add(row))

    def resolve(self, issue: int = 1) -> None:
        """What the tracker does when it reads what a merge fixes."""
        self.tracker.world.memory.change(
            issue, status="resolved", substatus="", resolved_at=self.clock().timestamp(), resolved_in="f" * 40
        )


@pytest.fixture
async def place(tmp_path: Path, registry: Registry, clock: Clock) -> AsyncIterator[Place]:
    async with tracker(tmp_path / "playground") as made:
        yield Place(registry, clock, made)


async def test_an_error_becomes_a_proposal_that_nobody_has_started(place: Place) -> None:
    place.tracker.happen(3)
    assert (await place.scan()).proposed == ["T-1"]
    (task,), (request,) = place.rows(Task), place.rows(Request)
    assert task.state is TaskState.PROPOSED and task.repo == SLUG and task.requester == "signal:1"
    assert request.source == "signal" and request.permalink.endswith("/sentry/issues/1/")
    assert task.title == "Fix ValueError in invoice_page: it broke"
    signal = place.signal()
    assert (signal.state, signal.task_id, signal.repo) == (SignalState.PROPOSED, 1, SLUG)
    assert all(gate.ok for gate in read_gates(signal)) and len(read_gates(signal)) == 17
    assert [one.path for one in read_facts(signal).places] == ["app/web.py"]
    assert [one.kind for one in place.rows(Outbox)] == ["card"]
    assert place.rows(Judgement) == [], "no model is asked before a person has started it"


async def test_an_open_issue_is_proposed_once_however_often_it_happens(place: Place) -> None:
    place.tracker.happen(3)
    await place.scan()
    for _ in range(4):
        place.tracker.happen(20)
        assert (await place.scan()).proposed == []
    assert len(place.rows(Task)) == len(place.rows(Signal)) == 1
    assert read_facts(place.signal()).issue.count == 83, "the card shows the numbers of now"


async def test_what_a_gate_refuses_is_kept_with_its_reason_and_judged_again(place: Place) -> None:
    place.tracker.happen(2)
    await place.scan()
    signal = place.signal()
    assert signal.state is SignalState.REFUSED and signal.task_id is None
    assert signal.reason == "2 events, 2 people; 3 events or 3 people are wanted"
    assert not any(path.endswith("/events/latest/") for path, _ in place.tracker.calls()), "no call for nothing"
    place.tracker.happen(1)
    assert (await place.scan()).proposed == ["T-1"]


async def test_code_of_another_repository_is_not_ours(place: Place) -> None:
    place.mirror.files = ("src/main.rs",)
    place.tracker.happen(3)
    await place.scan()
    assert place.signal().reason == f"none of its files is in {SLUG}"


async def test_start_scopes_it_with_its_trace_and_is_on_record(place: Place) -> None:
    place.tracker.happen(3)
    await place.scan()
    version = place.rows(Task)[0].version
    assert place.do(commands.start, version=version).ok
    again = place.do(commands.start, version=version)
    assert not again.ok, "a second press does nothing"
    (task,), (asked,) = place.rows(Task), place.rows(Judgement)
    assert task.state is TaskState.SCOPING and asked.kind == "scope"
    assert asked.facts["request"] == "Fix ValueError in invoice_page: it broke" and asked.facts["repo_hint"] == SLUG
    assert place.signal().state is SignalState.STARTED
    by = [(one.actor, one.subject, one.after) for one in place.rows(Event) if one.actor == "U0ANA"]
    assert by == [("U0ANA", "task", "scoping"), ("U0ANA", "signal LEDGERLINE-1", "started")]
    place.tracker.happen(30)
    assert (await place.scan()).proposed == []


async def test_approving_a_proposal_by_its_verb_is_starting_it(place: Place) -> None:
    place.tracker.happen(3)
    await place.scan()
    assert place.do(commands.approve).ok
    assert place.rows(Task)[0].state is TaskState.SCOPING


async def test_snooze_comes_back_after_its_time_by_the_clock_and_not_before(place: Place) -> None:
    place.tracker.happen(3)
    await place.scan()
    version = place.rows(Task)[0].version
    assert place.do(commands.snooze, version=version).ok
    assert not place.do(commands.start, version=version).ok, "the button is from before"
    task = place.rows(Task)[0]
    assert task.state is TaskState.PROPOSED and task.not_before == place.signal().not_before
    place.clock.advance(7 * DAY_S - 300)
    place.tracker.happen(5)
    assert (await place.scan()).proposed == [] and place.signal().state is SignalState.SNOOZED
    place.clock.advance(300)
    await place.scan()
    assert place.signal().state is SignalState.PROPOSED and place.rows(Task)[0].not_before is None
    (note,) = place.said("note")
    assert "LEDGERLINE-1 was set aside" in note and "8 events" in note
    await place.scan()
    assert len(place.said("note")) == len(place.rows(Task)) == 1
    assert place.do(commands.start).ok


async def test_a_snoozed_proposal_can_be_started_before_its_time(place: Place) -> None:
    place.tracker.happen(3)
    await place.scan()
    place.do(commands.snooze)
    assert place.do(commands.start).ok
    assert place.signal().state is SignalState.STARTED and place.signal().not_before is None


@pytest.mark.parametrize("command", [commands.never, commands.reject, commands.stop])
async def test_never_is_never(place: Place, command: Callable[..., Reply]) -> None:
    place.tracker.happen(3)
    await place.scan()
    assert place.do(command).ok
    for _ in range(3):
        place.clock.advance(30 * DAY_S)
        place.tracker.happen(50)
        assert (await place.scan()).proposed == []
    assert place.signal().state is SignalState.MUTED and len(place.rows(Task)) == 1


async def test_a_proposal_goes_when_somebody_else_resolves_the_issue(place: Place) -> None:
    place.tracker.happen(3)
    await place.scan()
    place.resolve()
    await place.scan()
    assert place.rows(Task)[0].state is TaskState.DROPPED
    assert place.signal().state is SignalState.RESOLVED
    assert place.signal().reason == "Sentry says that LEDGERLINE-1 is resolved"


async def test_after_the_merge_the_trackers_word_is_passed_on_once(place: Place) -> None:
    place.tracker.happen(3)
    await place.scan()
    place.do(commands.start)
    place.merge(1)
    await place.scan()
    assert place.signal().state is SignalState.MERGED and place.said("note") == []
    place.resolve()
    await place.scan()
    await place.scan()
    assert place.said("note") == ["Sentry resolved LEDGERLINE-1. If it comes back after the deploy, I say so."]
    assert place.signal().state is SignalState.RESOLVED


async def test_a_tracker_that_resolves_nothing_is_named_once(place: Place) -> None:
    place.tracker.happen(3)
    await place.scan()
    place.do(commands.start)
    place.merge(1)
    await place.scan()
    place.clock.advance(3600)
    await place.scan()
    await place.scan()
    (note,) = place.said("note")
    assert "has not resolved LEDGERLINE-1" in note and "Connect the repository" in note


async def test_an_issue_that_comes_back_after_the_fix_is_proposed_again_and_twice_at_most(place: Place) -> None:
    place.tracker.happen(3, release="1.0")
    for round_, task_id in enumerate((1, 2), 1):
        assert (await place.scan()).proposed == [f"T-{task_id}"]
        place.do(commands.start, task_id)
        place.merge(task_id)
        await place.scan()
        place.tracker.happen(2, release=f"{round_}.0")
        assert (await place.scan()).proposed == [], "the fix is not deployed yet"
        place.resolve()
        await place.scan()
        place.tracker.happen(1, release=f"{round_ + 1}.0")
    assert (await place.scan()).proposed == []
    assert place.signal().reason == "2 fixes of it did not hold: a person has to look"
    second = place.rows(Task)[1]
    assert (second.priority, second.priority_reason) == ("p1", "it came back after T-1")


@pytest.mark.parametrize(("contains", "proposed"), [(False, []), (True, ["T-2"])])
async def test_what_fails_without_the_fix_in_it_waits_for_the_deploy(
    place: Place, contains: bool, proposed: list[str]
) -> None:
    place.tracker.happen(3, release="a" * 40)
    await place.scan()
    place.do(commands.start)
    place.merge(1)
    place.resolve()
    await place.scan()
    place.mirror.contains = contains
    place.tracker.happen(1, release="b" * 40)
    assert (await place.scan()).proposed == proposed


async def test_more_than_people_can_decide_waits_its_turn(place: Place) -> None:
    for n in range(7):
        place.tracker.happen(3 + n, function=f"f{n}")
    assert len((await place.scan()).proposed) == 3
    waiting = [one for one in place.rows(Signal) if one.state is SignalState.WAITING]
    assert len(waiting) == 4 and {one.reason for one in waiting} == {
        "3 proposals were made in one look; its turn comes"
    }
    assert len((await place.scan()).proposed) == 2, "no new event is needed"
    assert (await place.scan()).proposed == []
    assert {one.reason for one in place.rows(Signal) if one.state is SignalState.WAITING} == {
        "5 proposals wait for a person already"
    }
    place.do(commands.never, 1)
    assert len((await place.scan()).proposed) == 1


async def test_a_flood_of_issues_is_looked_at_by_and_by(place: Place) -> None:
    place.policy = replace(POLICY, errors=replace(POLICY.errors, per_scan=50, open_proposals=100))
    for n in range(25):
        place.tracker.happen(3, function=f"f{n}")
    assert len((await place.scan()).proposed) == 20
    assert len((await place.scan()).proposed) == 5


OUTAGES: list[tuple[int | str, str]] = [
    ("down", "Sentry has trouble of its own (503)."),
    (401, "Sentry does not accept the token"),
    (403, "event:read"),
    (404, "SENTRY_ORG"),
    (429, "Sentry asks for a pause"),
    ("page", "not Sentry's API"),
    ("shapeless", "not Sentry's API"),
    ("drop", "cannot be reached"),
]


@pytest.mark.parametrize(("answer", "words"), OUTAGES)
async def test_a_tracker_that_fails_is_told_once_and_picked_up_again(
    place: Place, answer: int | str, words: str
) -> None:
    place.tracker.happen(3)
    place.tracker.world.fault({"answer": answer, "next": 999, "retry_after": 5})
    for _ in range(12):
        place.clock.advance(300)
        report = await place.scan()
        assert report.skipped and report.proposed == []
    (alert,) = place.said("alert")
    assert words in alert and "everything else goes on" in alert
    assert place.rows(Task) == place.rows(Signal) == []
    place.tracker.world.fault({"clear": True})
    place.clock.advance(1000)
    assert (await place.scan()).proposed == ["T-1"]
    assert place.said("alert")[1:] == ["Sentry answers again; everything is picked up."]


async def test_a_tracker_that_is_down_is_left_alone_for_a_while(place: Place) -> None:
    place.tracker.world.fault({"answer": 429, "next": 99, "retry_after": 600})
    await place.scan()
    calls = len(place.tracker.calls())
    for _ in range(9):
        assert "is asked again at" in (await place.scan()).skipped
    assert len(place.tracker.calls()) == calls


@pytest.mark.parametrize("path", ["/issues/", "/events/latest/"])
async def test_the_cursor_moves_only_with_the_rows(place: Place, path: str) -> None:
    """Whatever fails in the middle of a look, the next one sees the same issues again."""
    place.tracker.happen(3)
    place.tracker.world.fault({"answer": 503, "next": 3, "path": path})
    await place.scan()
    assert place.rows(Signal) == []
    fact = place.registry.read_now(lambda s: recall(s, CURSOR)) or {}
    assert fact["cursor"] is None and fact["failures"] == 1
    place.clock.advance(60)
    assert (await place.scan()).proposed == ["T-1"]
    fact = place.registry.read_now(lambda s: recall(s, CURSOR)) or {}
    assert fact["cursor"] == read_facts(place.signal()).issue.last_seen.isoformat()


async def test_a_look_whose_rows_cannot_be_written_has_done_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.tracker.happen(3)

    def refuse(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("scheduler.discovery.scan.remember", refuse)  # the last thing of the transaction
    with pytest.raises(OSError, match="disk full"):
        await place.scan()
    assert place.rows(Signal) == place.rows(Task) == place.rows(Outbox) == []
    monkeypatch.undo()
    assert (await place.scan()).proposed == ["T-1"]
    assert len(place.rows(Task)) == 1


async def test_other_projects_start_with_a_cursor_of_their_own(place: Place) -> None:
    place.tracker.happen(3)
    await place.scan()
    place.outside = replace(place.outside, tracker=place.tracker.client(projects=()))
    assert (await place.scan()).seen == 1
    assert len(place.rows(Signal)) == 1, "the same issue is the same row"


async def test_nothing_is_scanned_where_nobody_wants_it(place: Place) -> None:
    place.tracker.happen(3)
    place.policy = replace(POLICY, errors=replace(POLICY.errors, enabled=False))
    assert (await place.scan()).skipped and place.tracker.calls() == []
    place.outside = replace(place.outside, tracker=None)
    assert (await place.scan()).skipped
