"""Claude Code, called headless: `claude -p --output-format stream-json`. Driven as version 2.1.330 wants it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from integrations.agents import AgentRun, Command, Finding
from integrations.agents.claude_stream import parse_line, read_outcome, user_line
from integrations.agents.events import AgentEvent
from integrations.agents.ledgers import claude_ledger, read_claude_ledger
from integrations.agents.outcome import Outcome
from integrations.agents.program import UNATTENDED, login_finding, program_findings, program_version
from integrations.engines import RunExit
from integrations.engines.environment import clean_environment

_INSTALL = "Install it with `npm install -g @anthropic-ai/claude-code`, or name its path in `waggle.toml`."
_LOGIN = "Set ANTHROPIC_API_KEY, or log in with `claude` once."
_QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
}


class ClaudeCode:
    """The adapter.

    Parameters:
        binary: name or path of the CLI.
        credentials: names and values that log it in (`ANTHROPIC_API_KEY`, `ANTHROPIC_AUTH_TOKEN`,
            `CLAUDE_CODE_OAUTH_TOKEN`); without any it uses the user's own login.
        base_url: of the API, when it is another than the vendor's; without `/v1`.
        extra_args: further arguments from the settings.
        live: take guidance while it runs.
        environment: where allowed variables come from; this process's environment by default.
    """

    name = "claude-code"
    family = "anthropic"

    def __init__(
        self,
        binary: str = "claude",
        credentials: Mapping[str, str] | None = None,
        base_url: str | None = None,
        extra_args: Sequence[str] = (),
        live: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._binary = binary
        self._credentials = dict(credentials or {})
        self._base_url = base_url
        self._extra = tuple(extra_args)
        self._environment = environment
        self.live_input = live

    def command(self, run: AgentRun) -> Command:
        argv = [self._binary, "-p", "--output-format", "stream-json", "--verbose"]
        if self.live_input:
            argv += ["--input-format", "stream-json", "--replay-user-messages"]
        # Nothing but the repository's own settings: no hooks, servers or plugins of whoever runs Waggle.
        argv += ["--dangerously-skip-permissions", "--setting-sources", "project"]
        argv += ["--strict-mcp-config", "--mcp-config", '{"mcpServers":{}}']
        argv += ["--resume" if run.resume else "--session-id", run.session_id]
        if run.model:
            argv += ["--model", run.model]
        if run.max_turns:
            argv += ["--max-turns", str(run.max_turns)]
        if run.budget_usd:
            argv += ["--max-budget-usd", f"{run.budget_usd:.2f}"]
        if self._credentials:
            run.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Command(
            (*argv, *self._extra),
            self._env(run.home),
            self.line(run.prompt) if self.live_input else run.prompt.encode(),
            live_input=self.live_input,
            input_ends_on="result" if self.live_input else "",
            writes=() if self._credentials else self._own_login(),
        )

    def _own_login(self) -> tuple[Path, ...]:
        """Where the user's login and sessions lie; without them it is nobody behind walls."""
        home = Path(self._env(Path()).get("HOME") or "/nonexistent")
        return home / ".claude", home / ".claude.json"

    def line(self, text: str) -> bytes:
        """A person's words, as its standard input takes them while it runs."""
        return user_line(text)

    def _env(self, home: Path) -> dict[str, str]:
        extra = {**UNATTENDED, **_QUIET, **self._credentials}
        if self._credentials:
            # Its own configuration directory only with its own key: the user's login lives in the usual one.
            extra["CLAUDE_CONFIG_DIR"] = str(home)
        if self._base_url:
            extra["ANTHROPIC_BASE_URL"] = self._base_url
        if os.geteuid() == 0:
            # As root it refuses to work without asking, unless told that it is contained.
            extra["IS_SANDBOX"] = "1"
        return clean_environment(extra=extra, source=self._environment)

    def parse(self, line: str) -> list[AgentEvent]:
        return parse_line(line)

    def outcome(self, events: Sequence[AgentEvent], exit: RunExit | None, stderr_tail: str) -> Outcome:
        return read_outcome(events, exit, stderr_tail)

    def ledger(self, home: Path, session_id: str) -> Path | None:
        return claude_ledger(self._config(home), session_id)

    def read_ledger(self, line: str) -> list[AgentEvent]:
        return read_claude_ledger(line)

    def version(self) -> str:
        return program_version(self._binary, self._env(Path()))

    def _config(self, home: Path) -> Path:
        """Where it keeps its sessions: its own directory only with its own key."""
        if self._credentials:
            return home
        return Path(self._env(home).get("HOME") or "/") / ".claude"

    def preflight(self) -> list[Finding]:
        env = self._env(Path())
        findings, usable = program_findings(self.name, self._binary, env, _INSTALL)
        if not usable:
            return findings
        own = Path(env.get("HOME") or "/") / ".claude" / ".credentials.json"
        findings.append(login_finding(self.name, self._credentials, own, _LOGIN))
        if os.geteuid() == 0:
            said = "works without asking as root, as if contained (IS_SANDBOX=1); a container or another user is safer"
            findings.append(Finding(f"{self.name} as root", True, said))
        return findings
