"""Looking over an agent's shoulder: its log as it comes, and the terminal in which it is shown."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

import typer
from rich.markup import escape

from bot.cli.common import Bench, JsonOption, TaskArgument, bench, fail, out, task_id_of
from bot.cli.tools import adapter_called
from bot.config_agents import agent_settings, held_secrets
from bot.follow import events as follow_events
from bot.look import read_task
from bot.narrate import Narrator
from bot.terminals import terminals
from integrations.engines import RunState
from integrations.engines.local import LocalEngine
from integrations.redact import redact
from scheduler.lifecycle import LIVE_ATTEMPT, AttemptState
from scheduler.names import task_label
from scheduler.registry import Attempt
from scheduler.terminals import terminal_of


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
        adapter = adapter_called(row.agent, agent_settings(place.settings, document, place.home.agents))
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


def attach(task: TaskArgument) -> None:
    """Join the terminal that shows the agent at work. Leaving it, with Ctrl-b d, leaves the agent alone."""
    task_id = task_id_of(task)
    label = task_label(task_id)
    with bench() as place:
        row = _attempt(place, task_id, 0)
        there = terminals(place.settings, place.home, held_secrets(place.settings, place.config().document))
        if row.state is not AttemptState.RUNNING:
            fail(f"No agent works on {label} now. `waggle logs {label}` shows what the last one did.")
        if not there.available():
            fail(f"tmux is not installed here. `waggle logs -f {label}` shows the same.")
        if not sys.stdout.isatty():
            fail(f"This is no terminal. `waggle logs -f {label}` shows the same.")
        there.show(terminal_of(row), row.agent, row.workspace)
    command = there.attach_command(terminal_of(row).name)
    environment = {name: value for name, value in os.environ.items() if name != "TMUX"}
    os.execvpe(command[0], command, environment)  # noqa: S606 - this process becomes tmux, which needs its terminal


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
