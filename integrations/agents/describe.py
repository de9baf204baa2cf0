"""How a recorded run is read, for people and programs: what `waggle outcome` prints."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from integrations.agents import AgentAdapter
from integrations.agents.outcome import Outcome
from integrations.engines import RunExit, Why

#: ways in which a run can end, as `--why` takes them; `killed` is by somebody else than Waggle, such as the system
WHYS = ("exited", "stopped", "killed", "timeout", "output", "processes", "memory", "lost")


def read_run(
    agent: AgentAdapter, lines: Iterable[str], rc: int | None, why: str = "exited", stderr: str = ""
) -> Outcome:
    """Read a recorded run.

    Parameters:
        lines: of its event log; split at line feeds only, since JSON may hold other ends of lines.
        rc: its exit code, negative for a signal.
        why: one of `WHYS`.
        stderr: what it wrote to its error output, or the end of that.

    Raises:
        ValueError: `why` is none of them.
    """
    if why not in WHYS:
        raise ValueError(f"`{why}` is no way to end; there are {', '.join(WHYS)}")
    reason: Why = "exited" if why == "killed" else why  # type: ignore[assignment]  # the others are the runner's own
    events = [event for line in lines if line.strip() for event in agent.parse(line)]
    return agent.outcome(events, RunExit(rc, reason, ended_at=0.0), stderr)


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """An outcome as other programs may rely on it."""
    return {
        "kind": outcome.kind.value,
        "session_id": outcome.session_id,
        "turns": outcome.turns,
        "tokens": {
            "input": outcome.tokens.input,
            "cached": outcome.tokens.cached,
            "output": outcome.tokens.output,
        },
        "cost_usd": outcome.cost_usd,
        "message": outcome.message,
    }
