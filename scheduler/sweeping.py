"""The sweep: what exists is held against rows, at start and once an hour, and what nobody wants goes, with proof.

It sees what ordinary cleaning cannot: what a registry that was restored from a copy does not know, what a kill left,
and what is simply old. Anything that stays although nobody wants it is written down with its reason, once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlmodel import Session, col, select

from integrations.engines import EngineError, RunState, RunView
from integrations.fault import IntegrationError
from integrations.git import Rescued, Worktree
from scheduler.leftovers import (
    Fate,
    Known,
    Leftover,
    judge_pool_branch,
    judge_remote_branch,
    judge_rescued,
    judge_run,
    judge_workspace,
)
from scheduler.outside import Outside
from scheduler.ports import give_back_port
from scheduler.registry.work import Attempt, PullRequest, Task
from scheduler.registry.writers import recall, record, remember
from scheduler.retention import archive, count, let_go_of_rows
from scheduler.steps import StepName

log = structlog.get_logger(__name__)

LEFTOVERS = "leftovers"  #: the fact that lists what stays although nobody wants it
_MOST = 200  #: run directories in one sweep


@dataclass(frozen=True)
class Chore:
    """One thing to do about what was found, as a job of its own."""

    key: str
    lane: str
    work: Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class _Seen:
    """What exists."""

    runs: list[RunView]
    trees: list[Worktree]
    strange: list[str]
    rescued: list[tuple[str, Rescued]]
    branches: list[tuple[str, dict[str, str], dict[str, str]]]  #: repository; those of the pool; those of the remote


class Sweeper:
    """Finds and removes what nobody wants."""

    def __init__(self, out: Outside) -> None:
        self._out = out
        self._swept_at: datetime | None = None

    def due(self) -> bool:
        """Whether it is time: at the first look of each life, and then every `keep.sweep_s` seconds."""
        if self._swept_at is None:
            return True
        # A clock that was set back must not put the sweep off for as long as it was ahead.
        return abs(self._out.clock() - self._swept_at) >= timedelta(seconds=self._out.policy().keep.sweep_s)

    async def look(self) -> list[Chore]:
        """Look at everything; what is to be done about it. Rows that are over are let go of at once."""
        out, keep, now = self._out, self._out.policy().keep, self._out.clock()
        seen = await asyncio.to_thread(self._see)
        known = await out.registry.read(_known)
        left: list[Leftover] = []
        chores = [
            *self._chores_of_orphan_runs(seen, known, now),
            *self._chores_of_trees(seen, known, left),
            *self._chores_of_what_is_old(seen, known, now, left),
            *self._chores_of_branches(seen, known, left),
        ]
        left += [
            Leftover("directory", name, "Waggle has no record of it, so it is not touched") for name in seen.strange
        ]

        def work(session: Session) -> None:
            let_go_of_rows(session, now, keep)
            archive(session, now, keep)
            _write_down(session, now, left)

        await out.registry.write(work)
        self._swept_at = now
        return chores

    def _see(self) -> _Seen:
        runs = self._out.engine.list()
        slugs = self._out.repositories.known()
        rescued = [(slug, one) for slug in slugs for one in self._out.repositories.rescued(slug)]
        trees = self._out.repositories.every_workspace()
        strange = self._out.repositories.strange_directories()
        branches = [
            (slug, self._out.repositories.pool_branches(slug), self._out.repositories.branches(slug)) for slug in slugs
        ]
        return _Seen(runs, trees, strange, rescued, branches)

    def _chores_of_orphan_runs(self, seen: _Seen, known: Known, now: datetime) -> Iterable[Chore]:
        for one in seen.runs:
            verdict = judge_run(one, known, self._out.policy().keep, now)
            if verdict.fate is Fate.STOPS:
                yield Chore(f"stop {one.name}, which nobody knows", "", partial(self._stop, one.name, verdict.why))

    def _chores_of_trees(self, seen: _Seen, known: Known, left: list[Leftover]) -> Iterable[Chore]:
        alive = frozenset(one.name for one in seen.runs if one.state in {RunState.RUNNING, RunState.STARTING})
        for tree in seen.trees:
            verdict = judge_workspace(tree, known, alive)
            if verdict.fate is Fate.GOES:
                yield Chore(f"remove the orphan {tree.name}", tree.name, partial(self._remove_tree, tree, verdict.why))
            elif verdict.fate is Fate.SKIPPED:
                left.append(Leftover("workspace", tree.name, verdict.why))

    def _chores_of_what_is_old(self, seen: _Seen, known: Known, now: datetime, left: list[Leftover]) -> Iterable[Chore]:
        keep = self._out.policy().keep
        saved = []
        for slug, one in seen.rescued:
            verdict = judge_rescued(one, known, keep, now)
            if verdict.fate is Fate.GOES:
                saved.append((slug, one))
            elif verdict.fate is Fate.SKIPPED:
                left.append(Leftover("rescued work", f"{one.ref} in {slug}", verdict.why))
        runs = [one.name for one in seen.runs if judge_run(one, known, keep, now).fate is Fate.GOES][:_MOST]
        if saved or runs:
            yield Chore("let go of what is old", "", partial(self._let_go, saved, runs))

    def _chores_of_branches(self, seen: _Seen, known: Known, left: list[Leftover]) -> Iterable[Chore]:
        for slug, pool, remote in seen.branches:
            worked_on = {one.branch for one in seen.trees if one.slug == slug}
            for branch in pool:
                verdict = judge_pool_branch(slug, branch, worked_on, known)
                if verdict.fate is Fate.SKIPPED:
                    left.append(
                        Leftover("branch", f"{branch} in {self._out.repositories.places.pool(slug)}", verdict.why)
                    )
            for branch, sha in remote.items():
                verdict = judge_remote_branch(slug, branch, sha, known)
                if verdict.fate is Fate.GOES:
                    work = partial(self._remove_branch, slug, branch, sha, verdict.why)
                    yield Chore(f"remove the branch {branch} of {slug}", "", work)
                elif verdict.fate is Fate.SKIPPED:
                    left.append(Leftover("branch", f"{branch} on the remote of {slug}", verdict.why))

    # --- doing it ----------------------------------------------------------------------------------------------------

    async def _stop(self, name: str, why: str) -> None:
        def work() -> None:
            with self._out.steps(StepName.STOP, name):
                self._out.engine.stop(name, 1.5)

        await asyncio.to_thread(work)
        await self._record("orphan_stopped", f"run {name}", why)

    async def _let_go(self, saved: list[tuple[str, Rescued]], runs: list[str]) -> None:
        await self._drop_rescued(saved)
        await self._remove_runs(runs)

    async def _remove_runs(self, names: list[str]) -> None:
        def work() -> list[str]:
            removed = []
            for name in names:
                try:
                    with self._out.steps(StepName.REMOVE_RUN, name):
                        self._out.engine.remove(name)
                except EngineError as problem:
                    log.warning("a run directory stays", run=name, why=str(problem))
                else:
                    removed.append(name)
            return removed

        removed = await asyncio.to_thread(work)
        await self._counted({"runs": len(removed)}, "runs_removed", ", ".join(removed))

    async def _remove_tree(self, tree: Worktree, why: str) -> None:
        out = self._out
        known = await out.registry.read(_known)
        if judge_workspace(tree, known, frozenset()).fate is not Fate.GOES:
            return  # its task was taken up again meanwhile
        ref = f"refs/waggle/rescue/{tree.name}/orphan-{out.clock():%Y%m%dT%H%M%S}"

        def work() -> str | None:
            saved = None
            if tree.ready:
                with out.steps(StepName.RESCUE, tree.name):
                    saved = out.repositories.rescue(tree.slug, tree.path, ref)
            with out.steps(StepName.REMOVE_WORKSPACE, tree.name):
                out.repositories.remove_workspace(tree.slug, tree.name, tree.branch)
            out.registry.write_now(lambda s: give_back_port(s, tree.name))
            return saved

        try:
            saved = await asyncio.to_thread(work)
        except IntegrationError as problem:
            await self._skipped(Leftover("workspace", tree.name, f"{why}; {problem.user_message}"))
            return
        await self._record(
            "orphan_removed",
            f"workspace {tree.name}",
            f"{why}; " + (f"saved as {ref}" if saved else "nothing in it was unpublished"),
        )

    async def _remove_branch(self, slug: str, branch: str, sha: str, why: str) -> None:
        out = self._out
        known = await out.registry.read(_known)
        if judge_remote_branch(slug, branch, sha, known).fate is not Fate.GOES:
            return  # its task was taken up again meanwhile

        def work() -> None:
            with out.steps(StepName.REMOVE_BRANCH, branch):
                out.repositories.delete_remote_branch(out.remotes(slug), branch, sha)

        try:
            await asyncio.to_thread(work)
        except IntegrationError as problem:
            await self._skipped(
                Leftover("branch", f"{branch} on the remote of {slug}", f"{why}; {problem.user_message}")
            )
            return
        await self._record("orphan_removed", f"branch {branch}", f"{why}; it was at {sha[:12]}")

    async def _drop_rescued(self, old: list[tuple[str, Rescued]]) -> None:
        def work() -> None:
            for slug, one in old:
                with self._out.steps(StepName.DROP_RESCUED, one.workspace):
                    self._out.repositories.drop_rescued(slug, one)

        await asyncio.to_thread(work)
        names = ", ".join(f"{one.ref} ({one.sha[:12]})" for _, one in old)
        await self._counted({"rescued": len(old)}, "rescued_dropped", names)

    async def _counted(self, counts: dict[str, int], what: str, why: str) -> None:
        def work(session: Session) -> None:
            count(session, self._out.clock(), counts)
            if any(counts.values()):
                record(session, self._out.clock(), what=what, why=why[:2000], subject="sweep")

        await self._out.registry.write(work)

    async def _record(self, what: str, subject: str, why: str) -> None:
        await self._out.registry.write(lambda s: record(s, self._out.clock(), what=what, why=why, subject=subject))

    async def _skipped(self, one: Leftover) -> None:
        log.warning("an orphan stays", what=one.what, name=one.name, why=one.why)

        def work(session: Session) -> None:
            others = [other for other in read_leftovers(session) if (other.what, other.name) != (one.what, one.name)]
            _write_down(session, self._out.clock(), [*others, one])

        await self._out.registry.write(work)


def read_leftovers(session: Session) -> list[Leftover]:
    """What the last sweep left lying, with the reasons."""
    return [Leftover(**one) for one in (recall(session, LEFTOVERS) or {}).get("left", [])]


def _write_down(session: Session, now: datetime, left: list[Leftover]) -> None:
    """The list as it is now, and an event for each that is new in it."""
    before = read_leftovers(session)
    for one in left:
        if one not in before:
            record(session, now, what="left_over", why=one.why, subject=f"{one.what} {one.name}")
    if left != before:
        remember(session, now, LEFTOVERS, {"left": [asdict(one) for one in left]})


def _known(session: Session) -> Known:
    tasks = {task.id: task for task in session.exec(select(Task)).all() if task.id is not None}
    attempts = {one.name: one for one in session.exec(select(Attempt)).all()}
    pulls = session.exec(select(PullRequest).order_by(col(PullRequest.id))).all()
    return Known(tasks, attempts, {(one.repo, one.branch): one for one in pulls})
