"""The whole loop without Slack: GitHub, models and the scripted agent of the playground, a real registry, git and
engine, the orchestrator and the supervisor. What people do is done through `scheduler.commands`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from aiohttp import web
from sqlmodel import Session, SQLModel, col, select

from bot.context.messages import ChatMessage
from bot.context.store import ContextStore
from bot.orchestrator.answering import Orchestrator, Patience
from bot.orchestrator.models import Voice, panel_of
from bot.orchestrator.reading import MirrorReader
from integrations.agents import AgentAdapter
from integrations.agents.catalog import AgentSettings, adapters
from integrations.engines.environment import clean_environment
from integrations.engines.local import LocalEngine
from integrations.errors.sentry import Sentry
from integrations.git import Remote, Repositories
from integrations.github import GitHub
from integrations.models.anthropic import AnthropicModel
from integrations.models.openai import OpenAIModel
from integrations.pictures import Pictures
from integrations.playground import github, models
from integrations.playground.github.visiting import GitHubVisitor
from integrations.playground.page_routes import Service
from integrations.playground.place import SENTRY_ORGANISATION, SENTRY_PROJECT, Place
from integrations.terminals import NoTerminals, Terminals
from scheduler import commands
from scheduler.commands import Actor, Reply
from scheduler.dispatch import Host
from scheduler.lifecycle import TaskState
from scheduler.outside import Outside
from scheduler.policy import Capacity, Policy, RepositoryPolicy, Route, SettleTimes
from scheduler.registry import Attempt, Event, Outbox, PullRequest, Registry, Task
from scheduler.steps import Steps
from scheduler.supervisor import Supervisor

SLUG = "acme/ledgerline"
ANA = Actor("U0ANA", "ana")
QUOTE = (
    "Northwind Logistics (Priya, by mail): “We need a CSV export of our invoices. Our accountant retypes them "
    "every month.”"
)
DEADLINE_S = 60.0


def policy(**change: Any) -> Policy:
    """A policy with settle times of a blink."""
    base: dict[str, Any] = {
        "repositories": (RepositoryPolicy(SLUG, playground=True),),
        "routes": (("default", (Route("scripted"),)),),
        "agents_families": (("scripted", "scripted"),),
        "settle": SettleTimes(ready_s=0.2, review_s=0.1, no_checks_s=20.0, missing_checks_s=60.0, people_s=0.2),
        "capacity": Capacity(max_agents=4),
    }
    return Policy(**{**base, **change})


class Person(GitHubVisitor):
    """A person at the pull requests' pages."""

    def __init__(self, place: Place) -> None:
        self._place = place

    async def page_call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        async with (
            aiohttp.ClientSession(headers={"X-Page-Token": self._place.page_token}) as session,
            session.request(method, f"{self._place.url}{path}", json=body) as answer,
        ):
            assert answer.status == 200, await answer.text()
            return await answer.json()


