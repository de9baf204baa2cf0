"""Looking over an agent's shoulder, and the parts of Waggle that other programs can use by themselves."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bot.cli.common import Bench, JsonOption, TaskArgument, bench, fail, out, print_json, task_id_of, utc_now
from bot.config import ConfigFile
from bot.config_agents import agent_settings
from bot.config_schema import Document
from bot.configuration import own_config
from bot.home import Home
from bot.look import read_task
from bot.manifest import manifest_text
from bot.narrate import narrate
from bot.settings import Settings
from integrations.agents import AgentAdapter, AgentEvent
from integrations.agents.catalog import AgentSettings, adapter_for, known
from integrations.agents.describe import WHYS, outcome_json, read_run
from integrations.engines.local import LocalEngine
from integrations.github.excerpt import excerpt as excerpt_of
from scheduler.lifecycle import LIVE_ATTEMPT
from scheduler.names import task_label
from scheduler.registry import Attempt, copies

_LOOK_S = 0.3


def logs(
    task: TaskArgument,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the attempt ends.")] = False,
    attempt: Annotated[int, typer.Option(min=0, help="Number of the attempt; the last one without.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Show what the agent does, in its own words."""
    task_id = task_id_of(task)
    with bench() as place:
        row = _attempt(place, task_id, attempt)
        adapter = _adapter(row.agent, agent_settings(place.settings, place.config().document, place.home.agents))
        shown = 0
        for event in _events(place, adapter, row, follow):
            shown += 1
            if as_json:
                value = {"attempt": row.n, "event": type(event).__name__.lower(), **asdict(event)}
                sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
                sys.stdout.flush()
            elif line := narrate(event):
                out.print(line.replace(f"{row.workspace}/", ""), markup=False)
        row = _attempt(place, task_id, row.n)
        if not as_json and not shown and row.final_text:
            out.print("[dim]Its event log was removed with its workspace. What it said last:[/]")
            out.print(row.final_text, markup=False)
        if not as_json and row.outcome:
            out.print(f"[dim]attempt {row.n}: {row.state.value}, {escape(row.outcome)}. {escape(row.message)}[/]")


def _attempt(place: Bench, task_id: int, n: int) -> Attempt:
    view = place.registry.read_now(lambda session: read_task(session, task_id))
    if view is None:
        fail(f"There is no task {task_label(task_id)}. `waggle tasks` lists them.")
    found = next((one for one in reversed(view.attempts) if n in {0, one.n}), None)
    if found is None:
        fail(f"{task_label(task_id)} has no such attempt." if n else f"{task_label(task_id)} has no attempt yet.")
    return found


def _events(place: Bench, adapter: AgentAdapter, row: Attempt, follow: bool) -> Iterator[AgentEvent]:
    engine = LocalEngine(place.home.runs)
    offset = 0
    ended = False
    while True:
        chunk = engine.read_events(row.name, offset)
        for line in chunk.lines:
            yield from adapter.parse(line)
        advanced, offset = chunk.offset > offset, chunk.offset
        if advanced:
            continue
        if not follow or ended:
            return
        ended = _attempt(place, row.task_id, row.n).state not in LIVE_ATTEMPT  # then once more, for its last words
        time.sleep(_LOOK_S)


def _adapter(name: str, settings: AgentSettings) -> AgentAdapter:
    made = adapter_for(settings, name)
    if made is None:
        fail(f"There is no agent `{name}`. Known: {', '.join(known(settings))}.")
    return made


def _described() -> AgentSettings:
    """The agents that this directory's `waggle.toml` describes, beside those that Waggle knows."""
    settings = Settings.load()
    path = own_config(settings)
    return agent_settings(settings, ConfigFile(path).document if path else Document(), settings.waggle.home)


def excerpt(
    lines: Annotated[int, typer.Option(min=1, max=10_000, help="Most lines.")] = 100,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Many logs: lines of {id, log} on standard input.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Read a CI log on standard input and print the lines that a retry would show."""
    if not jsonl:
        found = excerpt_of(sys.stdin.read(), lines)
        if as_json:
            print_json({"lines": list(found.lines), "infra": found.infra, "signature": found.signature})
        else:
            sys.stdout.write("".join(f"{line}\n" for line in found.lines))
        return
    for number, line in enumerate(sys.stdin, 1):
        if not line.strip():
            continue
        try:
            asked = json.loads(line)
            answer = {"id": asked["id"], "lines": list(excerpt_of(str(asked["log"]), lines).lines)}
        except (ValueError, KeyError, TypeError):
            fail(f'Line {number} of the input is not {{"id": …, "log": "…"}}.')
        sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")


def outcome(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Recorded events; standard input without.")
    ] = None,
    agent: Annotated[str, typer.Option(help="Whose events they are.")] = "claude-code",
    stderr: Annotated[Path | None, typer.Option(help="What the agent wrote to its error output.")] = None,
    rc: Annotated[int, typer.Option(help="Its exit code.")] = 0,
    why: Annotated[str, typer.Option(help=f"How it ended: {', '.join(WHYS)}.")] = "exited",
    as_json: Annotated[bool, typer.Option("--json", help="As always: the answer is JSON.", hidden=True)] = True,
) -> None:
    """Say how a recorded agent run is read, as JSON: its end by the failure taxonomy, and what it used."""
    adapter = _adapter(agent, AgentSettings() if agent in known() else _described())
    try:
        # At line feeds only: JSON may hold other characters that count as ends of lines.
        text = file.read_bytes().decode(errors="replace") if file else sys.stdin.read()
        told = stderr.read_text(encoding="utf-8", errors="replace") if stderr else ""
    except OSError as problem:
        fail(f"{problem.filename} cannot be read: {problem.strerror}.")
    if why not in WHYS:
        raise typer.BadParameter(f"`{why}` is no end. Write one of {', '.join(WHYS)}.")
    print_json(outcome_json(read_run(adapter, text.split("\n"), rc, why, told)))


def manifest(as_json: JsonOption = False) -> None:
    """Print the manifest of the Slack app, to paste at https://api.slack.com/apps (Create New App, From a manifest)."""
    try:
        text = manifest_text()
    except FileNotFoundError:
        fail("The manifest is not part of this installation; it is manifest.yml of the project's sources.")
    if as_json:
        print_json({"manifest": text})
    else:
        sys.stdout.write(text)


def backup(as_json: JsonOption = False) -> None:
    """Copy the registry into the home's `copies`, whole, also while Waggle runs."""
    settings = Settings.load()
    home = Home(settings.waggle.home)
    home.prepare()
    path = Path(settings.database_url.removeprefix("sqlite:///"))
    if not path.exists():
        fail(f"There is no registry at {path} yet, so there is nothing to copy.")
    copies.check(path, home.copies)
    made = copies.copy(path, home.copies, utc_now(), "by-hand")
    if as_json:
        print_json({"copy": str(made), "bytes": made.stat().st_size})
        return
    out.print(f"Copied to {made}", markup=False)
    out.print(f"To go back to it, stop Waggle, then:\n  {copies.restoring(path, made)}", markup=False)
