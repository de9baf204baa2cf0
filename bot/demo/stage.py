"""One Waggle with its playground, as a person meets it: a process, a page, a channel. Nothing is called inside it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from sqlmodel import Session

from bot.configuration import read_running
from bot.demo.transcript import Line, Transcript
from bot.home import Home
from bot.look import list_tasks, read_task
from bot.playground_config import REPOSITORY, Pace, playground_toml
from bot.services import Services
from bot.settings import Settings
from bot.show import Json, TaskView, full_json
from integrations.playground.lock import running
from integrations.playground.place import Place
from integrations.playground.start import stop_playground
from integrations.playground.visitor import Visitor, text_of
from scheduler.lifecycle import TaskState
from scheduler.registry import Registry

T = TypeVar("T")

WORK = "C0PRODUCT"
PACE = Pace(ready=1.5, review=1.0, no_checks=15.0, missing_checks=60.0, speed=8.0)
_TICK_S = 1.0
_LOOK_S = 0.25
_START_S = 180.0
_END_S = 20.0


class SceneFailed(Exception):
    """Something did not happen, or happened as it should not."""


@dataclass
class Stage:
    """A running Waggle (process `pid`) and the people around it."""

    home: Home
    pid: int
    place: Place
    visitor: Visitor
    transcript: Transcript
    registry: Registry

    # --- what people do ------------------------------------------------------------------------------------------

    async def ask(self, text: str) -> str:
        """Ask for something in the channel; returns the message, which is also its thread."""
        return await self.visitor.say(WORK, f"@waggle {text}")

    async def reply(self, thread: str, text: str, user: str = "U0ANA") -> None:
        await self.visitor.say(WORK, text, thread_ts=thread, user=user)

    async def press(self, thread: str, label: str, user: str = "U0ANA") -> None:
        """Press the newest button with this label in a thread, once there is one."""

        async def shown() -> tuple[str, str] | None:
            for message in reversed(await self.thread(thread)):
                for button in _buttons(message.get("blocks") or []):
                    if label.lower() in button["text"]["text"].lower():
                        return str(message["ts"]), str(button["action_id"])
            return None

        ts, action = await self.until(f"there is a button “{label}”", shown, 20.0)
        await self.visitor.click(WORK, ts, action, user=user)

    # --- what people see -----------------------------------------------------------------------------------------

    async def thread(self, thread: str) -> list[dict[str, Any]]:
        return list(await self.visitor.thread(WORK, thread))

    async def waggle_says(self, thread: str, *words: str) -> list[dict[str, Any]]:
        """Waggle's messages in a thread that hold all of these words, in their text or their blocks."""
        said = [one for one in await self.thread(thread) if one.get("user") == "U0WAGGLE"]
        return [one for one in said if all(word.lower() in _all_text(one) for word in words)]

    async def sees(self, thread: str, *words: str, seconds: float = 45.0) -> dict[str, Any]:
        """Wait until Waggle says something with these words."""

        async def found() -> dict[str, Any] | None:
            messages = await self.waggle_says(thread, *words)
            return messages[-1] if messages else None

        return await self.until(f"Waggle says {' … '.join(words)}", found, seconds)

    # --- what can be looked up -------------------------------------------------------------------------------------

    async def task(self) -> TaskView:
        """The newest task, once there is one."""

        async def found() -> TaskView | None:
            newest = await self.registry.read(list_tasks)
            return newest[0] if newest else None

        view = await self.until("there is a task", found, 20.0)
        full = await self.registry.read(lambda session: read_task(session, view.task.id or 0))
        assert full is not None, "a task does not go away"
        return full

    async def reaches(self, *states: TaskState, seconds: float = 60.0) -> TaskView:
        """Wait until the task is in one of these states."""

        async def there() -> TaskView | None:
            view = await self.task()
            return view if view.task.state in states else None

        return await self.until(f"the task is {' or '.join(states)}", there, seconds)

    async def branch_exists(self, branch: str) -> bool:
        """Whether the branch is there on GitHub."""
        url = f"{self.place.github_api_url}/repos/{REPOSITORY}/branches/{branch}"
        headers = {"Authorization": f"Bearer {self.place.github_token}"}
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            return answer.status == 200

    def workspaces(self) -> list[str]:
        """Worktrees on disk."""
        work = self.home.root / "work"
        return sorted(one.name for one in work.iterdir() if one.is_dir()) if work.is_dir() else []

    async def until(self, what: str, condition: Callable[[], Awaitable[T | None]], seconds: float) -> T:
        """Wait until `condition` gives something.

        Raises:
            SceneFailed: it did not within `seconds`.
        """
        deadline = time.monotonic() + seconds
        while True:
            found = await condition()
            if found is not None and found is not False:
                return found
            if time.monotonic() > deadline:
                raise SceneFailed(f"not within {seconds:g} s: {what}{await self._state()}")
            await asyncio.sleep(_LOOK_S)

    async def tasks_json(self) -> list[Json]:
        return await self.registry.read(_all_in_full)

    async def _state(self) -> str:
        newest = await self.registry.read(list_tasks)
        if not newest:
            return "; there is no task"
        task = newest[0].task
        why = f" ({task.help_cause})" if task.help_cause else ""
        return f"; the task is {task.state.value}{why}"


