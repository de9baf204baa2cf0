"""Looking over an agent's shoulder, and the parts of Waggle that other programs can use by themselves."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from bot.cli.common import Bench, JsonOption, TaskArgument, bench, fail, out, print_json, task_id_of, utc_now
from bot.config import ConfigFile
from bot.config_agents import agent_settings, held_secrets
from bot.config_schema import Document
from bot.configuration import own_config
from bot.follow import events as follow_events
from bot.home import Home
from bot.look import read_task
from bot.manifest import manifest_text
from bot.narrate import Narrator
from bot.settings import Settings
from integrations.agents import AgentAdapter
from integrations.agents.catalog import AgentSettings, adapter_for, known
from integrations.agents.describe import WHYS, outcome_json, read_run
from integrations.engines import RunState
from integrations.engines.local import LocalEngine
from integrations.redact import redact
from scheduler.lifecycle import LIVE_ATTEMPT
from scheduler.names import task_label
from scheduler.registry import Attempt, copies


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
        document = place.config().document
        adapter = _adapter(row.agent, agent_settings(place.settings, document, place.home.agents))
        narrator = Narrator(row.workspace, partial(redact, literals=held_secrets(place.settings, document)))
        if not as_json:
            who = " ".join(part for part in (row.agent, row.agent_version, row.model) if part)
            out.print(f"[dim]{task_label(task_id)}, attempt {row.n}, {escape(who)}[/]")
        engine = LocalEngine(place.home.runs)
        over = partial(_is_over, place, engine, row) if follow else None
        shown = 0
        for event in follow_events(partial(engine.read_events, row.name), adapter, over):
            shown += 1
            if as_json:
                value = {"attempt": row.n, "event": type(event).__name__.lower(), **_shown(narrator, asdict(event))}
                sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
                sys.stdout.flush()
            else:
                for line in narrator.lines(event):
                    out.print(line, markup=False)
        row = _attempt(place, task_id, row.n)
        if not as_json and not shown and row.final_text:
            out.print("[dim]Its event log was removed with its workspace. What it said last:[/]")
            out.print(narrator.clean(row.final_text), markup=False)
        if not as_json and row.outcome:
            said = narrator.clean(row.message)
            out.print(f"[dim]attempt {row.n}: {row.state.value}, {escape(row.outcome)}. {escape(said)}[/]")


def _attempt(place: Bench, task_id: int, n: int) -> Attempt:
    view = place.registry.read_now(lambda session: read_task(session, task_id))
    if view is None:
        fail(f"There is no task {task_label(task_id)}. `waggle tasks` lists them.")
    found = next((one for one in reversed(view.attempts) if n in {0, one.n}), None)
    if found is None:
        fail(f"{task_label(task_id)} has no such attempt." if n else f"{task_label(task_id)} has no attempt yet.")
    return found


def _is_over(place: Bench, engine: LocalEngine, row: Attempt) -> bool:
    """Whether nothing more comes: Waggle says so, or its process is gone and no Waggle runs that could say it."""
    if _attempt(place, row.task_id, row.n).state not in LIVE_ATTEMPT:
        return True
    return engine.find(row.name).state in {RunState.ENDED, RunState.LOST} and not place.is_running()


def _shown(narrator: Narrator, value: Any) -> Any:
    """A value as it may be shown, with all that lies in it."""
    if isinstance(value, dict):
        return {key: _shown(narrator, one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(narrator, one) for one in value]
    return narrator.clean(value) if isinstance(value, str) else value


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
    from integrations.github.excerpt import excerpt as excerpt_of

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
