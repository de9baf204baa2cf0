"""The whole loop with a real agent in it: prompts, worktrees, events, retries and pull requests are Waggle's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integrations.agents.catalog import AgentSettings, adapters
from integrations.playground.scripted.recipes import totals_docs
from scheduler.lifecycle import AttemptState
from scheduler.policy import Route
from scheduler.registry import Attempt
from tests.agents.installed import program
from tests.agents.model_server import ModelServer, Step, serving
from tests.integration.loop import Loop, policy, running

AGENTS = ("claude-code", "codex")
FAMILIES = {"claude-code": "anthropic", "codex": "openai"}
#: a model's name that the programs know: they print other metadata for unknown ones
_MODELS = {"claude-code": "claude-sonnet-4-5", "codex": "gpt-5.2-codex"}
REQUEST = "say in the README how totals are made"

_SECTION = f"""
{totals_docs.HEADING}

1. The net of a line is quantity times unit price, rounded to cents.
2. The net of an invoice is the sum of its lines.
3. {totals_docs.ONCE} (`app/invoices.py`, `totals`).
4. The total is net plus tax.
"""
LOOK = Step(shell="tail -n 3 README.md")
WRITE = Step(shell=f"cat >> README.md <<'END'\n{_SECTION}END")
TEST = Step(shell="python3 -m unittest discover -s tests -t . 2>&1 | tail -n 2")
COMMIT = Step(
    shell="git add -A && git commit -qm 'Say in the README how totals are made' && git log --oneline | head -1"
)
SAY = Step(say="The README says how totals are made; the tests pass.")
WORK = (LOOK, WRITE, TEST, COMMIT, SAY)


@dataclass
class World:
    """A running loop whose only agent is a real program, and the model that it asks."""

    loop: Loop
    model: ModelServer
    agent: str

    async def attempts(self, task_id: int) -> list[Attempt]:
        return await self.loop.rows(Attempt, task_id=task_id)

    async def attempt(self, task_id: int, n: int, state: AttemptState | None = None) -> Attempt:
        """One attempt, once it is there (and in this state)."""

        async def found() -> Attempt | None:
            rows = [one for one in await self.attempts(task_id) if one.n == n]
            return rows[0] if rows and state in {None, rows[0].state} else None

        return await self.loop.eventually(found)  # type: ignore[no-any-return]  # whatever the condition gives

    async def reached(self, gate: str) -> None:
        """Wait until the agent's model waits before this gate."""
        await self.loop.eventually(self.model.waiting(gate).is_set)


@asynccontextmanager
async def world(
    tmp_path: Path,
    agent: str,
    plan: Sequence[Step] = WORK,
    *,
    live: bool = False,
    env: dict[str, str] | None = None,
    **change: Any,
) -> AsyncIterator[World]:
    """A loop that runs with the real `agent`, until the block ends.

    Parameters:
        live: Claude Code takes words while it runs.
        env: further variables for the agent.
        change: of the policy.
    """
    with serving(plan) as model:
        quick = {"CLAUDE_CODE_MAX_RETRIES": "1"} if agent == "claude-code" else {}
        settings = AgentSettings(
            enabled=(agent,),
            anthropic_api_key="planted-key-a",
            anthropic_base_url=model.url,
            openai_api_key="planted-key-o",
            openai_base_url=f"{model.url}/v1",
            binaries={agent: program(agent)},
            credentials={agent: {**quick, **(env or {})}},
            live=frozenset({agent} if live else ()),
        )
        chosen = policy(
            routes=(("default", (Route(agent, _MODELS[agent]),)),),
            agents_families=tuple(FAMILIES.items()),
            **change,
        )
        async with running(tmp_path, chosen, agents=adapters(settings)) as loop:
            yield World(loop, model, agent)
