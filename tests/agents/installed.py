"""Where `make test-agents` put the programs of the agents."""

from __future__ import annotations

from pathlib import Path

import pytest

_MODULES = Path(__file__).parents[2] / "build" / "agents" / "node_modules"
#: the programs themselves, not what npm puts around them: a wrapper that is killed leaves its program running
_PROGRAMS = {
    "claude-code": "@anthropic-ai/claude-code-linux-*/claude",
    "codex": "@openai/codex-linux-*/vendor/*/bin/codex",
}


def program(agent: str) -> str:
    """The path of an agent's program; skips the test when it is not installed."""
    found = sorted(_MODULES.glob(_PROGRAMS[agent]))
    if not found:
        pytest.skip(f"{agent} is not installed here; `make test-agents` installs it")
    return str(found[0])
