"""A pull request's life, numbered as in docs/lifecycle.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from integrations.git import RepositoryBusy
from integrations.github import Comment, LightBatch, PullDetail, PullRef, Thread
from integrations.github.pulls import find_pull
from scheduler.failures import apply_diagnosis
from scheduler.judging import Diagnosed, Kind
from scheduler.lifecycle import AttemptState, Cause, PullState, TaskState
from scheduler.monitor import Monitor
from scheduler.publishing import Publisher
from scheduler.registry import Attempt, Event, Judgement, PullRequest, Registry, Task
from scheduler.registry.writers import move_task
from tests.conftest import Clock
from tests.unit.supervised import NODE, SLUG, FakeGitHub, Stand, Truth, sha


class Busy(FakeGitHub):
    """A pull request with more on it than checks."""

    conflict = False
    comments: tuple[Comment, ...] = ()
    conclusion = ""

    def light(self, node_ids):  # type: ignore[no-untyped-def]  # as above it
        batch = super().light(node_ids)
        if not batch.pulls:
            return batch
        (one,) = batch.pulls.values()
        more = f"{one.fingerprint}:{self.conflict}:{len(self.comments)}:{self.conclusion}"
        seen = replace(one, mergeable="no" if self.conflict else "yes", fingerprint=more)
        return replace(batch, pulls={NODE: seen})

    def detail(self, slug: str, number: int) -> PullDetail:
        seen = super().detail(slug, number)
        threads = tuple(Thread(f"T{one.id}", "app/export.py", 3, False, False, (one,)) for one in self.comments)
        checks = tuple(replace(check, conclusion=self.conclusion) for check in seen.checks)
        return replace(seen, threads=threads, people_comments=self.comments, checks=checks)


@pytest.fixture
def stand(registry: Registry, clock: Clock) -> Stand:
    made = Stand(registry, clock)
    made.github = Busy()
    made._parts()
    return made


@pytest.fixture
def github(stand: Stand) -> Busy:
    assert isinstance(stand.github, Busy)
    return stand.github


def comment(number: int, body: str = "use semicolons") -> Comment:
    return Comment(
        id=f"C{number}", author="ben", author_is_user=True, body=body, url="", created_at=None,  # type: ignore[arg-type]  # not looked at
        path="app/export.py", line=3, thread_id=f"TC{number}",
    )  # fmt: skip


async def tick(stand: Stand) -> None:
    await stand.look()
    if stand.wanted:
        await stand.detail()
    await stand.diff()
    if "ci" in await stand.judge():
        await stand.explain()
    stand.clock.advance(20)


def asked(stand: Stand) -> list[str]:
    """The causes that a diagnosis was asked for, oldest first."""
    return [str(row.facts["cause"]) for row in stand.rows(Judgement, kind=Kind.DIAGNOSE)]


def mended(stand: Stand, n: int) -> None:
    """The diagnosis is answered, and the next attempt pushes head `n`."""

    def work(session: Session) -> None:
        row = session.exec(select(Judgement).where(Judgement.kind == Kind.DIAGNOSE, Judgement.state == "asked")).one()
        row.answer = Diagnosed(summary="It failed.", change="inject", prompt="again").model_dump(mode="json")
        apply_diagnosis(session, stand.clock(), stand.policy, row)
        session.flush()
        task, pull = session.get(Task, 1), session.get(PullRequest, 1)
        assert task is not None and pull is not None
        move_task(session, task, TaskState.RUNNING, Cause.ADMITTED, stand.clock())
        pull.head_sha = pull.pushed_sha = sha(n)
        move_task(session, task, TaskState.VERIFYING, Cause.PR_OPENED, stand.clock())

    stand.change(work)
    stand.github.head = sha(n)


@pytest.mark.proves("A2")
async def test_scenario_14_a_red_check_is_told_once_while_it_stays_red(stand: Stand) -> None:
    """Eight ticks and two restarts on the same red head: one question, one count, and the log with it."""
    stand.github.truths[sha(1)] = Truth(checks="fail")
    stand.task_in(TaskState.VERIFYING)
    for n in range(8):
        await tick(stand)
        if n % 3 == 2:
            stand.reopen()
    assert asked(stand) == ["ci"] and stand.task().retries_failure == 1
    evidence = "\n".join(stand.rows(Judgement)[0].facts["evidence"])
    assert "check tests is red" in evidence and "FAILED tests/test_a.py::test_total" in evidence
    assert stand.task().state is TaskState.DIAGNOSING, "it waits for an answer and not for the next change of CI"


async def test_scenario_14_a_cancelled_check_sends_nobody_back(stand: Stand, github: Busy) -> None:
    github.truths[sha(1)] = Truth(checks="fail")
    github.conclusion = "cancelled"
    stand.task_in(TaskState.VERIFYING)
    for _ in range(4):
        await tick(stand)
    assert asked(stand) == [] and stand.task().retries_failure == 0
    (call,) = stand.said("needs_help")
    assert "run it again" in stand.task().help_cause and call.task_id == 1
    github.truths[sha(1)], github.conclusion = Truth(), "success"
    await tick(stand)
    assert stand.task().state is TaskState.VERIFYING, "and it goes on when somebody did"


@pytest.mark.proves("C")
async def test_scenario_17_a_restart_tells_nothing_twice_and_forgets_no_count(stand: Stand) -> None:
    stand.github.truths[sha(1)] = Truth(checks="fail")
    stand.task_in(TaskState.VERIFYING)
    await tick(stand)
    before = (asked(stand), stand.task().retries_failure, [row.dedupe_key for row in stand.said("card")])
    for _ in range(3):
        stand.reopen()
        await tick(stand)
    assert (asked(stand), stand.task().retries_failure, [row.dedupe_key for row in stand.said("card")]) == before
    assert [row.state for row in stand.rows(Judgement)] == ["asked"], "what was pending still is"


async def test_scenario_18_red_conflicting_and_commented_at_once_are_three_things(stand: Stand, github: Busy) -> None:
    """One agent mends them one after the other; none of the three is lost for another, and each has its count."""
    github.truths |= {sha(n): Truth(checks="fail") for n in (1, 2, 3)}
    github.conflict, github.comments = True, (comment(1),)
    stand.task_in(TaskState.VERIFYING)
    seen: list[str] = []
    for n in (2, 3, 4):
        for _ in range(3):
            await tick(stand)
        seen = asked(stand)
        assert len(seen) == n - 1, seen
        if seen[-1] == "conflict":
            github.conflict = False
        mended(stand, n)
    assert sorted(seen) == ["ci", "conflict", "people"]
    assert (stand.task().retries_failure, stand.task().retries_people) == (2, 1)


async def test_scenario_19_comments_are_told_once_and_a_new_one_again(stand: Stand, github: Busy) -> None:
    """By their ids; an answer that fails leaves what was known; a bot's words are no person's."""
    stand.task_in(TaskState.VERIFYING)
    github.comments = (comment(1),)
    await tick(stand)
    assert asked(stand) == ["people"]
    mended(stand, 2)
    for _ in range(4):
        await tick(stand)
    assert asked(stand) == ["people"], "the thread is still open, and was told"
    github.down = True
    with pytest.raises(Exception, match="down"):
        await stand.detail()
    assert [one["id"] for one in stand.pull.facts["unresolved"]] == ["C1"]
    github.down = False
    github.comments = (comment(1), comment(2, "and a header"))
    for _ in range(3):
        await tick(stand)
    told = stand.rows(Judgement, kind=Kind.DIAGNOSE)[-1].facts["evidence"]
    assert asked(stand) == ["people", "people"] and "and a header" in told[0] and len(told) == 1


@pytest.mark.proves("K")
async def test_scenario_20_a_conflict_is_told_once_and_again_when_it_recurs(stand: Stand, github: Busy) -> None:
    stand.task_in(TaskState.VERIFYING)
    github.conflict = True
    for _ in range(4):
        await tick(stand)
    assert asked(stand) == ["conflict"]
    github.conflict = False
    mended(stand, 2)
    for _ in range(4):
        await tick(stand)
        stand.council()
    assert stand.task().state is TaskState.READY, "solved"
    github.conflict, github.base = True, sha(1001)
    for _ in range(4):
        await tick(stand)
    assert asked(stand) == ["conflict", "conflict"]
    github.state = "merged"
    for _ in range(3):
        await tick(stand)
    assert stand.task().state is TaskState.MERGED and len(asked(stand)) == 2


async def test_scenario_12_a_pull_request_has_one_owner(stand: Stand) -> None:
    """Publishing again, as after a crash, is as good as once; a second row of the same number cannot be."""
    stand.task_in(TaskState.RUNNING, pull=False)
    ref = PullRef("PR_7", 7, "https://example.test/7", sha(1))
    publisher = Publisher(stand.outside)
    for _ in range(3):
        stand.change(lambda s: publisher._published(s, 1, ref))
    assert [(one.task_id, one.number) for one in stand.rows(PullRequest)] == [(1, 7)]
    assert len([row for row in stand.rows(Event) if row.what == "pull_request"]) == 1
    stand.task_in(TaskState.RUNNING, pull=False)

    def steal(session: Session) -> None:
        now = stand.clock()
        session.add(
            PullRequest(
                task_id=2, repo=SLUG, number=7, node_id="PR_7", url="", branch="x", state=PullState.OPEN,
                head_sha=sha(1), head_since=now, created_at=now,
            )
        )  # fmt: skip

    with pytest.raises(IntegrityError):
        stand.change(steal)


def test_scenario_13_a_forks_branch_of_the_same_name_is_not_ours() -> None:
    """GitHub lists what matches `owner:branch`; a fork that was renamed, moved or deleted may match all the same."""

    def pull(number: int, where: str | None, branch: str = "waggle/t-1-x") -> SimpleNamespace:
        repository = SimpleNamespace(full_name=where) if where else None
        head = SimpleNamespace(ref=branch, repo=repository, sha=sha(number))
        return SimpleNamespace(node_id=f"PR_{number}", number=number, html_url="", head=head)

    found = [pull(1, "ben/app"), pull(2, None), pull(3, SLUG, "waggle/t-1-xy")]
    repository = SimpleNamespace(get_pulls=lambda state, head: found)

    class Connection:
        @contextmanager
        def calling(self, what: str) -> Iterator[SimpleNamespace]:
            yield SimpleNamespace(get_repo=lambda slug: repository)

    connection = cast(Any, Connection())
    assert find_pull(connection, SLUG, "waggle/t-1-x") is None
    found.append(pull(4, SLUG))
    assert find_pull(connection, SLUG, "waggle/t-1-x") == PullRef("PR_4", 4, "", sha(4))


async def test_scenario_13_a_renamed_repository_keeps_its_pull_request(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for by GitHub's own id, which no rename changes."""
    stand.task_in(TaskState.VERIFYING)
    looked: list[str] = []
    light = stand.github.light

    def noted(ids: Sequence[str]) -> LightBatch:
        looked.extend(ids)
        return light(ids)

    monkeypatch.setattr(stand.github, "light", noted)
    await tick(stand)
    assert looked == [NODE]


