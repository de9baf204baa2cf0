"""Repositories that are not as one would like them: without a commit, without a default branch, with somebody else's
branches in the way, with locks that a killed process left. Each in a whole life, from the request on."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.context.messages import ChatMessage
from bot.orchestrator.answering import Patience
from integrations.git.branch_names import free_name, in_the_way
from scheduler import commands
from scheduler.commands import Actor
from scheduler.lifecycle import TaskState
from scheduler.registry import Attempt, Event, Judgement
from tests.integration.git_world import git
from tests.integration.loop import SLUG, Loop, running

CSV = "customers want CSV export of invoices"
WISH = f"{CSV} — לקוחות רוצים ייצוא 請求書 в CSV 🐝"
WORDS = "東京物流 (נור): “請求書の CSV export を — ייצוא CSV של חשבוניות”"
GUIDANCE = "כותרות בעברית ו־UTF-8 עם BOM, 日本語も"


def _remote(loop: Loop, *args: str) -> str:
    """git in the playground's own repository, as whoever owns it."""
    return git("--git-dir", str(_bare(loop)), *args, cwd=loop.place.home)


def _bare(loop: Loop) -> Path:
    (found,) = (loop.place.home / "github").rglob(f"{SLUG}.git")
    return found


def _mirror(loop: Loop) -> Path:
    return loop.outside.repositories.places.mirror(SLUG)


