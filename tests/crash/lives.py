"""The driver: plays one scenario while Waggle is killed as planned, and starts it again after each death."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import psutil

from integrations.git.places import Places
from integrations.playground.visitor import Visitor
from scheduler.lifecycle import TaskState
from tests.crash import child, outside_world
from tests.crash.killing import Kill, StepsLog
from tests.crash.scenarios import PATIENCE_S, SCENARIOS, Scenario
from tests.forked import forks
from tests.integration.loop import SLUG, Onlooker, open_home, place_at, runs_alive

_END_S = 20.0
_TOLD = 60  #: lines of Waggle's log that a failure shows


@dataclass
class Case(Onlooker):
    """One scenario in one directory, and the processes that take part.

    Attributes:
        root: directory of the case; Waggle's home and the playground's are below it.
    """

    root: Path
    scenario: Scenario
    lives: Lives
    world: World

    @property
    def steps(self) -> StepsLog:
        return StepsLog(self.root / "steps.jsonl")

    @property
    def visitor(self) -> Visitor:
        return Visitor(self.place.page_url)

    @property
    def workspace(self) -> Path:
        return Places.under(self.home).workspace("t-1")

    async def merge(self, task_id: int) -> None:
        """Merge as ana, past required checks where nobody waits for CI, and wait until all is tidied up."""
        pull = await self.pull(task_id)
        bypass = not self.policy.repositories[0].has_ci
        await self.person.merge(SLUG, pull.number, bypass=bypass)
        await self.until(task_id, TaskState.MERGED, timeout=PATIENCE_S)

        async def cleaned() -> bool:
            return (await self.task(task_id)).cleaned_at is not None

        await self.eventually(cleaned, PATIENCE_S)

    def runner(self, name: str) -> int:
        (found,) = [pid for pid in self.marked(name) if "runner.py" in " ".join(psutil.Process(pid).cmdline())]
        return found


class Lives:
    """The lives of one Waggle.

    Attributes:
        deaths: how often it was killed.
        between: what happens while nobody supervises, after each death.

    Parameters:
        plan: who is killed where, in order. Each kill of Waggle ends a life; the one after the last lives to the end.
    """

    def __init__(self, root: Path, url: str, scenario: str, plan: Sequence[Kill]) -> None:
        self._root, self._url, self._scenario = root, url, scenario
        self._plan = list(_by_life(plan))
        self._ending = False
        self._process: ForkServerProcess | None = None
        self.deaths = 0
        self.between: Callable[[], Awaitable[None]] = _nothing

    async def keep(self) -> None:
        """Start one life after the other.

        Raises:
            AssertionError: Waggle ended without being killed, or two agents were at work when it died.
        """
        for life, kills in enumerate(self._plan):
            own = [str(kill) for kill in kills if not kill.by_playground]
            self._process = start(child.live, self._root, self._url, self._scenario, life, own)
            (self._root / "waggle.pid").write_text(str(self._process.pid))
            code = await ended(self._process)
            if self._ending:
                return
            if life + 1 == len(self._plan) or code != -signal.SIGKILL:
                planned = " ".join(map(str, kills)) or "none"
                raise AssertionError(f"life {life} of Waggle ended with {code}, planned was: {planned}")
            self.deaths += 1
            agents = agents_alive(self._root / "home")
            assert len(agents) <= 1, f"agents at work when life {life} was killed: {agents}"
            await self.between()

    async def end(self) -> None:
        """Have the last life stop in order."""
        self._ending = True
        if self._process is not None:
            await terminate(self._process)


def _by_life(plan: Sequence[Kill]) -> Iterator[list[Kill]]:
    kills: list[Kill] = []
    for kill in plan:
        kills.append(kill)
        if kill.ends_life:
            yield kills
            kills = []
    yield kills


async def _nothing() -> None:
    """Between two lives, nothing else happens."""


class World:
    """The playground's process. Whoever kills it, it starts again on the same home and port.

    Parameters:
        plan: kills of Waggle that the playground is to carry out.
    """

    def __init__(self, root: Path, url: str, plan: Sequence[Kill]) -> None:
        self._root, self._url = root, url
        self._kills = [str(kill) for kill in plan if kill.by_playground]
        self._ending = False
        self._process: ForkServerProcess | None = None
        self.deaths = 0

    async def start(self) -> None:
        """Start it and wait until it listens."""
        self._process = start(outside_world.serve, self._root, self._url, self._kills)
        (self._root / "playground.pid").write_text(str(self._process.pid))
        host, _, port = self._url.removeprefix("http://").partition(":")
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            assert self._process.is_alive(), "the playground ended at once"
            with suppress(OSError):
                _, writer = await asyncio.open_connection(host, int(port))
                writer.close()
                return
            await asyncio.sleep(0.01)
        raise AssertionError("the playground does not listen")

    async def keep(self) -> None:
        """Start it again whenever it was killed.

        Raises:
            AssertionError: it ended by itself.
        """
        while True:
            assert self._process is not None
            code = await ended(self._process)
            if self._ending:
                return
            assert code == -signal.SIGKILL, f"the playground ended with {code}"
            self.deaths += 1
            await self.start()

    async def end(self) -> None:
        self._ending = True
        if self._process is not None:
            await terminate(self._process)


@asynccontextmanager
async def playing(root: Path, name: str, plan: Sequence[Kill] = ()) -> AsyncIterator[Case]:
    """A case whose processes run until the block ends. Play it with `play`."""
    scenario = SCENARIOS[name]
    url = place_at(root).url
    place = child.place_of(root, url)
    registry = open_home(root / "home")
    world, lives = World(root, url, plan), Lives(root, url, name, plan)
    case = Case(
        root / "home", place, registry, root / "home" / "script.json", scenario.policy, root, scenario, lives, world
    )
    case.behave(scenario.wish, *scenario.behaviours)
    await world.start()
    try:
        yield case
    finally:
        await lives.end()
        await world.end()
        for pid, _ in runs_alive(case.home):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        registry.close()


async def play(case: Case) -> None:
    """Play the case's scenario and let Waggle end in order. What goes wrong shows Waggle's log."""
    keeping = [asyncio.create_task(case.lives.keep()), asyncio.create_task(case.world.keep())]
    story = asyncio.create_task(case.scenario.play(case))
    try:
        await asyncio.wait([*keeping, story], return_when=asyncio.FIRST_COMPLETED)
        for one in keeping:
            if one.done():
                one.result()  # before the story's end, it ends only by failing
        await story
        await case.lives.end()
        await keeping[0]
    except AssertionError as problem:
        log = (case.root / "waggle.log").read_text(errors="replace").splitlines()[-_TOLD:]
        raise AssertionError("\n".join([str(problem), "--- waggle.log", *log])) from problem
    finally:
        for task in (*keeping, story):
            task.cancel()
        await asyncio.gather(*keeping, story, return_exceptions=True)


# --- processes ---------------------------------------------------------------------------------------------------


def start(target: Callable[..., None], *arguments: object) -> ForkServerProcess:
    process = forks.Process(target=target, args=arguments, daemon=True)
    # Not in a thread: it also collects the exit codes of others, and whoever asks at the same time gets a wrong one.
    process.start()
    return process


async def ended(process: ForkServerProcess) -> int | None:
    """Wait for a process; its exit code, negative for a signal."""
    gone = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(process.sentinel, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(process.sentinel)
    process.join()
    return process.exitcode


async def terminate(process: ForkServerProcess) -> None:
    process.terminate()
    await asyncio.to_thread(process.join, _END_S)
    if process.is_alive():
        process.kill()
        await asyncio.to_thread(process.join, _END_S)


def agents_alive(home: Path) -> list[tuple[int, str]]:
    """The scripted agents at work: processes of its program that no other one of it started."""
    found = []
    for pid, run in runs_alive(home):
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            if _is_agent(process) and not _is_agent(process.parent()):
                found.append((pid, run))
    return found


def _is_agent(process: psutil.Process | None) -> bool:
    return process is not None and any(part.endswith("scripted_agent.py") for part in process.cmdline()[:4])
