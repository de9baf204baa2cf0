"""The sweep over real repositories, run directories and rows: orphans go with proof, and the home stays bounded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from integrations.engines import RunSpec, RunState
from integrations.engines.local import LocalEngine
from integrations.git import Repositories
from scheduler.lifecycle import AttemptState, PullState, TaskState
from scheduler.registry import Attempt, Event, Inbox, Outbox, PullRequest, Registry, Request, Task
from scheduler.sweeping import Sweeper, read_leftovers
from tests.conftest import Clock
from tests.integration.git_world import SLUG, World, git, new_world
from tests.integration.loop import compose, open_home, place_at, policy

BRANCH = "waggle/t-1-work"


@dataclass
class Home:
    """A Waggle home with a mirror, a registry and a sweeper, and nothing that runs by itself."""

    world: World
    registry: Registry
    sweeper: Sweeper
    engine: LocalEngine
    clock: Clock

    async def sweep(self) -> list[str]:
        """One sweep and everything that it wants done."""
        chores = await self.sweeper.look()
        for chore in chores:
            await chore.work()
        return [chore.key for chore in chores]

    def task(self, task_id: int, state: TaskState, cleaned: datetime | None = None) -> None:
        now = self.clock()

        def work(session) -> None:
            session.add(
                Request(id=task_id, dedupe_key=str(task_id), text="x", requester="u", source="cli", created_at=now)
            )
            session.flush()
            session.add(Task(
                id=task_id, request_id=task_id, state=state, title="t", repo=SLUG, branch=f"waggle/t-{task_id}-work",
                cleaned_at=cleaned, created_at=now, updated_at=now,
            ))  # fmt: skip

        self.registry.write_now(work)

    def attempt(self, task_id: int, n: int) -> None:
        now = self.clock()
        self.registry.write_now(lambda s: s.add(Attempt(
            task_id=task_id, n=n, name=f"t-{task_id}-a{n}", state=AttemptState.ENDED, agent="a", prompt="p",
            created_at=now, ended_at=now,
        )))  # fmt: skip

    def ran(self, name: str) -> None:
        self.engine.run(RunSpec(name=name, argv=("/bin/true",), cwd=self.world.root, deadline_s=30))

    def runs(self) -> set[str]:
        return {one.name for one in self.engine.list()}

    def events(self) -> list[tuple[str, str, str]]:
        return self.registry.read_now(lambda s: [(e.what, e.subject, e.why) for e in s.exec(select(Event)).all()])

    def leftovers(self) -> list[tuple[str, str]]:
        return [(one.what, one.name) for one in self.registry.read_now(read_leftovers)]


@pytest.fixture
def home(tmp_path: Path):
    world = new_world(tmp_path)
    registry = open_home(tmp_path / "home")
    clock = Clock()
    loop = compose(tmp_path / "home", place_at(tmp_path / "p"), registry, policy(), tick_s=1)
    outside = replace(loop.outside, clock=clock, repositories=world.repositories, remotes=lambda slug: world.remote)
    yield Home(world, registry, Sweeper(outside), LocalEngine(tmp_path / "home" / "runs"), clock)
    registry.close()


async def test_a_workspace_that_no_row_knows_goes_and_its_work_is_rescued(home: Home) -> None:
    tree = home.world.workspace("t-7", "waggle/t-7-prüfung")
    sha = home.world.work(tree, {"neu-新.txt": "x"}, "committed")
    (tree.path / "left.txt").write_text("uncommitted")
    assert await home.sweep() == ["remove the orphan t-7"]
    assert not tree.path.exists() and home.world.repositories.every_workspace() == []
    [saved] = home.world.repositories.rescued(SLUG)
    assert saved.workspace == "t-7" and home.world.files_at(saved.sha)["left.txt"] == "uncommitted"
    assert home.world.mirror_ref(f"{saved.sha}^1") == sha
    [(subject, why)] = [one[1:] for one in home.events() if one[0] == "orphan_removed"]
    assert subject == "workspace t-7" and "no task of this registry" in why and saved.ref in why
    assert await home.sweep() == []
    assert home.leftovers() == [("rescued work", f"{saved.ref} in {SLUG}")]


async def test_what_a_task_wants_is_not_touched(home: Home) -> None:
    home.task(1, TaskState.STOPPED)
    tree = home.world.workspace("t-1", BRANCH)
    home.attempt(1, 1)
    home.ran("t-1-a1")
    assert await home.sweep() == []
    assert tree.path.exists() and home.runs() == {"t-1-a1"}


async def test_a_process_that_no_row_knows_is_stopped_before_its_workspace_goes(home: Home) -> None:
    tree = home.world.workspace("t-8", "waggle/t-8-x")
    home.engine.start(RunSpec(name="t-8-a1", argv=("/bin/sleep", "600"), cwd=tree.path, deadline_s=600))
    assert await home.sweep() == ["stop t-8-a1, which nobody knows"]
    assert home.engine.find("t-8-a1").state is RunState.ENDED and tree.path.exists()
    assert home.leftovers() == [("workspace", "t-8")]
    assert await home.sweep() == ["remove the orphan t-8"]
    assert not tree.path.exists() and home.leftovers() == []


async def test_a_directory_without_a_record_is_named_and_left(home: Home) -> None:
    mine = home.world.repositories.places.work / "meine Sachen"
    mine.mkdir(parents=True)
    (mine / "a.txt").write_text("a")
    await home.sweep()
    await home.sweep()
    assert home.leftovers() == [("directory", "work/meine Sachen")] and (mine / "a.txt").exists()
    assert len([one for one in home.events() if one[0] == "left_over"]) == 1, "said once"


async def test_a_workspace_that_cannot_be_saved_stays_with_its_reason(home: Home, tmp_path: Path) -> None:
    tree = home.world.workspace("t-7", "waggle/t-7-x")
    (tree.path / "left.txt").write_text("uncommitted")
    lock = home.world.repositories.places.mirror(SLUG) / "refs" / "waggle"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text("in the way")
    await home.sweep()
    assert (tree.path / "left.txt").read_text() == "uncommitted"
    assert home.leftovers() == [("workspace", "t-7")]


async def test_the_home_stays_bounded_however_many_tasks_pass(home: Home) -> None:
    """Ten days of tasks a month ago leave as little as one: files and rows are counted, not seconds."""
    left = []
    for day in range(1, 7):
        home.task(day, TaskState.MERGED, cleaned=home.clock())
        home.attempt(day, 1)
        for name in (f"t-{day}-a1", f"t-{day}-a1-verify"):
            (home.engine._runs / name).mkdir()
            (home.engine._runs / name / "events.jsonl").write_text("{}\n" * 1000)
        rescued = home.world.workspace(f"t-{day}", f"waggle/t-{day}-work")
        (rescued.path / "left.txt").write_text(str(day))
        home.world.repositories.rescue(SLUG, rescued.path, f"refs/waggle/rescue/t-{day}/1")
        home.world.repositories.remove_workspace(SLUG, f"t-{day}", f"waggle/t-{day}-work")

        def talk(session, day: int = day) -> None:
            for n in range(20):
                at = home.clock()
                session.add(
                    Outbox(dedupe_key=f"{day}.{n}", kind="note", state="sent", task_id=day, created_at=at, sent_at=at)
                )
                session.add(Inbox(delivery_key=f"{day}.{n}", kind="said", state="done", received_at=at, handled_at=at))

        home.registry.write_now(talk)
        home.clock.now = max(
            home.clock() + timedelta(days=40), datetime.now(home.clock().tzinfo) + timedelta(days=40 * day)
        )
        await home.sweep()
        rows = home.registry.read_now(lambda s: (len(s.exec(select(Outbox)).all()), len(s.exec(select(Inbox)).all())))
        left.append((len(home.runs()), len(home.world.repositories.rescued(SLUG)), *rows))
    assert left == [(0, 0, 0, 1)] * 6
    told = {what: why for what, _, why in home.events()}
    assert "t-6-a1-verify" in told["runs_removed"] and "refs/waggle/rescue/t-6/1" in told["rescued_dropped"]


async def test_branches_that_nobody_knows_are_named_and_only_what_was_merged_goes(home: Home) -> None:
    """The remote's branches: one of no task, one closed, one merged, one merged and pushed to since, one in work."""
    repositories, clock = home.world.repositories, home.clock
    head = home.world.push({"a.txt": "1"}, branch="waggle/t-99-foreign")
    for task_id in (2, 3, 4):
        home.world.push({"a.txt": str(task_id)}, branch=f"waggle/t-{task_id}-work")
    home.world.push({"a.txt": "5"}, branch="waggle/t-5-work")
    home.world.push({"a.txt": "6"}, branch="people/t-6")
    home.world.ready()
    git("--git-dir", str(home.world.pool), "update-ref", "refs/heads/idee-新", head, cwd=home.world.root)
    at = repositories.branches(SLUG)
    states = {2: PullState.CLOSED, 3: PullState.MERGED, 4: PullState.MERGED, 5: PullState.OPEN}
    for task_id, state in states.items():
        over = TaskState.DROPPED if state is PullState.CLOSED else TaskState.MERGED
        home.task(task_id, TaskState.READY if task_id == 5 else over, None if task_id == 5 else clock())
        tip = at[f"waggle/t-{task_id}-work"] if task_id != 4 else "0" * 40

        def pull(session, task_id: int = task_id, state: PullState = state, tip: str = tip) -> None:
            session.add(PullRequest(
                task_id=task_id, repo=SLUG, number=task_id, node_id="", url="", branch=f"waggle/t-{task_id}-work",
                state=state, head_sha=tip, pushed_sha=tip, head_since=clock(), created_at=clock(),
            ))  # fmt: skip

        home.registry.write_now(pull)

    assert await home.sweep() == [f"remove the branch waggle/t-3-work of {SLUG}"]

    assert home.world.remote_commit("waggle/t-3-work") == ""
    for kept in ("waggle/t-99-foreign", "waggle/t-2-work", "waggle/t-4-work", "waggle/t-5-work", "people/t-6"):
        assert home.world.remote_commit(kept) == at[kept]
    reasons = {one.name: one.why for one in home.registry.read_now(read_leftovers)}
    assert reasons == {
        f"idee-新 in {home.world.pool}": "no task of this registry has it; its commits may be nowhere else, so it is "
        "kept until a person deletes it",
        f"waggle/t-2-work on the remote of {SLUG}": "pull request #2 was closed unmerged, and nothing else holds its "
        "work",
        f"waggle/t-4-work on the remote of {SLUG}": "somebody pushed to it after pull request #4 was merged",
        f"waggle/t-99-foreign on the remote of {SLUG}": "no task of this registry has it, so another Waggle or a "
        "person may need it",
    }
    [(subject, why)] = [one[1:] for one in home.events() if one[0] == "orphan_removed"]
    assert (subject, why[:28]) == ("branch waggle/t-3-work", "pull request #3 was merged; ")
    assert await home.sweep() == []


async def test_the_sweep_is_due_at_start_and_whatever_the_clock_does(home: Home) -> None:
    assert home.sweeper.due()
    await home.sweep()
    assert not home.sweeper.due()
    home.clock.advance(3599)
    assert not home.sweeper.due()
    home.clock.advance(1)
    assert home.sweeper.due()
    await home.sweep()
    home.clock.advance(-7200)
    assert home.sweeper.due(), "a clock that was set back puts nothing off"


def test_repositories_are_found_by_their_mirrors(home: Home) -> None:
    home.world.ready()
    assert home.world.repositories.known() == [SLUG]
    assert isinstance(home.world.repositories, Repositories)
