"""The playground's scripted agent: a program without a model that really works, in Claude Code's event format."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from integrations.agents import AgentRun, Command, Finding
from integrations.agents.claude_stream import parse_line, read_outcome
from integrations.agents.events import AgentEvent
from integrations.agents.outcome import Outcome
from integrations.agents.program import UNATTENDED
from integrations.engines import RunExit
from integrations.engines.environment import clean_environment

_PROGRAM = Path(__file__).parents[1] / "playground" / "scripted_agent.py"


class ScriptedAgent:
    """The adapter.

    Parameters:
        script: file that says how the next attempts on a matching prompt go; demos and tests write it.
        speed: how much faster than for watching.
    """

    name = "scripted"
    family = "scripted"
    live_input = False

    def __init__(
        self, script: Path | None = None, speed: float = 1.0, environment: Mapping[str, str] | None = None
    ) -> None:
        self._script = script
        self._speed = speed
        self._environment = environment

    def command(self, run: AgentRun) -> Command:
        run.home.mkdir(parents=True, exist_ok=True)
        argv = [sys.executable, str(_PROGRAM), "--resume" if run.resume else "--session", run.session_id]
        argv += ["--state", str(run.home), "--speed", str(self._speed)]
        if self._script is not None:
            argv += ["--script", str(self._script)]
        return Command(
            tuple(argv),
            clean_environment(extra=UNATTENDED, source=self._environment),
            run.prompt.encode(),
            reads=(_PROGRAM.parents[1], *((self._script,) if self._script else ())),
        )

    def parse(self, line: str) -> list[AgentEvent]:
        return parse_line(line)

    def outcome(self, events: Sequence[AgentEvent], exit: RunExit | None, stderr_tail: str) -> Outcome:
        return read_outcome(events, exit, stderr_tail)

    def ledger(self, home: Path, session_id: str) -> Path | None:
        return None

    def read_ledger(self, line: str) -> list[AgentEvent]:
        return []

    def version(self) -> str:
        return ""

    def preflight(self) -> list[Finding]:
        fix = "The installation is incomplete; install Waggle again."
        return [Finding(self.name, _PROGRAM.is_file(), "works on the playground's sample repository only", fix)]
