"""The judge: reads the playground's own records, the processes, the worktrees and the refs that exist in the end."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

from integrations.git.places import Places
from scheduler.lifecycle import LIVE_ATTEMPT
from scheduler.registry import Attempt, Event, Outbox, Request, Task
from tests.crash.lives import Case
from tests.crash.scenarios import LISTENER
from tests.integration.listener import runs_of
from tests.integration.loop import SLUG, runs_alive


async def judge(case: Case, *, notices: int = 0) -> None:
    """Hold everything that exists against what may exist after one task, however often Waggle died.

    Parameters:
        notices: alerts that people may have heard, such as of a GitHub that was away.
    """
    found = [
        *await _rows(case, notices),
        *_processes(case),
        *_disk(case),
        *_playground(case),
        *_log(case),
        *(_slack(case) if case.scenario.talks else ()),
    ]
    ends = [f"life {one.life}: {one.step} {one.moment} ({one.subject})" for one in case.steps.last_of_each_life()]
    assert not found, "\n".join([*found, "--- last steps", *ends, "--- what happened", await case.story(1)])


async def _rows(case: Case, notices: int) -> list[str]:
    scenario = case.scenario
    found = _differs("requests", len(await case.rows(Request)), 1) + _differs("tasks", len(await case.rows(Task)), 1)
    attempts = await case.rows(Attempt)
    found += _differs("attempts", tuple(one.outcome for one in attempts), scenario.attempts)
    found += [f"{one.name} is still {one.state}" for one in attempts if one.state in LIVE_ATTEMPT]
    events = await case.rows(Event, task_id=1, subject="task")
    states = tuple(one.after for one in events if one.after)
    found += _differs("states", states, scenario.states)

    outbox = await case.rows(Outbox)
    said = Counter(one.kind for one in outbox)
    found += _differs("cards", said.pop("card", 0), 1)
    alerts = said.pop("alert", 0)
    most = scenario.alerts + notices
    found += [] if scenario.alerts <= alerts <= most else [f"{alerts} alerts, expected {scenario.alerts} to {most}"]
    found += _differs("said", dict(said), dict(scenario.said))
    found += [f"said {one.kind}: {one.payload}" for one in outbox if one.kind not in {"card", "alert", *scenario.said}]
    heads = Counter(one.head for one in outbox if one.kind == "pr_ready")
    return found + [f"{n} times ready at {head}" for head, n in heads.items() if n > 1]


def _processes(case: Case) -> list[str]:
    found = _differs("runs of the agent", _runs(case), len(case.scenario.attempts))
    return found + [f"process {pid} of {run} is alive" for pid, run in runs_alive(case.home)]


def _runs(case: Case) -> int:
    if case.scenario.listens:
        return runs_of(case.root / LISTENER)
    used = json.loads(case.script.with_name(case.script.name + ".used").read_text())
    return int(used[case.scenario.wish])


def _disk(case: Case) -> list[str]:
    places = Places.under(case.home)
    mirror, pool = places.mirror(SLUG), places.pool(SLUG)
    found = []
    left = [one for what in ("work", "workspaces", "aside") for one in _below(places.home / what)]
    left += [*_below(pool / "worktrees"), *mirror.rglob("*.lock"), *pool.rglob("*.lock")]
    # What a death in the middle of an operation leaves is swept later, by its age.
    rooms = [*_below(places.home / "tmp"), *mirror.parent.glob(".new-*"), *pool.parent.glob(".new-*")]
    left += rooms[case.lives.deaths :]
    found += [f"left behind: {one.relative_to(places.home)}" for one in left]
    found += [f"branch {name} in the pool" for name in _refs(pool, "refs/heads/")]
    rescued = _refs(mirror, "refs/waggle/rescue/")
    found += _differs("rescued", set(rescued), set(case.scenario.rescued))
    found += [
        f"{ref} holds no {name}" for ref, name in case.scenario.rescued.items() if name not in _files(mirror, ref)
    ]
    runs = {one.name for one in _below(case.home / "runs")}
    attempts = {f"t-1-a{n}" for n in range(1, len(case.scenario.attempts) + 1)}
    strange = {name for name in runs if not any(name == one or name.startswith(f"{one}-") for one in attempts)}
    return found + [f"run directory {name} of no attempt" for name in strange]


def _playground(case: Case) -> list[str]:
    with sqlite3.connect(f"file:{case.place.home / 'github.sqlite3'}?mode=ro", uri=True) as db:
        db.row_factory = sqlite3.Row
        calls = [dict(row) for row in db.execute("SELECT * FROM calls ORDER BY id")]
        pulls = [dict(row) for row in db.execute("SELECT * FROM pulls ORDER BY id")]
        (remarks,) = db.execute("SELECT COUNT(*) FROM thread_comments").fetchone()
    opened = [one for one in calls if one["method"] == "POST" and one["path"].endswith(f"/repos/{SLUG}/pulls")]
    found = _differs("pull requests opened", sum(one["performed"] for one in opened), 1)
    found += [f"asked in vain to open a pull request: {one['status']}" for one in opened if one["status"] == 422]
    found += _differs("pull requests", [(one["state"], one["merged"], one["merged_by"]) for one in pulls], _MERGED)
    statuses = Counter((one["path"], one["body"]) for one in calls if one["performed"] and "/statuses/" in one["path"])
    found += [f"said {n} times: {body}" for (_, body), n in statuses.items() if n > 1]
    again = Counter(one["path"] for one in calls if one["performed"] and one["path"].endswith("/rerun-failed-jobs"))
    found += [f"run again {n} times: {path}" for path, n in again.items() if n > 1]
    found += _differs("remarks on lines", remarks, case.scenario.remarks)
    bare = case.place.home / "github" / f"{SLUG}.git"
    found += _differs("branches on GitHub", _refs(bare, "refs/heads/"), ["refs/heads/main", *case.scenario.beside])
    made = case.scenario.makes
    return found + ([] if not made or made in _files(bare, "main") else [f"{made} is not on main"])


_MERGED: list[Any] = [("closed", 1, "ana")]


def _slack(case: Case) -> list[str]:
    """What people read: each message once, whatever was sent again."""
    with sqlite3.connect(f"file:{case.place.home / 'slack.sqlite3'}?mode=ro", uri=True) as db:
        db.row_factory = sqlite3.Row
        rows = db.execute("SELECT args FROM calls WHERE method = 'chat.postMessage' AND performed ORDER BY id")
        posts = [json.loads(row["args"]) for row in rows]
    marks = Counter(one["metadata"]["event_payload"]["post"] for one in posts)
    texts = [one["text"] for one in posts]
    found = [f"posted {n} times: {mark}" for mark, n in marks.items() if n > 1]
    return found + (_differs("posts", len(posts), case.scenario.posts) and [f"posts: {texts}"])


def _log(case: Case) -> list[str]:
    """Nothing that Waggle itself calls a defect: an error in its log, in any of its lives."""
    lines = (case.root / "waggle.log").read_text(errors="replace").splitlines()
    return [f"waggle.log: {line}" for line in lines if "[error" in line or line.startswith("Traceback")]


def _differs(what: str, found: object, wanted: object) -> list[str]:
    return [] if found == wanted else [f"{what}: {found}, expected {wanted}"]


def _below(directory: Path) -> list[Path]:
    return sorted(directory.iterdir()) if directory.exists() else []


def _refs(repository: Path, prefix: str) -> list[str]:
    return _git(repository, "for-each-ref", "--format=%(refname)", prefix).split()


def _files(repository: Path, ref: str) -> list[str]:
    return _git(repository, "ls-tree", "-r", "--name-only", ref).splitlines()


def _git(repository: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "--git-dir", repository, *arguments], capture_output=True, text=True, check=True)
    return done.stdout
