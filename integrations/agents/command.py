"""Any agent with a command line, as `waggle.toml` describes it."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from integrations.agents import AgentRun, Command, Finding
from integrations.agents import result_line as results
from integrations.agents.events import AgentEvent, Ended, Started, Text, Tokens, Usage
from integrations.agents.json_line import one_line, read_node, storable
from integrations.agents.outcome import Outcome, OutcomeKind, assemble, ended_by_runner
from integrations.agents.program import UNATTENDED, program_findings, program_version
from integrations.engines import RunExit
from integrations.engines.environment import clean_environment

_LAUNCHER = Path(results.__file__)
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_TAIL, _SEARCHED = 200, 20_000  #: so many of its last lines and characters are held against the patterns

#: what common frameworks call their errors; patterns of the settings come first
_USUAL = {
    OutcomeKind.AUTH: r"AuthenticationError|PermissionDenied|401 Unauthorized",
    OutcomeKind.BILLING: r"insufficient_quota|credit balance is too low",
    OutcomeKind.RATE_LIMIT: r"RateLimit",
    OutcomeKind.OVERLOADED: r"OverloadedError|ServiceUnavailable|APIConnectionError|InternalServerError",
    OutcomeKind.NO_MODEL: r"NotFoundError|model_not_found",
    OutcomeKind.CONTEXT: r"ContextWindowExceeded|context_length_exceeded",
    OutcomeKind.BUDGET: r"LimitsExceeded|CostLimit",
}


@dataclass(frozen=True)
class ResultFile:
    """A JSON file that it writes: where, and under which dotted paths what lies.

    Attributes:
        path: of the file; `{home}`, `{run}` and `{cwd}` are filled in.
        status: how it ended, in its own word.
        good: the words that mean success.
        text, cost, turns, input, cached, output: its last words, dollars, requests, and tokens; empty: not there.
    """

    path: str
    status: str = ""
    good: tuple[str, ...] = ()
    text: str = ""
    cost: str = ""
    turns: str = ""
    input: str = ""
    cached: str = ""
    output: str = ""

    def pairs(self) -> list[str]:
        named = ("status", "text", "cost", "turns", "input", "cached", "output")
        return [f"{name}={getattr(self, name)}" for name in named if getattr(self, name)]


@dataclass(frozen=True)
class CommandDescription:
    """How an agent is called and understood.

    Attributes:
        argv: its command. `{model}`, `{cwd}`, `{home}`, `{run}`, `{session}` and `{prompt_file}` are filled in; with
            the last one the prompt is put into that file, else it comes on standard input.
        resume: the same for going on with a session; empty: it cannot, and starts anew.
        env: names and values to add to its environment.
        done: pattern that its output must hold for success, beside exit code 0; empty: the exit code alone decides.
        errors: patterns by name of the taxonomy, held against its last output when it failed.
        result: the file with its result, if it writes one.
        family: the model family that writes.
    """

    argv: tuple[str, ...]
    resume: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    done: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)
    result: ResultFile | None = None
    family: str = ""


class CommandAgent:
    """The adapter.

    Parameters:
        name: as the settings call it.
        environment: where allowed variables come from; this process's environment by default.

    Raises:
        ValueError: the description has no command, a broken pattern, or an unknown name of an outcome.
    """

    live_input = False

    def __init__(
        self, name: str, description: CommandDescription, environment: Mapping[str, str] | None = None
    ) -> None:
        if not description.argv:
            raise ValueError(f"the agent {name} has no command")
        self.name = name
        self.family = description.family or name
        self._described = description
        self._environment = environment
        self._done = _pattern(name, description.done) if description.done else None
        given = {OutcomeKind(kind): words for kind, words in description.errors.items()}
        self._errors = [(_pattern(name, words), kind) for kind, words in (*given.items(), *_USUAL.items())]

    def command(self, run: AgentRun) -> Command:
        described = self._described
        argv = described.resume if run.resume and described.resume else described.argv
        run.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        prompt_file = run.home / f"{run.run}.prompt"
        by_file = any("{prompt_file}" in part for part in argv)
        if by_file:
            prompt_file.touch(mode=0o600)
            prompt_file.write_text(run.prompt, encoding="utf-8")
        values = {
            "model": run.model or "",
            "cwd": str(run.cwd),
            "home": str(run.home),
            "run": run.run,
            "session": run.session_id,
            "prompt_file": str(prompt_file),
        }
        filled = tuple(_fill(part, values) for part in argv)
        if described.result is not None:
            file = _fill(described.result.path, values)
            launcher = (sys.executable, "-I", "-S", str(_LAUNCHER), file, *described.result.pairs(), "--")
            filled = (*launcher, *filled)
        return Command(filled, self._env(), b"" if by_file else run.prompt.encode())

    def _env(self) -> dict[str, str]:
        return clean_environment(extra={**UNATTENDED, **self._described.env}, source=self._environment)

    def parse(self, line: str) -> list[AgentEvent]:
        node = read_node(line) if results.TYPE in line else None
        if node is None or node.text("type") != results.TYPE:
            return [Text(_ESCAPES.sub("", storable(line)))]
        status = node.text("status") or str(node.count("status") or "")
        tokens = Tokens(node.count("input"), node.count("cached"), node.count("output"))
        good = self._described.result.good if self._described.result else ()
        return [
            Usage(tokens, node.dollars("cost")),
            Ended(status, error=bool(good) and status not in good, text=node.text("text"), turns=node.count("turns")),
        ]

    def outcome(self, events: Sequence[AgentEvent], exit: RunExit | None, stderr_tail: str) -> Outcome:
        kind = ended_by_runner([Started(""), *events], exit, stderr_tail)
        ended = next((one for one in reversed(events) if isinstance(one, Ended)), None)
        output = "\n".join(one.text for one in events[-_TAIL:] if isinstance(one, Text))
        if kind is None and exit is not None:
            failed = exit.rc != 0 or (ended is not None and ended.error)
            failed = failed or (self._done is not None and self._done.search(output[-_SEARCHED:]) is None)
            told = "\n".join((ended.subtype if ended else "", output[-_SEARCHED:], stderr_tail[-_SEARCHED:]))
            kind = self._error(told) if failed else OutcomeKind.DONE
        message = one_line(ended.subtype) if ended is not None and ended.error else ""
        return assemble(kind or OutcomeKind.LOST, events, exit, stderr_tail, message)

    def _error(self, told: str) -> OutcomeKind:
        return next((kind for words, kind in self._errors if words.search(told)), OutcomeKind.CRASHED)

    def ledger(self, home: Path, session_id: str) -> Path | None:
        return None

    def read_ledger(self, line: str) -> list[AgentEvent]:
        return []

    def version(self) -> str:
        return program_version(self._described.argv[0], self._env())

    def preflight(self) -> list[Finding]:
        env = self._env()
        fix = f"Install it, or correct the command of `{self.name}` in `waggle.toml`."
        return program_findings(self.name, self._described.argv[0], env, fix)[0]


def _fill(part: str, values: Mapping[str, str]) -> str:
    """Known names in braces are replaced; other braces are the command's own."""
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), part)


def _pattern(name: str, words: str) -> re.Pattern[str]:
    try:
        return re.compile(words, re.MULTILINE)
    except re.error as problem:
        raise ValueError(f"a pattern of the agent {name} is broken: {words!r}: {problem}") from problem
