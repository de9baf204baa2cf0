"""The parts of Waggle that other programs can use by themselves."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.common import JsonOption, fail, out, print_json, utc_now
from bot.config import ConfigFile
from bot.config_agents import agent_settings
from bot.config_schema import Document
from bot.configuration import own_config
from bot.home import Home
from bot.manifest import manifest_text
from bot.settings import Settings
from integrations.agents import AgentAdapter
from integrations.agents.catalog import AgentSettings, adapter_for, known
from integrations.agents.describe import WHYS, outcome_json, read_run
from scheduler.registry import copies


def adapter_called(name: str, settings: AgentSettings) -> AgentAdapter:
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
    adapter = adapter_called(agent, AgentSettings() if agent in known() else _described())
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
