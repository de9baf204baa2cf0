"""What scenarios assert is read here: the playground's own logs of calls, and the table of processes."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # it brings no types

from bot.demo.process import SceneFailed
from bot.demo.stage import Stage
from bot.playground_config import REPOSITORY

_AGENT = "scripted_agent.py"
_READY = "PR ready"
_LAST_S = 30.0


def processes(stage: Stage) -> list[psutil.Process]:
    """The living processes of all runs of this Waggle: runners, agents, and whatever these started."""
    return [one for one in psutil.process_iter() if _belongs(one, stage.home.runs)]


def agents(stage: Stage) -> list[psutil.Process]:
    """The scripted agents at work, without the processes that they forked."""
    found = [one for one in processes(stage) if _is_agent(one)]
    pids = {one.pid for one in found}
    return [one for one in found if _parent(one) not in pids]


async def the_agent(stage: Stage, *, seconds: float = 30.0) -> psutil.Process:
    """The one agent at work, once there is one.

    Raises:
        SceneFailed: there are several.
    """

    async def found() -> psutil.Process | None:
        there = agents(stage)
        if len(there) > 1:
            raise SceneFailed(f"several agents are at work: {[one.pid for one in there]}")
        return there[0] if there else None

    return await stage.until("an agent is at work", found, seconds)


async def posts(stage: Stage) -> list[dict[str, Any]]:
    """Every message that Waggle ever posted for everybody, as the playground logged the calls."""
    calls = await stage.visitor.calls("slack")
    return [one["args"] for one in calls if one["method"] == "chat.postMessage" and one["performed"]]


async def ready_is_said(stage: Stage) -> None:
    """Wait until people were called to merge: a message of its own, some moments after the card says it."""

    async def said() -> bool | None:
        return any(str(one["text"]).startswith(_READY) for one in await posts(stage)) or None

    await stage.until("“PR ready” is said", said, 60)


async def pulls_opened(stage: Stage) -> int:
    """How many pull requests Waggle opened, by GitHub's log."""
    return len([one for one in await stage.visitor.calls("github") if _opens_pull(one)])


async def check_one_of_everything(stage: Stage, *, attempts: int) -> str:
    """Hold the playground's records against what one task may have caused; what was found, in words.

    Parameters:
        attempts: how many runs of an agent there were to be.

    Raises:
        SceneFailed: something happened twice, or not at all.
    """
    left = await _at_rest(stage)
    posted = await posts(stage)
    marks = Counter(str(one["metadata"]["event_payload"]["post"]) for one in posted)
    texts = Counter(str(one["text"]) for one in posted)
    [task] = await _only_one("tasks", await stage.tasks_json())
    counted = {
        "attempts": (len(task["attempts"]), attempts),
        "pull requests opened": (await pulls_opened(stage), 1),
        "pull requests on GitHub": (len(await stage.visitor.pulls(REPOSITORY)), 1),
        "cards": (sum("metadata" in one and _is_card(one) for one in posted), 1),
        "messages that say “ready”": (sum(n for text, n in texts.items() if text.startswith(_READY)), 1),
        "messages posted again": (sum(n - 1 for n in marks.values()) + sum(n - 1 for n in texts.values()), 0),
        "processes left": (len(left), 0),
    }
    wrong = [f"{what}: {found}, expected {wanted}" for what, (found, wanted) in counted.items() if found != wanted]
    if wrong:
        raise SceneFailed(f"{'; '.join(wrong)}; posted: {list(texts)}; processes: {left}")
    return ", ".join(f"{what} {found}" for what, (found, _) in counted.items())


async def _at_rest(stage: Stage) -> list[str]:
    """The processes that are still there when the last command has had its time to end."""
    until = time.monotonic() + _LAST_S
    while True:
        left = processes(stage)
        if not left or time.monotonic() > until:
            return [f"{one.pid} {' '.join(_asked(one.cmdline) or [])[:120]}" for one in left]
        await asyncio.sleep(0.1)


async def _only_one(what: str, found: list[Any]) -> list[Any]:
    if len(found) != 1:
        raise SceneFailed(f"there are {len(found)} {what}")
    return found


def _is_card(post: dict[str, Any]) -> bool:
    return str(post["text"]).startswith("T-1 ·")


def _opens_pull(call: dict[str, Any]) -> bool:
    return bool(call["method"] == "POST" and call["path"].endswith(f"/repos/{REPOSITORY}/pulls") and call["performed"])


def _belongs(process: psutil.Process, runs: Path) -> bool:
    worn = _asked(lambda: process.environ().get("WAGGLE_RUN_DIR", "") if _lives(process) else "")
    return bool(worn) and Path(str(worn)).is_relative_to(runs)


def _lives(process: psutil.Process) -> bool:
    return bool(process.status() != psutil.STATUS_ZOMBIE)


def _is_agent(process: psutil.Process) -> bool:
    return any(part.endswith(_AGENT) for part in (_asked(lambda: process.cmdline()) or [])[:4])


def _parent(process: psutil.Process) -> int:
    return _asked(lambda: process.ppid()) or 0


def _asked(question: Callable[[], Any]) -> Any:
    """The answer; None when the process is gone or may not be looked at."""
    try:
        return question()
    except psutil.Error:
        return None
