"""opencode, called headless: `opencode run --format json`. Driven as version 1.18.33 wants it.

It needs about 700 MB at its peak, and waits for ever, without a word, while its provider answers 429: only the
supervisor's idle rule ends that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from integrations.agents import AgentRun, Command, Finding
from integrations.agents.events import AgentEvent
from integrations.agents.opencode_stream import parse_line, read_outcome
from integrations.agents.outcome import Outcome
from integrations.agents.program import UNATTENDED, login_finding, program_findings, program_version
from integrations.engines import RunExit
from integrations.engines.environment import clean_environment

_INSTALL = "Install it with `npm install -g opencode-ai`, or name its path in `waggle.toml`."
_LOGIN = "Set the key of a model provider, or log in with `opencode auth login` once."
_QUIET = {
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
}
_FAMILIES = ("anthropic", "openai", "google")


class OpenCode:
    """The adapter.

    Parameters:
        binary: name or path of the CLI.
        credentials: names and values that log it in; without any it uses the user's own login.
        model: `provider/model`, used when an attempt names none.
        config: file with opencode's own settings, for providers that it does not know by itself.
        extra_args: further arguments from the settings.
        environment: where allowed variables come from; this process's environment by default.
    """

    name = "opencode"
    live_input = False

    def __init__(
        self,
        binary: str = "opencode",
        credentials: Mapping[str, str] | None = None,
        model: str = "",
        config: Path | None = None,
        extra_args: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._binary = binary
        self._credentials = dict(credentials or {})
        self._model = model
        self._config = config
        self._extra = tuple(extra_args)
        self._environment = environment

    @property
    def family(self) -> str:
        """The family of the configured model; a name of its own when it is none that reviews."""
        return next((one for one in _FAMILIES if self._model.startswith(f"{one}/")), self.name)

    def command(self, run: AgentRun) -> Command:
        argv = [self._binary, "run", "--format", "json", "--auto", "--dir", str(run.cwd)]
        if run.resume:
            argv += ["-s", run.session_id]
        if run.model or self._model:
            argv += ["-m", run.model or self._model]
        if self._credentials:
            run.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Command((*argv, *self._extra), self._env(run.home), run.prompt.encode())

    def _env(self, home: Path) -> dict[str, str]:
        extra = {**UNATTENDED, **_QUIET, **self._credentials}
        if self._credentials:
            places = {"CONFIG": "config", "DATA": "data", "STATE": "state", "CACHE": "cache"}
            extra |= {f"XDG_{name}_HOME": str(home / place) for name, place in places.items()}
        if self._config is not None:
            extra["OPENCODE_CONFIG"] = str(self._config)
        return clean_environment(extra=extra, source=self._environment)

    def parse(self, line: str) -> list[AgentEvent]:
        return parse_line(line)

    def outcome(self, events: Sequence[AgentEvent], exit: RunExit | None, stderr_tail: str) -> Outcome:
        return read_outcome(events, exit, stderr_tail)

    def ledger(self, home: Path, session_id: str) -> Path | None:
        return None

    def read_ledger(self, line: str) -> list[AgentEvent]:
        return []

    def version(self) -> str:
        return program_version(self._binary, self._env(Path()))

    def preflight(self) -> list[Finding]:
        env = self._env(Path())
        findings, usable = program_findings(self.name, self._binary, env, _INSTALL)
        if not usable:
            return findings
        own = Path(env.get("HOME") or "/") / ".local" / "share" / "opencode" / "auth.json"
        findings.append(login_finding(self.name, self._credentials, own, _LOGIN))
        if self._model and "/" not in self._model:
            fix = "Write it as `provider/model`, such as `anthropic/claude-sonnet-5`."
            findings.append(Finding(f"{self.name} model", False, f"`{self._model}` names no provider", fix))
        return findings