@dataclass
class Onlooker:
    """What tests see and do through rows and as people, whichever process the loop runs in."""

    home: Path
    place: Place
    registry: Registry
    script: Path
    policy: Policy

    @property
    def person(self) -> Person:
        return Person(self.place)

    async def do(self, command: Callable[..., Reply], *args: Any, **kwargs: Any) -> Reply:
        now = datetime.now(UTC)
        return await self.registry.write(lambda s: command(s, now, self.policy, ANA, *args, **kwargs))

    async def request(self, text: str) -> int:
        said = await self.do(commands.new_request, text=text, source="slack", dedupe_key=str(uuid.uuid4()))
        assert said.task_id is not None, said
        return said.task_id

    async def approved(self, text: str) -> int:
        """Request, wait for the plan, approve."""
        task_id = await self.request(text)
        await self.until(task_id, TaskState.PLANNED)
        assert (await self.do(commands.approve, task_id)).ok
        return task_id

    async def task(self, task_id: int) -> Task:
        found = await self.registry.read(lambda s: s.get(Task, task_id))
        assert found is not None
        return found

    async def until(
        self, task_id: int, *states: TaskState, timeout: float = DEADLINE_S, after_help: bool = False
    ) -> Task:
        """Wait until the task is in one of the states; otherwise say what happened instead.

        A call for help ends the waiting early, unless the task is known to need help already (`after_help`).
        """
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            found = await self.task(task_id)
            if found.state in states:
                return found
            if found.state is TaskState.NEEDS_HELP and not after_help:
                break
            await asyncio.sleep(0.03)
        raise AssertionError(f"not {states} within {timeout} s:\n{await self.story(task_id)}")

    async def eventually(self, condition: Callable[[], Any], timeout: float = DEADLINE_S) -> Any:
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            result = condition()
            value = await result if asyncio.iscoroutine(result) else result
            if value:
                return value
            await asyncio.sleep(0.03)
        raise AssertionError("the condition never held")

    async def rows(self, table: type[SQLModel], **where: Any) -> list[Any]:
        def work(session: Session) -> list[Any]:
            query = select(table)
            for key, value in where.items():
                query = query.where(getattr(table, key) == value)
            return list(session.exec(query.order_by(col(table.id))).all())  # type: ignore[attr-defined]  # every table has one

        return await self.registry.read(work)

    async def rows_of(self, table: type[SQLModel]) -> list[Any]:
        """All rows of a table, numbered or not, as they come."""
        return await self.registry.read(lambda s: list(s.exec(select(table)).all()))

    async def story(self, task_id: int) -> str:
        events = await self.rows(Event, task_id=task_id)
        task = await self.task(task_id)
        attempts = await self.rows(Attempt, task_id=task_id)
        lines = [
            f"{e.at:%H:%M:%S.%f} {e.subject}: {e.before}→{e.after} {e.what} by {e.actor}: {e.why[:200]}" for e in events
        ]
        lines += [f"task {task.state} help={task.help_cause} waits={task.waits_for}"]
        lines += [f"{a.name} {a.state} {a.outcome} {a.message} {a.milestone}" for a in attempts]
        return "\n".join(lines)

    def behave(self, match: str, *attempts: str) -> None:
        """How the scripted agent's next attempts on a prompt that holds `match` go."""
        self.script.write_text(json.dumps([{"match": match, "attempts": list(attempts)}]))

    async def comments(self, number: int) -> list[str]:
        """The conversation of a pull request, oldest first."""
        url = f"{self.place.github_api_url}/repos/{SLUG}/issues/{number}/comments"
        headers = {"Authorization": f"Bearer {self.place.github_token}"}
        async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
            assert answer.status == 200, await answer.text()
            return [str(one["body"]) for one in await answer.json()]

    async def said(self, kind: str) -> list[Outbox]:
        return await self.rows(Outbox, kind=kind)

    async def pull(self, task_id: int) -> PullRequest:
        (found,) = await self.rows(PullRequest, task_id=task_id)
        return found  # type: ignore[no-any-return]  # rows are typed by their table

    def marked(self, name: str) -> list[int]:
        """Processes of this home that wear a run's marker."""
        return [pid for pid, run in runs_alive(self.home) if run == name]


def runs_alive(home: Path) -> list[tuple[int, str]]:
    """Every living process of a run of this home, with the run's name; other homes run on the same machine."""
    found = []
    for process in psutil.process_iter(["pid"]):
        with contextlib.suppress(psutil.Error):
            worn = process.environ()
            ours = Path(worn.get("WAGGLE_RUN_DIR", "/")).is_relative_to(home)
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append((process.pid, worn["WAGGLE_RUN"]))
    return found


@dataclass
class Loop(Onlooker):
    """A running loop, and what tests do with it."""

    outside: Outside
    supervisor: Supervisor
    orchestrator: Orchestrator
    context: ContextStore
    services: dict[str, Service] = field(default_factory=dict)

    def fault(self, service: str, **spec: object) -> None:
        """Trouble for `github` or `models` from now on, in the words of their `faults.py`."""
        self.services[service].fault(spec)

    async def start(self) -> None:
        """Begin to work. The customers' words may be known already, from an earlier life."""
        await self.orchestrator.start()
        await self.context.take_message(
            ChatMessage("C0CUSTOMERS", "customers", "1700000000.000100", "support", QUOTE, "feedback", _now())
        )
        await self.supervisor.start()

    async def stop(self) -> None:
        await self.supervisor.stop()
        await self.orchestrator.stop()
        for view in self.outside.engine.list():
            self.outside.engine.stop(view.name, 0.2)


