"""An orchestrator on a real registry, with models that tests script and repositories on a shelf."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from sqlmodel import Session, select

from bot.context.messages import ChatMessage
from bot.context.store import ContextStore
from bot.orchestrator.answering import Orchestrator, Patience
from bot.orchestrator.models import Panel, Reviewer, Voice
from integrations.git import Hit
from integrations.models import Answer, Ask, ModelError, Usage
from scheduler import commands
from scheduler.commands import Actor
from scheduler.judging import Kind
from scheduler.lifecycle import AttemptState, PullState, TaskState
from scheduler.policy import Policy, RepositoryPolicy, Route
from scheduler.registry import Attempt, Event, Judgement, Ledger, PullRequest, Registry, Request, Task, Topic
from tests.conftest import Clock

SLUG = "acme/ledgerline"
BASE, HEAD = "b" * 40, "a" * 40
ANA = Actor("U0ANA", "ana")
POLICY = Policy(
    repositories=(RepositoryPolicy(SLUG, base_branch="main", verify="make check", playground=True),),
    routes=(("default", (Route("scripted"),)),),
    agents_families=(("scripted", "scripted"),),
)
FILES = {
    "README.md": "Ledgerline: invoices.\n",
    "app/web.py": "# pages: invoices, customers\ndef invoices():\n    return []\n",
    "app/money.py": "def show(amount):\n    return f'{amount:,.2f}'\n",
    "tests/test_web.py": "# the page of invoices\n",
}


@dataclass
class Shelf:
    """Repositories as values: the files of each, one diff, and a problem to raise instead of answering."""

    files: dict[str, dict[str, str]] = field(default_factory=lambda: {SLUG: dict(FILES)})
    patch: str = ""
    problem: Exception | None = None

    def refresh(self, slug: str) -> None:
        if self.problem is not None:
            raise self.problem

    def base_branch(self, slug: str) -> str:
        return "main"

    def list_files(self, slug: str) -> tuple[str, ...]:
        return tuple(sorted(self.files[slug]))

    def grep(self, slug: str, words: Sequence[str]) -> list[Hit]:
        return [
            Hit(path, number, row)
            for path, text in sorted(self.files[slug].items())
            for number, row in enumerate(text.split("\n"), 1)
            if any(word.lower() in row.lower() for word in words)
        ]

    def read(self, slug: str, path: str, sha: str = "") -> str | None:
        return self.files[slug].get(path)

    def changed_files(self, slug: str, base: str, head: str) -> tuple[str, ...]:
        return tuple(row.split(" b/", 1)[1] for row in self.patch.split("\n") if row.startswith("diff --git "))

    def diff(self, slug: str, base: str, head: str, max_bytes: int) -> str:
        if self.problem is not None:
            raise self.problem
        return self.patch


Reply = BaseModel | ModelError | Callable[[Ask], Any]


class ScriptedModel:
    """A model whose answers a test writes: values, errors to raise, or functions of the question.

    The last one is given again and again. `gate` holds every answer back until it is set.
    """

    def __init__(self, family: str, *replies: Reply) -> None:
        self.family = family
        self.name = f"{family}-test"
        self.replies = list(replies)
        self.asked: list[Ask] = []
        self.gate: asyncio.Event | None = None

    async def answer(self, ask: Ask, schema: type[Any]) -> Answer[Any]:
        self.asked.append(ask)
        if self.gate is not None:
            await self.gate.wait()
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        value = reply(ask) if callable(reply) and not isinstance(reply, BaseModel) else reply
        if isinstance(value, Exception):
            raise value
        assert isinstance(value, schema), f"a {schema.__name__} was wanted"
        return Answer(value, self.family, self.name, Usage(1000, 100, 50))

    async def close(self) -> None: ...


def seats(*models: ScriptedModel, real: bool = True) -> Panel:
    voices = tuple(Voice(model, real, "claude-sonnet-5") for model in models)
    return Panel(voices, tuple(Reviewer(voice.family, voice, "everything") for voice in voices))


@dataclass
class Office:
    """A running orchestrator and what tests do with it."""

    registry: Registry
    clock: Clock
    context: ContextStore
    shelf: Shelf
    panel: Panel
    orchestrator: Orchestrator
    policy: Policy = POLICY

    async def request(self, text: str = "customers want CSV export of invoices", **details: Any) -> int:
        said = await self.registry.write(
            lambda s: commands.new_request(
                s, self.clock(), self.policy, ANA, text=text, source="slack", dedupe_key=text, **details
            )
        )
        assert said.task_id is not None
        return said.task_id

    async def hear(self, text: str, ts: str = "1.1") -> None:
        at = self.clock()
        await self.context.take_message(
            ChatMessage("C0CUSTOMERS", "customers", ts, "U0SUPPORT", text, "feedback", at, "https://chat/1")
        )

    async def ask(self, task_id: int, kind: Kind, facts: BaseModel, subject: str = "s") -> int:
        def work(session: Session) -> int:
            row = Judgement(
                kind=kind,
                subject=subject,
                task_id=task_id,
                facts=facts.model_dump(mode="json"),
                created_at=self.clock(),
            )
            session.add(row)
            session.flush()
            session.info.setdefault("topics", set()).add(Topic.JUDGEMENTS)
            assert row.id is not None
            return row.id

        return await self.registry.write(work)

    async def rows(self, table: type[Any], **where: Any) -> list[Any]:
        def work(session: Session) -> list[Any]:
            query = select(table)
            for name, value in where.items():
                query = query.where(getattr(table, name) == value)
            return list(session.exec(query).all())

        return await self.registry.read(work)

    async def until(self, condition: Callable[[Judgement], bool], judgement_id: int = 1) -> Judgement:
        """Wait until a judgement row is as wanted."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            (row,) = await self.rows(Judgement, id=judgement_id)
            if condition(row):
                assert isinstance(row, Judgement)
                return row
            await asyncio.sleep(0.01)
        raise AssertionError(f"never: {row!r} {[(e.what, e.why, e.evidence) for e in await self.rows(Event)]}")

    async def answered(self, judgement_id: int = 1) -> Judgement:
        return await self.until(lambda row: row.state == "answered", judgement_id)

    async def questions(self, model: ScriptedModel, count: int) -> None:
        """Wait until a model was asked so often."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if len(model.asked) >= count:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"asked {len(model.asked)} times, not {count}")

    async def later(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.registry.ring([Topic.JUDGEMENTS])

    async def change(self, work: Callable[[Session], Any]) -> Any:
        return await self.registry.write(work)

    async def scoped(self, **details: Any) -> int:
        """A task that was planned and has had one attempt, with an open pull request."""

        def work(session: Session) -> int:
            now = self.clock()
            asked = Request(dedupe_key="r", text="csv", requester=ANA.id, source="slack", created_at=now)
            session.add(asked)
            session.flush()
            base: dict[str, Any] = {
                "title": "Add CSV export of invoices",
                "goal": "Accountants retype invoices.",
                "acceptance": ["A link downloads a CSV.", "Tests pass."],
                "expected_files": ["app/web.py"],
                "repo": SLUG,
                "base_branch": "main",
                "state": TaskState.DIAGNOSING,
            }
            task = Task(request_id=asked.id or 0, created_at=now, updated_at=now, **{**base, **details})
            session.add(task)
            session.flush()
            assert task.id is not None
            session.add(
                Attempt(
                    task_id=task.id,
                    n=1,
                    name=f"t-{task.id}-a1",
                    state=AttemptState.ENDED,
                    agent="scripted",
                    prompt="p",
                    session_id="s-1",
                    final_text="I could not find where the tables are defined.",
                    started_at=now,
                    created_at=now,
                )
            )
            session.add(
                PullRequest(
                    task_id=task.id,
                    repo=SLUG,
                    number=1,
                    node_id="n",
                    url="u",
                    branch="b",
                    state=PullState.OPEN,
                    head_sha=HEAD,
                    head_since=now,
                    created_at=now,
                )
            )
            return task.id

        return int(await self.change(work))

    async def spent(self) -> list[Ledger]:
        return await self.rows(Ledger)


def office(registry: Registry, clock: Clock, panel: Panel, policy: Policy = POLICY, **patience: Any) -> Office:
    """An orchestrator that is built and not started."""
    context, shelf = ContextStore(registry, clock), Shelf()
    made = Office(registry, clock, context, shelf, panel, None, policy)  # type: ignore[arg-type]  # set below
    made.orchestrator = Orchestrator(
        registry,
        context,
        shelf,
        lambda: made.panel,
        lambda: made.policy,
        clock,
        secrets=["a-home-grown-secret"],
        patience=Patience(**{"look_s": 0.2, **patience}),
    )
    return made


Start = Callable[..., Awaitable[Office]]


@asynccontextmanager
async def offices(registry: Registry, clock: Clock) -> AsyncIterator[Start]:
    """Starts orchestrators; all are stopped when the block ends."""
    made: list[Office] = []

    async def begin(panel: Panel, policy: Policy = POLICY, **patience: Any) -> Office:
        one = office(registry, clock, panel, policy, **patience)
        made.append(one)
        await one.orchestrator.start()
        return one

    try:
        yield begin
    finally:
        for one in made:
            await one.orchestrator.stop()
