"""An error scan before the playground's tracker, with a registry and a clock of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from sqlmodel import Session, SQLModel, select

from integrations.errors import Unavailable
from scheduler.commands import Actor, Reply
from scheduler.discovery.scan import ErrorScan, ScanReport
from scheduler.lifecycle import Cause, TaskState
from scheduler.outside import Outside
from scheduler.policy import ErrorScan as Rules
from scheduler.policy import Policy, RepositoryPolicy
from scheduler.registry import Outbox, PullRequest, Registry, Signal, Task
from scheduler.registry.writers import move_task
from tests.conftest import Clock
from tests.integration.sentry_world import Tracker

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


class Unreadable(Mirror):
    """A repository that is away for a while."""

    def fetch(self, remote: object) -> None:
        raise Unavailable("git is away", retryable=True)


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
            pictures=nothing,
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
