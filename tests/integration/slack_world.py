"""Waggle's Slack side against the stand-in workspace, with real Bolt, a real registry and a real context store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlmodel import Session, SQLModel, col, select

from bot.context.store import ContextStore
from bot.slack.access import grant
from bot.slack.side import SlackSide
from bot.slack.values import ChannelBinding, SlackValues
from integrations.playground.visitor import button_ids, text_of
from scheduler.lifecycle import Cause, TaskState
from scheduler.policy import Policy, RepositoryPolicy
from scheduler.registry import Inbox, Outbox, Registry, Task
from scheduler.registry.writers import move_task, refresh_card, say
from tests.integration.playground_slack_world import BEN, CUSTOMERS, PRODUCT, Host, hosting

T = TypeVar("T")
NOTES = "C0NOTES"
DEADLINE_S = 30.0
POLICY = Policy(repositories=(RepositoryPolicy("acme/ledgerline", playground=True),))


def now() -> datetime:
    return datetime.now(UTC)


class Breakable(Registry):
    """A registry whose disk can be made to refuse every write."""

    broken = False

    async def write(self, work: Callable[[Session], T]) -> T:
        if self.broken:
            raise OSError(28, "No space left on device")
        return await super().write(work)


class SlackWorld:
    """One stand-in workspace and one Slack side on it. `restart` is a Waggle that comes back on the same registry."""

    def __init__(self, host: Host, home: Path) -> None:
        self.host = host
        self.visitor = host.visitor
        self.url = f"sqlite:///{home / 'registry.db'}"
        self.values = SlackValues(
            host.place.slack_bot_token,
            host.place.slack_app_token,
            host.place.slack_api_url,
            (
                ChannelBinding(PRODUCT, "work"),
                ChannelBinding(CUSTOMERS, "feedback"),
                ChannelBinding(NOTES, "notes"),
            ),
            admin_user_id="U0ANA",
            card_interval_s=0.3,
            card_state_interval_s=0.05,
            timeout_s=3.0,
        )
        self.clock: Callable[[], datetime] = now
        self.registry = self._open()

    def _open(self) -> Breakable:
        registry = Breakable(self.url)
        SQLModel.metadata.create_all(registry.engine)
        return registry

    async def start(self) -> None:
        self.context = ContextStore(self.registry, lambda: self.clock())
        self.side = SlackSide(self.registry, lambda: self.values, lambda: POLICY, self.context, lambda: self.clock())
        await self.side.start()

    async def stop(self) -> None:
        await self.side.stop()
        await asyncio.to_thread(self.registry.close)

    async def restart(self) -> None:
        await self.stop()
        self.registry = self._open()
        await self.start()

    def change(self, **values: Any) -> None:
        self.values = replace(self.values, **values)

    # --- looking ---------------------------------------------------------------------------------------------------

    async def read(self, work: Callable[[Session], T]) -> T:
        return await self.registry.read(work)

    async def tasks(self) -> list[Task]:
        return await self.read(lambda s: list(s.exec(select(Task).order_by(col(Task.id))).all()))

    async def inbox(self) -> list[Inbox]:
        return await self.read(lambda s: list(s.exec(select(Inbox).order_by(col(Inbox.id))).all()))

    async def outbox(self, kind: str = "") -> list[Outbox]:
        rows = await self.read(lambda s: list(s.exec(select(Outbox).order_by(col(Outbox.id))).all()))
        return [row for row in rows if not kind or row.kind == kind]

    async def posts(self, method: str = "chat.postMessage") -> list[dict[str, Any]]:
        return [call for call in await self.visitor.calls("slack") if call["method"] == method]

    async def until(self, what: Callable[[], Awaitable[T]], deadline_s: float = DEADLINE_S) -> T:
        """The first truthy result; what was last seen is in the error."""
        end = time.monotonic() + deadline_s
        while True:
            found = await what()
            if found:
                return found
            if time.monotonic() > end:
                raise AssertionError(f"it did not come about: {what.__doc__ or what}; last {found!r}")
            await asyncio.sleep(0.03)

    async def quiet(self) -> None:
        """Everything that arrived was handled, and everything that was to be said was said."""

        async def said() -> bool:
            return all(row.state in {"sent", "void", "failed"} for row in await self.outbox())

        await self.quiet_inbox()
        await self.until(said)

    async def quiet_inbox(self) -> None:
        """Everything that was delivered was handled."""

        async def arrived() -> bool:
            return all(one["state"] in {"acked", "lost"} for one in await self.visitor.deliveries())

        async def handled() -> bool:
            return all(row.state in {"done", "failed"} for row in await self.inbox())

        await self.until(arrived)
        await self.until(handled)

    # --- arranging -------------------------------------------------------------------------------------------------

    async def ask_for(self, text: str = "@waggle customers want CSV export of invoices") -> Task:
        """Somebody asks for work and the orchestrator has scoped it: the card waits for approval."""
        before = len(await self.tasks())
        await self.visitor.say(PRODUCT, text)

        async def made() -> list[Task]:
            return (await self.tasks())[before:]

        task = (await self.until(made))[0]
        await self.plan(task.id)
        task = await self.shown(task.id)

        async def approvable() -> bool:
            # The card may have gone up while the plan was missing; then it is edited a moment later.
            root = await self.visitor.thread(task.channel, task.thread_ts)
            return any(one["ts"] == task.card_ts and "waggle.approve" in button_ids(one) for one in root)

        await self.until(approvable)
        return task

    async def plan(self, task_id: int | None) -> None:
        def work(session: Session) -> None:
            task = session.get(Task, task_id)
            assert task is not None
            task.title, task.goal = "Export invoices as CSV", "Invoices can be downloaded as one CSV file."
            task.acceptance, task.repo, task.base_branch = ["GET /invoices.csv answers 200"], "acme/ledgerline", "main"
            task.routes = [{"agent": "scripted", "model": "", "why": ""}]
            move_task(session, task, TaskState.PLANNED, Cause.NEEDS_APPROVAL, now())

        await self.registry.write(work)

    async def shown(self, task_id: int | None) -> Task:
        """The task, once its card is up."""

        async def card() -> Task | None:
            task = await self.read(lambda s: s.get(Task, task_id))
            return task if task is not None and task.card_ts else None

        task = await self.until(card)
        assert task is not None
        return task

    async def state(self, task_id: int | None, wanted: TaskState) -> Task:
        async def there() -> Task | None:
            task = await self.read(lambda s: s.get(Task, task_id))
            return task if task is not None and task.state is wanted else None

        task = await self.until(there)
        assert task is not None
        return task

    async def thread(self, task: Task) -> list[str]:
        """What stands in a task's thread, one text for each message."""
        return [text_of(one) for one in await self.visitor.thread(task.channel, task.thread_ts)]

    async def say(self, kind: str, key: str, task: Task | None = None, head: str = "", **payload: Any) -> None:
        """Something that people must hear, as the supervisor would write it."""

        def work(session: Session) -> None:
            row = session.get(Task, task.id) if task is not None else None
            say(session, now(), kind=kind, dedupe_key=key, task=row, head=head, payload=payload)

        await self.registry.write(work)

    async def help(self, task: Task) -> None:
        """Only a person can go on."""

        def work(session: Session) -> None:
            row = session.get(Task, task.id)
            assert row is not None
            row.state, row.help_cause, row.help_class = TaskState.VERIFYING, "CI is red.", "ci"
            row.help_evidence = ["FAIL: test_csv", "AssertionError: 3 != 4"]
            why, seen = row.help_cause, row.help_evidence
            move_task(session, row, TaskState.NEEDS_HELP, Cause.ONLY_A_PERSON, now(), why=why, evidence=seen)
            say(session, now(), kind="needs_help", dedupe_key=f"help:{row.id}:{row.version}", task=row)

        await self.registry.write(work)

    async def progress(self, task: Task, milestone: str) -> None:
        """Something small changed on the card."""

        def work(session: Session) -> None:
            row = session.get(Task, task.id)
            assert row is not None
            row.goal = milestone
            session.add(row)
            refresh_card(session, row, now())

        await self.registry.write(work)

    async def let_in(self, user: str = BEN, role: str = "approver") -> None:
        await self.registry.write(lambda s: grant(s, now(), user, role, by="test"))


@asynccontextmanager
async def slack_side(home: Path, **values: Any) -> AsyncIterator[SlackWorld]:
    """A started Slack side on a workspace of its own, with `values` instead of the usual ones."""
    async with hosting(home / "playground") as host:
        world = SlackWorld(host, home)
        world.change(**values)
        await world.start()
        try:
            yield world
        finally:
            await world.stop()
