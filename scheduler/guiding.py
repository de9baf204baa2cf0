"""People's words to an agent that works: said to it at once where it listens, and counted only when it has heard them.

What is sent is not delivered: only the agent's own stream shows that it took the words in. What it has not heard when
it ends goes into its next prompt, so nothing that a person wrote is lost, and nothing is called delivered that is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, cast

import structlog
from sqlmodel import Session

from integrations.agents import LiveAdapter
from integrations.fault import IntegrationError
from scheduler.lifecycle import AttemptState, TaskState
from scheduler.outside import Outside
from scheduler.registry.work import Attempt, Task
from scheduler.registry.writers import record, refresh_card, say
from scheduler.steps import StepName

log = structlog.get_logger(__name__)

STOP_TO_TELL = "guidance"  #: why an attempt is stopped that is to go on with a person's words


def told_by_turn(task: Task, attempt: Attempt) -> bool:
    """Whether people wrote something while this attempt ran that it has not heard."""
    began = attempt.started_at or attempt.created_at
    return any(not one["used_in"] and datetime.fromisoformat(one["at"]) >= began for one in task.guidance)


def mark_heard(session: Session, now: datetime, task: Task, attempt: Attempt, heard: Iterable[str]) -> None:
    """The agent's stream shows these texts: what people wrote in them is delivered, and they are told so, once."""
    texts = [" ".join(one.split()) for one in heard]
    marked = []
    for entry in task.guidance:
        words = " ".join(str(entry["text"]).split())
        # Whatever the row says of its sending: a crash may have come between that and writing it down.
        if entry["used_in"] or not any(words in one for one in texts):
            marked.append(entry)
            continue
        marked.append({**entry, "used_in": attempt.name})
        record(session, now, what="guidance heard", why=words, task_id=task.id, subject="task")
        said = f"Attempt {attempt.n} has heard: “{words[:200]}”"
        key = f"heard:{attempt.name}:{entry['at']}:{entry['by']}"
        say(session, now, kind="note", dedupe_key=key, task=task, payload={"text": said})
        refresh_card(session, task, now)
    task.guidance = marked
    session.add(task)


class Guide:
    """Says to agents that listen what people wrote for them."""

    def __init__(self, out: Outside) -> None:
        self._out = out

    async def tell(self, attempts: Sequence[Attempt]) -> None:
        """Send what waits for these running attempts. One that reads no more is left to its next prompt."""
        agents = self._out.agents()
        for attempt in attempts:
            adapter = agents.get(attempt.agent)
            if adapter is None or not adapter.live_input:
                continue
            waiting = await self._out.registry.read(partial(_waiting, task_id=attempt.task_id))
            if not waiting:
                continue
            try:
                await asyncio.to_thread(self._send, attempt, cast(LiveAdapter, adapter), waiting)
            except IntegrationError as problem:
                log.info("an agent takes no more words", attempt=attempt.name, why=str(problem))
                continue
            await self._out.registry.write(partial(_mark_sent, attempt_id=attempt.id, sent=waiting))

    def _send(self, attempt: Attempt, adapter: LiveAdapter, entries: Sequence[dict[str, Any]]) -> None:
        for entry in entries:
            with self._out.steps(StepName.GUIDE, attempt.name):
                self._out.engine.send(attempt.name, adapter.line(str(entry["text"])))


def _waiting(session: Session, task_id: int) -> list[dict[str, Any]]:
    task = session.get(Task, task_id)
    if task is None or task.state is not TaskState.RUNNING:
        return []
    return [one for one in task.guidance if not one["used_in"] and not one.get("sent_to")]


def _mark_sent(session: Session, attempt_id: int | None, sent: Sequence[dict[str, Any]]) -> None:
    attempt = session.get(Attempt, attempt_id)
    assert attempt is not None
    task = session.get(Task, attempt.task_id)
    if task is None or attempt.state is not AttemptState.RUNNING:
        return
    task.guidance = [{**one, "sent_to": attempt.name} if one in sent else one for one in task.guidance]
    session.add(task)