async def test_scenario_22_a_merge_while_the_agent_works_stops_it_first_and_a_cleanup_that_fails_is_tried_again(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is removed under a living agent; what was cleaned is not cleaned again."""
    stand.task_in(TaskState.RUNNING)

    def alive(session: Session) -> None:
        attempt = session.exec(select(Attempt)).one()
        attempt.state, attempt.outcome, attempt.published = AttemptState.RUNNING, "", True

    stand.change(alive)
    stand.engine.run_of("t-1-a1")
    stand.github.state = "merged"
    order: list[str] = []
    problems = [RepositoryBusy("busy", retryable=True), RepositoryBusy("busy", retryable=True)]

    def workspaces(slug: str) -> list[object]:
        order.append("clean" if "t-1-a1" in stand.engine.stopped else "cleaned under a living agent")
        if problems:
            raise problems.pop()
        return []

    monkeypatch.setattr(stand.repositories, "workspaces", workspaces, raising=False)
    monkeypatch.setattr(stand.repositories, "delete_remote_branch", lambda *_: order.append("branch"), raising=False)
    monitor = Monitor(stand.outside, lambda: None)
    for _ in range(8):
        await monitor.tick()
        await monitor.jobs.settle(5.0)
        monitor.jobs._not_before.clear()  # the pauses between two tries are real seconds
        stand.clock.advance(30)
    assert stand.task().state is TaskState.MERGED and stand.engine.stopped == ["t-1-a1"]
    assert problems == [] and order[-1] == "branch" and set(order[:-1]) == {"clean"}
    assert stand.task().cleaned_at is not None


async def test_scenario_23_a_task_with_a_closed_and_a_merged_pull_request_is_merged(stand: Stand) -> None:
    """The first was closed and a person took the task up again: the second decides, in whatever order they are seen."""
    stand.task_in(TaskState.VERIFYING)

    def second(session: Session) -> None:
        first = session.exec(select(PullRequest)).one()
        first.state, first.number, first.node_id = PullState.CLOSED, 99, "PR_99"
        now = stand.clock()
        session.add(
            PullRequest(
                task_id=1, repo=SLUG, number=100, node_id=NODE, url="", branch=first.branch, state=PullState.OPEN,
                head_sha=sha(1), base_sha=sha(1000), head_since=now, created_at=now,
            )
        )  # fmt: skip

    stand.change(second)
    for _ in range(3):
        await stand.look()
        assert stand.task().state is not TaskState.MERGED
        stand.clock.advance(20)
    stand.github.state = "merged"
    await stand.look()
    for pull_id, fingerprint in stand.wanted:
        await stand.watcher.detail(pull_id, fingerprint)
    assert stand.task().state is TaskState.MERGED
    assert [one.state for one in stand.rows(PullRequest)] == [PullState.CLOSED, PullState.MERGED]


@pytest.mark.proves("E''")
@pytest.mark.parametrize("state", [TaskState.NEEDS_HELP, TaskState.STOPPED, TaskState.DIAGNOSING, TaskState.ASKING])
async def test_scenario_24_a_merge_is_seen_whatever_became_of_the_agent(stand: Stand, state: TaskState) -> None:
    stand.task_in(state)
    stand.github.state = "merged"
    await stand.look()
    await stand.detail()
    assert stand.task().state is TaskState.MERGED and len(stand.said("merged")) == 1


@pytest.mark.proves("E'")
async def test_probe_e1_red_ci_is_told_though_its_agent_is_long_gone(stand: Stand) -> None:
    stand.task_in(TaskState.READY)
    stand.change(partial(_ready, stand))
    stand.github.truths[sha(1)] = Truth(checks="fail")
    await tick(stand)
    assert asked(stand) == ["ci"] and len(stand.said("ready_withdrawn")) == 1


def _ready(stand: Stand, session: Session) -> None:
    session.exec(select(PullRequest)).one().ready_head = stand.github.head