def place_at(home: Path) -> Place:
    """A place for a playground, on a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return Place(home, f"http://127.0.0.1:{port}", *["secret-of-the-playground"] * 6)


@asynccontextmanager
async def playground(place: Place) -> AsyncIterator[dict[str, Service]]:
    """GitHub and models of the playground, by name, until the block ends."""
    place.home.mkdir(exist_ok=True)
    app = web.Application(client_max_size=64 * 2**20)
    services: dict[str, Service] = {"github": github.add_routes(app, place), "models": models.add_routes(app, place)}
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(place.url.rpartition(":")[2])).start()
    try:
        yield services
    finally:
        await runner.cleanup()


def open_home(home: Path) -> Registry:
    """The registry of a home; both are made when they are missing."""
    home.mkdir(exist_ok=True)
    registry = Registry(f"sqlite:///{home / 'registry.db'}")
    SQLModel.metadata.create_all(registry.engine)
    script = home / "script.json"
    if not script.exists():
        script.write_text("[]")
    return registry


def _now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def running(
    tmp_path: Path,
    the_policy: Policy | None = None,
    *,
    tick_s: float = 0.25,
    model_key: str = "",
    clock: Callable[[], datetime] | None = None,
    agents: Mapping[str, AgentAdapter] | None = None,
    patience: Patience | None = None,
    place: Place | None = None,
    secrets: tuple[str, ...] = (),
) -> AsyncIterator[Loop]:
    """A loop that runs until the block ends.

    Parameters:
        agents: others than the scripted one.
        place: a playground with other credentials than usual.
        secrets: what this Waggle holds beside GitHub's token.
        model_key: another key than the playground's, so that every call of a model is refused.
    """
    place = place or place_at(tmp_path / "playground")
    async with playground(place) as services:
        home = tmp_path / "home"
        registry = open_home(home)
        chosen = the_policy or policy()
        loop = compose(
            home,
            place,
            registry,
            chosen,
            tick_s=tick_s,
            model_key=model_key,
            clock=clock,
            agents=agents,
            patience=patience,
            secrets=secrets,
        )
        loop.services = services
        await loop.start()
        try:
            yield loop
        finally:
            await loop.stop()
            registry.close()


def _tracker(place: Place) -> Sentry:
    return Sentry(lambda: place.sentry_token, SENTRY_ORGANISATION, (SENTRY_PROJECT,), place.sentry_url)


def compose(
    home: Path,
    place: Place,
    registry: Registry,
    chosen: Policy,
    *,
    tick_s: float,
    steps: Steps | None = None,
    model_key: str = "",
    clock: Callable[[], datetime] | None = None,
    agents: Mapping[str, AgentAdapter] | None = None,
    scans: bool = False,
    patience: Patience | None = None,
    terminals: Terminals | None = None,
    secrets: tuple[str, ...] = (),
) -> Loop:
    """Every part of a Waggle without Slack, built and not started. `scans`: it looks at the playground's tracker."""
    repositories = Repositories(home)
    clock = clock or _now

    def remotes(slug: str) -> Remote:
        return Remote(slug, f"{place.url}/github/git/{slug}.git", lambda: place.github_token)

    script = home / "script.json"
    offered = agents or adapters(AgentSettings(enabled=("scripted",), script=script, speed=20.0))
    outside = Outside(
        registry=registry,
        engine=LocalEngine(home / "runs"),
        repositories=repositories,
        github=GitHub(place.github_api_url, lambda: place.github_token),
        policy=lambda: chosen,
        agents=lambda: offered,
        remotes=remotes,
        host=lambda: Host(available_bytes=64 * 2**30),
        environment=clean_environment(),
        agents_home=home / "agents",
        pictures=Pictures(home / "pictures"),
        clock=clock,
        new_id=lambda: str(uuid.uuid4()),
        secrets=(place.github_token, *secrets),
        steps=steps or Steps(),
        tracker=_tracker(place) if scans else None,
        terminals=terminals or NoTerminals(),
    )
    voices = (
        Voice(AnthropicModel(model_key or place.model_key, place.anthropic_base_url, "claude-sonnet-5"), real=False),
        Voice(OpenAIModel(model_key or place.model_key, place.openai_base_url, "gpt-5.2"), real=False),
    )
    context = ContextStore(registry, clock)
    orchestrator = Orchestrator(
        registry,
        context,
        MirrorReader(repositories, remotes, lambda: chosen),
        lambda: panel_of(voices),
        lambda: chosen,
        clock,
        patience=patience,
    )
    supervisor = Supervisor(outside, tick_s=tick_s)
    return Loop(home, place, registry, script, chosen, outside, supervisor, orchestrator, context)