@contextlib.asynccontextmanager
async def open_stage(
    name: str, script: Sequence[dict[str, Any]], tell: Callable[[Line], None], log: Callable[[str], None]
) -> AsyncIterator[Stage]:
    """Start a Waggle on a fresh home and end it afterwards. The home goes, unless something failed.

    Parameters:
        script: how the scripted agent's runs behave, as `integrations.playground.scripted.script` reads it.

    Raises:
        SceneFailed: it does not start.
    """
    directory = Path(tempfile.mkdtemp(prefix=f"waggle-{name}-"))
    home = Home(directory / "home")
    process = await _start(directory, home, script)
    try:
        place = await _started(process, home, directory)
        async with _watching(home, process.pid, place, tell) as stage:
            yield stage
    except BaseException:
        await _end(process, home)
        log(f"what is left of it: {directory}")
        raise
    await _end(process, home)
    await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)


@contextlib.asynccontextmanager
async def _watching(home: Home, pid: int, place: Place, tell: Callable[[Line], None]) -> AsyncIterator[Stage]:
    registry = Registry(f"sqlite:///{home.root / 'registry.db'}")
    try:
        async with Visitor(place.page_url) as visitor:
            transcript = Transcript(visitor, WORK, tell)
            await transcript.begin()
            following = asyncio.create_task(_follow(transcript))
            try:
                yield Stage(home, pid, place, visitor, transcript, registry)
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
    finally:
        await asyncio.to_thread(registry.close)


async def _follow(transcript: Transcript) -> None:
    while True:
        await transcript.look()
        await asyncio.sleep(_LOOK_S)


async def _start(directory: Path, home: Home, script: Sequence[dict[str, Any]]) -> asyncio.subprocess.Process:
    settings = Settings.isolated(home.root)
    services = Services(slack=False, github=False, anthropic=False, openai=False)
    script_file, config = directory / "script.json", directory / "waggle.toml"
    await asyncio.to_thread(script_file.write_text, json.dumps(list(script)))
    await asyncio.to_thread(config.write_text, playground_toml(services, PACE, script=str(script_file)))
    environment = {
        **settings.host.environment,
        "HOME": str(directory),
        "WAGGLE_HOME": str(home.root),
        "WAGGLE_CONFIG": str(config),
        "WAGGLE_TICK_SECONDS": str(_TICK_S),
        "PYTHONUNBUFFERED": "1",
    }
    with (directory / "output").open("wb") as output:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "run", stdout=output, stderr=output, cwd=directory, env=environment
        )  # fmt: skip


async def _started(process: asyncio.subprocess.Process, home: Home, directory: Path) -> Place:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        said = read_running(home)
        found = running(home.playground) if said is not None and said.pid == process.pid else None
        if found is not None:
            return found.place
        if process.returncode is not None:
            break
        await asyncio.sleep(_LOOK_S)
    output = await asyncio.to_thread((directory / "output").read_text)
    raise SceneFailed(f"Waggle did not start:\n{output[-2000:]}")


async def _end(process: asyncio.subprocess.Process, home: Home) -> None:
    """End Waggle, which ends its playground; whatever is left after that is killed."""
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), _END_S)
    except TimeoutError:
        process.kill()
        await process.wait()
    await asyncio.to_thread(stop_playground, home.playground)


def _all_in_full(session: Session) -> list[Json]:
    full = [read_task(session, view.task.id or 0) for view in list_tasks(session)]
    return [full_json(view) for view in full if view is not None]


def _buttons(blocks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    elements = [element for block in blocks for element in block.get("elements", []) if isinstance(element, dict)]
    return [element for element in elements if element.get("type") == "button"]


def _all_text(message: dict[str, Any]) -> str:
    return text_of(message).lower()
