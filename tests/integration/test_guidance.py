"""What people write while an agent works: when it reaches the agent, and what they are told about that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from scheduler import commands
from scheduler.lifecycle import AttemptState, TaskState
from scheduler.policy import Route
from scheduler.registry import Attempt
from scheduler.steps import StepName, Steps
from tests.integration.listener import listening_agent
from tests.integration.loop import Loop, compose, open_home, place_at, playground, policy, running

CSV = "customers want CSV export of invoices"
WORDS = "use semicolons between the columns"


@asynccontextmanager
async def listening(tmp_path: Path, steps: Steps | None = None) -> AsyncIterator[Loop]:
    """A loop whose agent listens while it works."""
    chosen = policy(
        routes=(("default", (Route("claude-code"),)),),
        agents_families=(("claude-code", "anthropic"),),
        live_agents=("claude-code",),
    )
    place = place_at(tmp_path / "playground")
    async with playground(place):
        home = tmp_path / "home"
        registry = open_home(home)
        agents = {"claude-code": listening_agent(tmp_path / "listener")}
        loop = compose(home, place, registry, chosen, tick_s=0.25, steps=steps, agents=agents)
        await loop.start()
        try:
            yield loop
        finally:
            await loop.stop()
            registry.close()


async def running_attempt(loop: Loop, task_id: int) -> Attempt:
    async def found() -> Attempt | None:
        rows = await loop.rows(Attempt, task_id=task_id)
        return rows[-1] if rows and rows[-1].state is AttemptState.RUNNING and rows[-1].event_offset else None

    return await loop.eventually(found)  # type: ignore[no-any-return]  # whatever the condition gives


class CutOnce:
    """Breaks off the first step of one name."""

    def __init__(self, moment: str) -> None:
        self.moment, self.cuts = moment, 0

    def _cut(self, name: StepName, moment: str) -> None:
        if name is StepName.GUIDE and moment == self.moment and not self.cuts:
            self.cuts = 1
            raise InterruptedError("cut here")

    def before(self, name: StepName, subject: str) -> None:
        self._cut(name, "before")

    def after(self, name: StepName, subject: str) -> None:
        self._cut(name, "after")


@pytest.mark.parametrize("cut", ["", "before", "after"])
async def test_an_agent_that_listens_hears_it_at_once_and_people_are_told_when_it_did(tmp_path: Path, cut: str) -> None:
    observer = CutOnce(cut)
    async with listening(tmp_path, Steps(observer)) as loop:
        task_id = await loop.approved(CSV)
        await running_attempt(loop, task_id)
        said = await loop.do(commands.guide, task_id, WORDS)
        assert said.ok and "say here when it has heard it" in said.text
        await loop.eventually(lambda: _outcome(loop, task_id, "done"))
        (attempt,) = await loop.rows(Attempt, task_id=task_id)
        assert (Path(attempt.workspace) / "told.txt").read_text() == WORDS
        notes = [row for row in await loop.said("note") if "has heard" in row.payload.get("text", "")]
        assert len(notes) == 1 and WORDS in notes[0].payload["text"]
        assert (await loop.task(task_id)).guidance[0]["used_in"] == attempt.name
        assert observer.cuts == bool(cut)


async def _outcome(loop: Loop, task_id: int, outcome: str) -> bool:
    return any(one.outcome == outcome for one in await loop.rows(Attempt, task_id=task_id))


@asynccontextmanager
async def deaf(tmp_path: Path) -> AsyncIterator[Loop]:
    """A loop whose agent hears nothing while it works, and works for a while first."""
    async with running(tmp_path) as loop:
        loop.behave("CSV", "slow:600")
        yield loop


async def test_with_now_it_is_stopped_and_goes_on_with_the_words(tmp_path: Path) -> None:
    async with deaf(tmp_path) as loop:
        task_id = await loop.approved(CSV)
        await running_attempt(loop, task_id)
        said = await loop.do(commands.guide, task_id, WORDS)
        assert "Reply `now`" in said.text
        assert (await loop.do(commands.guide, task_id, "now")).text.startswith("I stop scripted")
        task = await loop.until(task_id, TaskState.READY)
        first, second = await loop.rows(Attempt, task_id=task_id)
        assert first.outcome == "guidance" and second.resumes and second.session_id == first.session_id
        assert WORDS in second.prompt
        assert task.retries_failure == 0, "what a person wants spends no retry"


async def test_now_without_anything_new_stops_nothing(tmp_path: Path) -> None:
    async with deaf(tmp_path) as loop:
        task_id = await loop.approved(CSV)
        await running_attempt(loop, task_id)
        said = await loop.do(commands.guide, task_id, "now")
        assert not said.ok and "nothing new" in said.text
        assert (await running_attempt(loop, task_id)).stop_reason == ""


async def test_what_it_did_not_hear_is_told_when_its_turn_ends(tmp_path: Path) -> None:
    async with deaf(tmp_path) as loop:
        loop.behave("CSV", "slow:8", "succeed")
        task_id = await loop.approved(CSV)
        await running_attempt(loop, task_id)
        assert (await loop.do(commands.guide, task_id, WORDS)).ok
        await loop.until(task_id, TaskState.READY)
        first, second = await loop.rows(Attempt, task_id=task_id)
        assert (first.outcome, second.resumes) == ("done", True)
        assert WORDS in second.prompt
