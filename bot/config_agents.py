"""The agents of `waggle.toml`: their names, what may stand at which of them, and how the rooms below are told.

An `[[agent]]` with a name that Waggle knows sets its options. Any other name is an agent of your own, and wants a
command.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bot.config_schema import AGENT_FAMILIES, Agent, Document, RouteEntry
from bot.problems import nearest, one_of
from bot.setting_groups import ANTHROPIC_BASE_URL, OPENAI_BASE_URL
from bot.settings import Settings
from integrations.agents import OutcomeKind
from integrations.agents.catalog import AgentSettings, known
from integrations.agents.command import CommandDescription, ResultFile
from integrations.agents.outcome import RUNAWAY

#: keys that mean something at one agent only
_ONLY_AT = {"live": ("claude-code",), "config": ("opencode",), "script": ("scripted",), "speed": ("scripted",)}
_OF_COMMANDS = ("command", "resume", "family", "done", "errors", "result")
_WAGGLES_OWN = {
    *RUNAWAY.values(),
    *(OutcomeKind.DONE, OutcomeKind.STOPPED, OutcomeKind.LOST, OutcomeKind.IDLE, OutcomeKind.NO_CHANGE),
}
#: what becomes known from what the agent says; the others are for Waggle's own eyes
_SAYABLE = sorted(kind.value for kind in OutcomeKind if kind not in _WAGGLES_OWN)

Found = tuple[tuple[str | int, ...], str, str]


def families(agents: Iterable[Agent]) -> dict[str, str]:
    """The model family that each agent writes with, by its name."""
    found = dict(AGENT_FAMILIES)
    return found | {one.name: one.family or one.name for one in agents if one.command}


def live_agents(agents: Iterable[Agent]) -> tuple[str, ...]:
    """Names of the agents that take words while they run."""
    return () if any(one.name == "claude-code" and not one.live for one in agents) else ("claude-code",)


def agent_settings(settings: Settings, document: Document, home: Path) -> AgentSettings:
    """What the agents need to know, under the document in force.

    Parameters:
        home: directory above the agents' own ones.
    """
    options = {one.name: one for one in document.agent}
    own = {name for name, one in options.items() if one.login == "own"}
    scripted, opencode = options.get("scripted"), options.get("opencode")
    anthropic = "" if "claude-code" in own else _secret(settings.anthropic.api_key)
    openai = "" if "codex" in own else _secret(settings.openai.api_key)
    credentials = {name: settings.handed(one.env) for name, one in options.items() if one.env}
    token = _secret(settings.claude_code.oauth_token)
    if token and "claude-code" not in own:
        # Its subscription pays for the agent then, and the key for judgements only: given both, it takes the key.
        anthropic = ""
        credentials["claude-code"] = {"CLAUDE_CODE_OAUTH_TOKEN": token, **credentials.get("claude-code", {})}
    commands = {name: _description(one, settings) for name, one in options.items() if one.command}
    return AgentSettings(
        enabled=(*known(), *commands),
        anthropic_api_key=anthropic or None,
        anthropic_base_url=_other(settings.anthropic.base_url, ANTHROPIC_BASE_URL) if anthropic else None,
        openai_api_key=openai or None,
        openai_base_url=_other(settings.openai.base_url, OPENAI_BASE_URL) if openai else None,
        credentials={name: given for name, given in credentials.items() if name not in commands},
        binaries={name: one.program for name, one in options.items() if one.program},
        models={name: one.model for name, one in options.items() if one.model},
        extra_args={name: one.args for name, one in options.items() if one.args},
        live=frozenset(live_agents(document.agent)),
        home=home,
        opencode_config=Path(opencode.config).expanduser() if opencode and opencode.config else None,
        commands=commands,
        script=Path(scripted.script) if scripted and scripted.script else None,
        speed=scripted.speed if scripted else 1.0,
        environment=settings.host.environment,
    )


def held_secrets(settings: Settings, document: Document) -> tuple[str, ...]:
    """Every secret value that this process holds: its own, and those that it hands to agents."""
    handed = settings.handed(name for one in document.agent for name in one.env)
    return (*settings.secrets(), *handed.values())


def _description(one: Agent, settings: Settings) -> CommandDescription:
    result = ResultFile(**one.result.model_dump()) if one.result is not None else None
    env = settings.handed(one.env)
    return CommandDescription(one.command, one.resume, env, one.done, one.errors, result, one.family)


def _secret(value: Any) -> str:
    return value.get_secret_value() if value is not None else ""


def _other(url: str, usual: str) -> str | None:
    return url if url != usual else None


# --- what is wrong with them -----------------------------------------------------------------------------------------


def agent_names(raw: Mapping[str, Any]) -> set[str]:
    """Names that routes may use."""
    described = {str(table["name"]) for _, table in _tables(raw) if table.get("command") and table.get("name")}
    return {*AGENT_FAMILIES, *described}


def agent_checks(raw: Mapping[str, Any]) -> Iterator[Found]:
    """Mistakes that no single key of an `[[agent]]` shows: path, what is wrong, cure."""
    for index, table in _tables(raw):
        name = table.get("name")
        if not isinstance(name, str):
            continue
        here: tuple[str | int, ...] = ("agent", index)
        if name in AGENT_FAMILIES:
            yield from _beside_known(here, name, table)
        elif not table.get("command"):
            meant = nearest(name, AGENT_FAMILIES)
            cure = f"Did you mean `{meant}`? " if meant else f"Waggle knows {one_of(AGENT_FAMILIES)}. "
            yield (*here, "name"), f"there is no agent `{name}`", f'{cure}One of your own wants command = ["…", "…"].'
        else:
            yield from _described(here, table)
        yield from _elsewhere(here, name, table)


def _tables(raw: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    tables = raw.get("agent")
    for index, table in enumerate(tables if isinstance(tables, list) else ()):
        if isinstance(table, dict):
            yield index, table


def _beside_known(here: tuple[str | int, ...], name: str, table: Mapping[str, Any]) -> Iterator[Found]:
    for key in _OF_COMMANDS:
        if key in table:
            yield (
                (*here, key),
                f"Waggle knows how to call `{name}`; {key} is for agents of your own",
                "Give yours another name, or remove this key (program and args change how it is started).",
            )
    if name == "opencode" and isinstance(model := table.get("model"), str) and model and "/" not in model:
        yield (*here, "model"), f"`{model}` names no provider", 'Write "provider/model".'


def _described(here: tuple[str | int, ...], table: Mapping[str, Any]) -> Iterator[Found]:
    errors = table.get("errors")
    for kind in errors if isinstance(errors, dict) else ():
        if kind not in _SAYABLE:
            meant = nearest(kind, _SAYABLE)
            yield (
                (*here, "errors", kind),
                f"`{kind}` is no name of a failure",
                f"Did you mean `{meant}`?" if meant else f"Known: {one_of(_SAYABLE)}.",
            )
    for key in ("program", "args", "login"):
        if key in table:
            yield (*here, key), f"{key} has no meaning beside a command", "Write it into the command."


def _elsewhere(here: tuple[str | int, ...], name: str, table: Mapping[str, Any]) -> Iterator[Found]:
    for key, names in _ONLY_AT.items():
        if key in table and name not in names:
            yield (*here, key), f"{key} has no meaning at `{name}`", f"It is for `{names[0]}` only: remove it."


def routed(document: Document) -> list[str]:
    """Names of the agents that routes use, each once, in their order."""
    entries: list[RouteEntry] = [one for ranked in document.routes.values() for one in ranked]
    return list(dict.fromkeys(one.agent for one in entries))
