"""Killing what must not run any more: agents whose task wants none, and commands that nobody waits for."""

from __future__ import annotations

import asyncio

from sqlmodel import Session

from integrations.engines import RunState
from scheduler.lifecycle import AttemptState, Cause, TaskState
from scheduler.outside import Outside
from scheduler.registry.work import Attempt, Task
from scheduler.registry.writers import move_attempt, refresh_card
from scheduler.steps import StepName


class Stopper:
    """Kills the process trees of attempts that must not run any more."""

    def __init__(self, out: Outside) -> None:
        self._out = out

    async def interrupt(self, name: str) -> None:
        """Kill a repository's own command that nobody waits for any more."""

        def kill() -> None:
            if self._out.engine.find(name).state is RunState.RUNNING:
                with self._out.steps(StepName.STOP, name):
                    self._out.engine.stop(name, 1.5)

        await asyncio.to_thread(kill)

    async def clear(self) -> None:
        """Kill what an earlier life left running besides agents: it is started anew where it is wanted."""

        def running() -> list[str]:
            known = self._out.engine.list()
            return [
                one.name
                for one in known
                if one.state is RunState.RUNNING and one.name.endswith(("-install", "-verify"))
            ]

        for name in await asyncio.to_thread(running):
            await self.interrupt(name)

    async def stop(self, attempt_id: int) -> None:
        """Kill one attempt's whole process tree and record it. Work in its worktree is untouched."""
        out = self._out
        attempt = await out.registry.read(lambda s: s.get(Attempt, attempt_id))
        assert attempt is not None

        def kill() -> None:
            with out.steps(StepName.STOP, attempt.name):
                if out.engine.find(attempt.name).state is not RunState.ABSENT:
                    out.engine.stop(attempt.name, 1.5)

        await asyncio.to_thread(kill)

        def work(session: Session) -> None:
            row = session.get(Attempt, attempt_id)
            task = session.get(Task, attempt.task_id)
            assert row is not None and task is not None
            if row.state in {AttemptState.ENDED, AttemptState.LOST, AttemptState.STOPPED}:
                return
            causes = {
                TaskState.MERGED: Cause.MERGED,
                TaskState.DROPPED: Cause.CLOSED_BY_PERSON,
                TaskState.PAUSED: Cause.PAUSED,
            }
            cause = causes.get(task.state, Cause.STOPPED)
            if row.state is AttemptState.PARKED and cause is Cause.PAUSED:
                return
            row.outcome = row.outcome or "stopped"
            move_attempt(session, row, AttemptState.STOPPED, cause, out.clock())
            refresh_card(session, task, out.clock())

        await out.registry.write(work)
