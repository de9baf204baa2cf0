"""A thousand tasks in every state, with the attempts and pull requests that belong to them."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlmodel import Session

from bot.playground_config import REPOSITORY
from integrations.github import GitHub, PullRef
from integrations.playground.place import Place
from scheduler.lifecycle import AttemptState, PullState, TaskState
from scheduler.registry import Attempt, PullRequest, Registry, Request, Task

WITH_PULL = frozenset(
    {TaskState.VERIFYING, TaskState.READY, TaskState.NEEDS_HELP, TaskState.DIAGNOSING, TaskState.TAKEN_OVER}
)
_MAIN = "main"
_FIRST_ID = 1000  #: ids of tasks start here, apart from those that a test makes


def branch_of(task_id: int) -> str:
    return f"waggle/t-{task_id}"


def states(count: int) -> dict[int, TaskState]:
    """Task ids, with every state in turn."""
    every = list(TaskState)
    return {_FIRST_ID + n: every[n % len(every)] for n in range(count)}


def open_pulls(place: Place, directory: Path, tasks: dict[int, TaskState]) -> dict[int, PullRef]:
    """Push a branch and open a pull request for each task that has one. The commits carry no CI."""
    remote = f"{place.url.replace('//', f'//x-access-token:{place.github_token}@')}/github/git/{REPOSITORY}.git"
    clone = directory / "clone"

    def git(*arguments: str, **env: str) -> str:
        argv = ["git", "-C", str(clone), *arguments]
        return subprocess.run(argv, capture_output=True, text=True, check=True, env=os.environ | env).stdout.strip()

    clone.mkdir()
    git("init", "-q")
    git("fetch", "-q", remote, _MAIN)
    git("checkout", "-q", "-b", _MAIN, "FETCH_HEAD")
    git("rm", "-q", ".playground-ci.toml")
    tree, parent = git("write-tree"), git("rev-parse", "HEAD")
    wanted = [number for number, state in tasks.items() if state in WITH_PULL]
    who = {f"GIT_{role}_{what}": "bench@localhost" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    for number in wanted:
        commit = git("commit-tree", tree, "-p", parent, "-m", f"T-{number}", **who)
        git("update-ref", f"refs/heads/{branch_of(number)}", commit)
    git("push", "-q", remote, "refs/heads/waggle/*:refs/heads/waggle/*")
    github = GitHub(place.github_api_url, lambda: place.github_token)
    return {
        number: github.open_pull(
            REPOSITORY, head=branch_of(number), base=_MAIN, title=f"T-{number}", body="", draft=False
        )
        for number in wanted
    }


def fill(registry: Registry, tasks: dict[int, TaskState], pulls: dict[int, PullRef]) -> None:
    """Write the rows of the tasks. What is queued has to wait, so that no agent starts meanwhile."""
    now = datetime.now(UTC)

    def work(session: Session) -> None:
        for number, state in tasks.items():
            session.add(
                Request(id=number, dedupe_key=str(number), text="x", requester="U0ANA", source="cli", created_at=now)
            )
            session.flush()
            session.add(
                Task(
                    id=number,
                    request_id=number,
                    state=state,
                    paused_from=TaskState.QUEUED if state is TaskState.PAUSED else None,
                    title=f"task {number}",
                    repo=REPOSITORY,
                    branch=branch_of(number),
                    not_before=now + timedelta(days=1) if state is TaskState.QUEUED else None,
                    cleaned_at=now,
                    created_at=now,
                    updated_at=now,
                )
            )
            session.flush()
            if (pull := pulls.get(number)) is not None:
                _attempt_and_pull(session, now, number, pull)

    registry.write_now(work)


def _attempt_and_pull(session: Session, now: datetime, number: int, pull: PullRef) -> None:
    session.add(
        Attempt(
            task_id=number,
            n=1,
            name=f"t-{number}-a1",
            state=AttemptState.ENDED,
            agent="scripted",
            prompt="x",
            outcome="done",
            published=True,
            created_at=now,
        )
    )
    session.add(
        PullRequest(
            task_id=number,
            repo=REPOSITORY,
            number=pull.number,
            node_id=pull.node_id,
            url=pull.url,
            branch=branch_of(number),
            state=PullState.OPEN,
            head_sha=pull.head_sha,
            head_since=now,
            created_at=now,
        )
    )
