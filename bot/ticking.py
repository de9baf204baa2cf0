"""`waggle tick` beside a running Waggle: it asks through a row, and that one ticks and answers in a row."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4

from sqlmodel import Session

from scheduler.monitor import TickReport
from scheduler.registry import Registry, Topic
from scheduler.registry.writers import recall, remember

_ASKED, _ANSWERED = "tick:asked", "tick:answered"
_PATIENCE_S = 60.0
_LOOK_S = 0.1


def ask_running(registry: Registry, now: Callable[[], datetime]) -> dict[str, Any] | None:
    """Have the Waggle that runs on this registry tick; its report, or None when it did not answer. Blocks."""
    name = uuid4().hex
    registry.write_now(lambda session: remember(session, now(), _ASKED, {"name": name}))
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        answer = registry.read_now(lambda session: recall(session, _ANSWERED))
        if answer is not None and answer.get("name") == name:
            return dict(answer["report"])
        time.sleep(_LOOK_S)
    return None


async def answer_requests(
    registry: Registry, tick: Callable[[], Awaitable[TickReport]], now: Callable[[], datetime]
) -> None:
    """Tick whenever somebody asks, until cancelled."""
    bell = registry.bell(Topic.SUPERVISOR)
    while True:
        await bell.wait()
        bell.clear()
        asked, answered = await registry.read(lambda s: (recall(s, _ASKED), recall(s, _ANSWERED)))
        if asked is None or (answered is not None and answered.get("name") == asked.get("name")):
            continue
        report = asdict(await tick())
        await registry.write(partial(_answer, now=now(), name=str(asked["name"]), report=report))


def _answer(session: Session, now: datetime, name: str, report: dict[str, Any]) -> None:
    remember(session, now, _ANSWERED, {"name": name, "report": report})
