"""Many attempts started at once on one repository: no network, no model, and agents that only wait."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlmodel import Session, SQLModel, col, select

from integrations.agents.command import CommandAgent, CommandDescription
from integrations.engines import RunState
from integrations.engines.environment import clean_environment
from integrations.engines.local import LocalEngine
from integrations.git import Remote, Repositories
from integrations.github import GitHub
from integrations.pictures import Pictures
from scheduler.dispatch import Host
from scheduler.lifecycle import AttemptState, TaskState
from scheduler.outside import Outside
from scheduler.policy import Capacity, Policy, RepositoryPolicy, Route
from scheduler.registry import Attempt, Registry, Request, Task
from scheduler.supervisor import Supervisor
from tests.integration.git_world import git

SLUG = "acme/site"
MB = 2**20


def upstream(root: Path, files: int) -> Path:
    """A remote with so many files."""
    made, bare = root / "checkout", root / "upstream.git"
    made.mkdir()
    git("init", "-q", "-b", "main", cwd=made)
    for n in range(files):
        place = made / f"part{n % 20}" / f"file{n}.txt"
        place.parent.mkdir(exist_ok=True)
        place.write_text(f"{n}\n" * 20)
    git("add", "-A", cwd=made)
    git("commit", "-q", "-m", "begin", cwd=made)
    git("clone", "-q", "--bare", str(made), str(bare), cwd=root)
    return bare


@dataclass
class Swarm:
    """A supervisor over rows, a repository and an engine; tasks are put in as if they had been planned."""

    registry: Registry
    outside: Outside
    supervisor: Supervisor

    async def queue(self, count: int) -> None:
        """So many planned tasks with a prompt, in one moment."""
        now = datetime.now(UTC)

        def work(session: Session) -> None:
            for n in range(1, count + 1):
                session.add(Request(id=n, dedupe_key=str(n), text="x", requester="U0ANA", source="cli", created_at=now))
                session.flush()
                session.add(
                    Task(
                        id=n,
                        request_id=n,
                        state=TaskState.QUEUED,
                        title=f"task {n}",
                        repo=SLUG,
                        branch=f"waggle/t-{n}-task",
                        next_prompt=f"do {n}",
                        created_at=now,
                        updated_at=now,
                    )
                )

        await self.registry.write(work)

    async def states(self) -> list[AttemptState]:
        return list(await self.registry.read(lambda s: s.exec(select(Attempt.state).order_by(col(Attempt.id))).all()))

    async def until(self, condition: Callable[[list[AttemptState]], bool], seconds: float = 120.0) -> None:
        end = time.monotonic() + seconds
        while not condition(states := await self.states()):
            assert time.monotonic() < end, f"it did not come about: {states}"
            await asyncio.sleep(0.02)

    def alive(self) -> list[str]:
        return [one.name for one in self.outside.engine.list() if one.state is RunState.RUNNING]

    def branches(self) -> list[str]:
        """Branches of the pool that belong to workspaces, or should."""
        said = git(
            "for-each-ref",
            "--format=%(refname:lstrip=2)",
            "refs/heads",
            cwd=self.outside.repositories.places.pool(SLUG),
        )
        return said.split()


@asynccontextmanager
async def swarm(
    root: Path,
    remote: Path,
    capacity: Capacity,
    host: Callable[[], Host],
    agent: tuple[str, ...] = ("sh", "-c", "echo up; exec sleep 1000"),
) -> AsyncIterator[Swarm]:
    home = root / "home"
    home.mkdir()
    registry = Registry(f"sqlite:///{home / 'registry.db'}")
    SQLModel.metadata.create_all(registry.engine)
    adapter = CommandAgent("waits", CommandDescription(argv=agent))
    chosen = Policy(
        repositories=(RepositoryPolicy(SLUG, base_branch="main"),),
        routes=(("default", (Route("waits"),)),),
        capacity=capacity,
    )
    outside = Outside(
        registry=registry,
        engine=LocalEngine(home / "runs"),
        repositories=Repositories(home),
        github=GitHub("http://127.0.0.1:9", lambda: "nothing"),
        policy=lambda: chosen,
        agents=lambda: {"waits": adapter},
        remotes=lambda slug: Remote(slug, str(remote)),
        host=host,
        environment=clean_environment(),
        agents_home=home / "agents",
        clock=lambda: datetime.now(UTC),
        new_id=lambda: str(uuid.uuid4()),
        pictures=Pictures(home / "pictures"),
    )
    made = Swarm(registry, outside, Supervisor(outside, tick_s=3600.0))
    try:
        yield made
    finally:
        await made.supervisor.stop()
        for view in outside.engine.list():
            outside.engine.stop(view.name, 0.0)
        registry.close()
