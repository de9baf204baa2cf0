"""One Waggle with its playground, as a person meets it: a process, a page, a channel. Nothing is called inside it."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from sqlmodel import Session

from bot.demo.process import PACE, SceneFailed, WaggleProcess
from bot.demo.transcript import Line, Transcript
from bot.home import Home
from bot.look import list_tasks, read_task
from bot.playground_config import REPOSITORY
from bot.show import Json, TaskView, full_json
from integrations.playground.place import Place
from integrations.playground.visitor import Visitor, text_of
from scheduler.lifecycle import TaskState
from scheduler.registry import Registry

T = TypeVar("T")

__all__ = ["PACE", "WORK", "SceneFailed", "Stage", "open_stage"]

WORK = "C0PRODUCT"
_LOOK_S = 0.25


@dataclass
class Stage:
    """A running Waggle and the people around it. `narrate` shows one line of what happens beside the talk."""

    waggle: WaggleProcess
    place: Place
    visitor: Visitor
    transcript: Transcript
    registry: Registry
    narrate: Callable[[str], None]

    @property
    def home(self) -> Home:
        return self.waggle.home

    @property
    def pid(self) -> int:
        return self.waggle.pid

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

        ts, action = await self.until(f"there is a button “{label}”", shown, 60.0)
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

        view = await self.until("there is a task", found, 60.0)
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

    async def comments(self, number: int) -> list[str]:
        """The conversation of a pull request."""
        return await self._bodies(f"issues/{number}/comments")

    async def remarks(self, number: int) -> list[str]:
        """What is said on lines of a pull request."""
        return await self._bodies(f"pulls/{number}/comments")

    async def _bodies(self, path: str) -> list[str]:
        url = f"{self.place.github_api_url}/repos/{REPOSITORY}/{path}"
        headers = {"Authorization": f"Bearer {self.place.github_token}"}
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
            return [str(one["body"]) for one in await answer.json()]

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
    name: str,
    script: Sequence[dict[str, Any]],
    tell: Callable[[Line], None],
    log: Callable[[str], None],
    *,
    toml: str = "",
) -> AsyncIterator[Stage]:
    """Start a Waggle on a fresh home and end it afterwards. The home goes, unless something failed.

    Parameters:
        script: how the scripted agent's runs behave, as `integrations.playground.scripted.script` reads it.
        toml: tables for `waggle.toml` beside the playground's own.
        tell: shows what is said.
        log: shows what happens beside it.

    Raises:
        SceneFailed: it does not start.
    """
    directory = Path(tempfile.mkdtemp(prefix=f"waggle-{name}-"))
    waggle = WaggleProcess(directory, script, toml)
    try:
        async with _watching(waggle, await waggle.start(), tell, log) as stage:
            yield stage
    except BaseException:
        await waggle.end()
        log(f"what is left of it, with transcript.txt and the logs: {directory}")
        raise
    await waggle.end()
    await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)


@contextlib.asynccontextmanager
async def _watching(
    waggle: WaggleProcess, place: Place, tell: Callable[[Line], None], log: Callable[[str], None]
) -> AsyncIterator[Stage]:
    written = (waggle.directory / "transcript.txt").open("a", encoding="utf-8", buffering=1)

    def tell_too(line: Line) -> None:
        written.write(f"{line.at} {line.author}: {line.text}\n")
        tell(line)

    def log_too(text: str) -> None:
        written.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} * {text}\n")
        log(text)

    registry = Registry(f"sqlite:///{waggle.home.root / 'registry.db'}")
    try:
        async with Visitor(place.page_url) as visitor:
            transcript = Transcript(visitor, WORK, tell_too)
            await transcript.begin()
            following = asyncio.create_task(_follow(transcript))
            try:
                yield Stage(waggle, place, visitor, transcript, registry, log_too)
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
    finally:
        await asyncio.to_thread(registry.close)
        written.close()


async def _follow(transcript: Transcript) -> None:
    while True:
        await transcript.look()
        await asyncio.sleep(_LOOK_S)


def _all_in_full(session: Session) -> list[Json]:
    full = [read_task(session, view.task.id or 0) for view in list_tasks(session)]
    return [full_json(view) for view in full if view is not None]


def _buttons(blocks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    elements = [element for block in blocks for element in block.get("elements", []) if isinstance(element, dict)]
    return [element for element in elements if element.get("type") == "button"]


def _all_text(message: dict[str, Any]) -> str:
    return text_of(message).lower()
