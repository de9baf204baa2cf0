"""Codex, called headless: `codex exec --json`. Driven as version 0.169.0 wants it.

Its own sandbox is bypassed on purpose: `workspace-write` makes `.git` read-only, that of a worktree's main repository
too, and no option opens it, so the agent could not commit. Isolation is the engine's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from integrations.agents import AgentRun, Command, Finding
from integrations.agents.codex_stream import parse_line, read_outcome
from integrations.agents.events import AgentEvent
from integrations.agents.ledgers import codex_ledger, read_codex_ledger
from integrations.agents.outcome import Outcome
from integrations.agents.program import UNATTENDED, login_finding, program_findings, program_version, under_temporary
from integrations.engines import RunExit
from integrations.engines.environment import clean_environment

_INSTALL = "Install it with `npm install -g @openai/codex`, or name its path in `waggle.toml`."
_LOGIN = "Set OPENAI_API_KEY, or log in with `codex login` once."
_KEY = "OPENAI_API_KEY"
_VENDOR = "https://api.openai.com/v1"
_QUIET = ("check_for_update_on_startup=false", "analytics.enabled=false", "feedback.enabled=false")


class Codex:
    """The adapter.

    Parameters:
        binary: name or path of the CLI.
        credentials: names and values that log it in (`OPENAI_API_KEY`); without any it uses the user's own login.
        base_url: of the API, with `/v1`, when it is another than the vendor's.
        extra_args: further arguments from the settings.
        home: the directory that it is given for its own files, for the preflight.
        environment: where allowed variables come from; this process's environment by default.
    """

    name = "codex"
    family = "openai"
    live_input = False

    def __init__(
        self,
        binary: str = "codex",
        credentials: Mapping[str, str] | None = None,
        base_url: str | None = None,
        extra_args: Sequence[str] = (),
        home: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._binary = binary
        self._credentials = dict(credentials or {})
        self._base_url = base_url
        self._extra = tuple(extra_args)
        self._home = home
        self._environment = environment

    def command(self, run: AgentRun) -> Command:
        if run.resume:
            argv = [self._binary, "exec", "resume", run.session_id, "--json"]  # takes no -C: it runs where it is
        else:
            argv = [self._binary, "exec", "--json", "-C", str(run.cwd)]
        argv.append("--dangerously-bypass-approvals-and-sandbox")
        if run.model:
            argv += ["-m", run.model]
        for setting in (*_QUIET, *self._provider()):
            argv += ["-c", setting]
        if self._credentials:
            run.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Command((*argv, *self._extra, "-"), self._env(run.home), run.prompt.encode())

    def _provider(self) -> tuple[str, ...]:
        """With a key of its own: the plain Responses API, over HTTP, with bounded retries."""
        if _KEY not in self._credentials:
            return ()
        settings = {
            "name": "OpenAI API",
            "base_url": self._base_url or _VENDOR,
            "env_key": _KEY,
            "wire_api": "responses",
            "request_max_retries": 4,
            "stream_max_retries": 5,
            "stream_idle_timeout_ms": 300_000,
        }
        given = (f"model_providers.waggle.{name}={json.dumps(value)}" for name, value in settings.items())
        return ('model_provider="waggle"', *given)

    def _env(self, home: Path) -> dict[str, str]:
        extra = {**UNATTENDED, **self._credentials}
        if self._credentials:
            extra["CODEX_HOME"] = str(home)
        return clean_environment(() if self._credentials else ("CODEX_HOME",), extra, self._environment)

    def parse(self, line: str) -> list[AgentEvent]:
        return parse_line(line)

    def outcome(self, events: Sequence[AgentEvent], exit: RunExit | None, stderr_tail: str) -> Outcome:
        return read_outcome(events, exit, stderr_tail)

    def ledger(self, home: Path, session_id: str) -> Path | None:
        return codex_ledger(self._codex_home(home), session_id)

    def read_ledger(self, line: str) -> list[AgentEvent]:
        return read_codex_ledger(line)

    def version(self) -> str:
        return program_version(self._binary, self._env(Path()))

    def _codex_home(self, home: Path) -> Path:
        env = self._env(home)
        return Path(env["CODEX_HOME"]) if "CODEX_HOME" in env else Path(env.get("HOME") or "/") / ".codex"

    def preflight(self) -> list[Finding]:
        env = self._env(self._home or Path())
        findings, usable = program_findings(self.name, self._binary, env, _INSTALL)
        if not usable:
            return findings
        home = self._codex_home(self._home or Path())
        findings.append(login_finding(self.name, self._credentials, home / "auth.json", _LOGIN))
        if under_temporary(home, env):
            findings.append(
                Finding(
                    f"{self.name} home",
                    False,
                    f"{home} lies under the temporary directory, where codex refuses to put its helper programs",
                    "Set WAGGLE_HOME to a directory elsewhere.",
                )
            )
        return findings