@pytest.fixture(autouse=True)
def looked_at_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each start fetches: these tests change the remote in the second in which others would share a fetch."""
    monkeypatch.setattr("scheduler.workspaces._SAME_MOMENT_S", 0.0)


async def _notes(loop: Loop) -> list[str]:
    return [str(one.payload.get("text", "")) for one in await loop.said("note")]


async def test_work_for_a_repository_without_a_commit_waits_for_the_first_one_and_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path, patience=Patience(unborn=timedelta(seconds=0.1))) as loop:
        main = _remote(loop, "rev-parse", "refs/heads/main")
        _remote(loop, "update-ref", "-d", "refs/heads/main")
        task_id = await loop.request(CSV)
        [said] = await loop.eventually(lambda: _notes(loop))
        assert said == (
            f"I cannot plan this yet: {SLUG} is empty: it has no commit. Push a first commit to its default branch. "
            "I look every moment and go on by myself."
        )
        # A first commit, but on another branch than the one that HEAD names: another cure.
        _remote(loop, "update-ref", "refs/heads/trunk", main)
        said = (await loop.eventually(lambda: _more(loop, 2)))[-1]
        assert said == (
            f"I cannot plan this yet: {SLUG} has no default branch that exists. Choose one in the repository's "
            "settings, or name a base branch in waggle.toml. I look every moment and go on by myself."
        )
        assert (await loop.task(task_id)).state is TaskState.SCOPING
        _remote(loop, "symbolic-ref", "HEAD", "refs/heads/trunk")
        task = await loop.until(task_id, TaskState.PLANNED)
        assert not task.scoped_by.startswith("rules"), "waiting spent none of the models' tries"
        (row,) = await loop.rows(Judgement, task_id=task_id, kind="scope")
        assert row.tries == 0
        told = [one for one in await loop.rows(Event, task_id=task_id) if one.what == "nothing_there"]
        assert len(told) == len(await _notes(loop)) == 2, "each once, however often it was looked at"

        # Emptied after the plan: the start waits, its card and one alert say for what, and it goes on by itself.
        _remote(loop, "update-ref", "-d", "refs/heads/trunk")
        assert (await loop.do(commands.approve, task_id)).ok
        attempt = await loop.eventually(lambda: _waiting(loop))
        assert attempt.milestone == (
            f"waiting: {SLUG} is empty: it has no commit. Push a first commit to its default branch."
        )
        [alert] = await loop.said("alert")
        assert alert.payload["text"].startswith(f"The git remote of {SLUG} cannot be used: {SLUG} is empty")
        _remote(loop, "update-ref", "refs/heads/trunk", main)
        await loop.until(task_id, TaskState.VERIFYING, TaskState.READY)
        assert (await loop.pull(task_id)).number and await loop.said("needs_help") == []


async def _more(loop: Loop, count: int) -> list[str] | None:
    said = await _notes(loop)
    return said if len(said) >= count else None


async def _waiting(loop: Loop) -> Attempt | None:
    attempts = await loop.rows(Attempt, n=1)
    return attempts[0] if attempts and attempts[0].milestone.startswith("waiting") else None


@pytest.mark.parametrize("theirs", ["{branch}", "{BRANCH}", "waggle", "{branch}/more"])
def test_names_in_the_way(theirs: str) -> None:
    branch = "waggle/t-1-work"
    other = theirs.format(branch=branch, BRANCH=branch.upper())
    assert in_the_way(branch, ["main", other]) == other
    free = free_name(branch, ["main", other])
    assert free == ("waggle-t-1-work" if other == "waggle" else "waggle/t-1-work-2")
    assert in_the_way(free, ["main", other]) is None


def test_names_that_only_look_alike_are_free() -> None:
    others = ["waggle/t-1-work-2", "waggle/t-1", "waggles", "t-1-work", "WAGGLE/T-1-WORK-3"]
    assert in_the_way("waggle/t-1-work", others) is None
    assert free_name("waggle/t-1-work", [*others, "waggle/t-1-work"]) == "waggle/t-1-work-4"


async def _cleaned(loop: Loop, task_id: int) -> bool:
    return (await loop.task(task_id)).cleaned_at is not None


def _stale_locks(loop: Loop, branch: str) -> None:
    """What a kill in the middle of a fetch, a collection and a commit leaves, an hour ago."""
    places = loop.outside.repositories.places
    mirror, pool = places.mirror(SLUG), places.pool(SLUG)
    for lock in (
        mirror / "packed-refs.lock",
        mirror / "refs/remotes/origin/main.lock",
        mirror / f"refs/waggle/collected/{branch}.lock",
        pool / "packed-refs.lock",
        pool / "refs/remotes/origin/waggle.lock",
        pool / f"refs/heads/{branch}.lock",
    ):
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.touch()
        os.utime(lock, (1, 1))


async def test_a_branch_in_the_way_and_stale_locks_do_not_stop_a_life_and_nothing_is_pushed_over(
    tmp_path: Path,
) -> None:
    """Locks at each stage of a running loop: before the start, and beside the agent's second attempt.

    All of it with other scripts everywhere: home, request, person, customers' words, files, guidance.
    """
    root = tmp_path / "Größe mit Leerzeichen 🐝 בית"
    root.mkdir()
    async with running(root) as loop:
        loop.behave("CSV", "hang:60", "succeed")
        await loop.context.take_message(
            ChatMessage("C0CUSTOMERS", "customers", "1700000000.000200", "נור", WORDS, "feedback", datetime.now(UTC))
        )
        asked = await loop.registry.write(
            lambda s: commands.new_request(
                s, datetime.now(UTC), loop.policy, Actor("U0NUR", "נור 山田"), text=WISH, source="slack", dedupe_key="k"
            )
        )
        task_id = asked.task_id
        assert task_id is not None
        planned = (await loop.until(task_id, TaskState.PLANNED)).branch
        theirs = _remote(
            loop, "commit-tree", _remote(loop, "rev-parse", "refs/heads/main^{tree}"), "-m", "somebody's own work"
        )
        _remote(loop, "update-ref", "refs/heads/Waggle", theirs)
        branch = planned.replace("/", "-")
        _stale_locks(loop, branch)
        assert (await loop.do(commands.approve, task_id)).ok
        await loop.eventually(lambda: len(loop.marked("t-1-a1")) >= 3)
        assert (await loop.task(task_id)).branch == branch
        [event] = [one for one in await loop.rows(Event, task_id=task_id) if one.what == "branch_renamed"]
        assert event.why == (
            f"branch Waggle exists already in {SLUG}; the task works on {branch} instead, and nothing there was touched"
        )
        assert (await loop.do(commands.stop, task_id)).ok
        await loop.eventually(lambda: not loop.marked("t-1-a1"))

        (loop.outside.repositories.places.workspace("t-1") / "הערות 売上 🐝.txt").write_text("שלום\n")
        _stale_locks(loop, branch)
        admin = loop.outside.repositories.places.admin(SLUG, "t-1")
        for name in ("index.lock", "HEAD.lock"):
            (admin / name).touch()
            os.utime(admin / name, (1, 1))
        assert (await loop.do(commands.retry, task_id, guidance=GUIDANCE)).ok
        await loop.until(task_id, TaskState.READY)
        assert await loop.said("needs_help") == []
        assert not list(admin.glob("*.lock")) and not list(_mirror(loop).rglob("*.lock"))

        last = (await loop.rows(Attempt, task_id=task_id))[-1]
        assert GUIDANCE in last.prompt and WISH in last.prompt
        pull = await loop.pull(task_id)
        assert pull.branch == branch
        await loop.person.merge(SLUG, pull.number)
        await loop.eventually(lambda: _cleaned(loop, task_id))
        assert _remote(loop, "rev-parse", "refs/heads/Waggle") == theirs, "nobody pushed over it"
        merged = _remote(loop, "-c", "core.quotePath=false", "ls-tree", "-r", "--name-only", "refs/heads/main")
        assert "הערות 売上 🐝.txt" in merged.splitlines()
        assert loop.outside.repositories.workspaces(SLUG) == []
