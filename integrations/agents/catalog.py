"""The agents that are configured, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from integrations.agents import AgentAdapter
from integrations.agents.claude_code import ClaudeCode
from integrations.agents.codex import Codex
from integrations.agents.command import CommandAgent, CommandDescription
from integrations.agents.opencode import OpenCode
from integrations.agents.scripted import ScriptedAgent


@dataclass(frozen=True)
class AgentSettings:
    """What the agents need to know. All mappings are by name of the agent.

    Attributes:
        enabled: names of the agents to offer.
        anthropic_api_key, anthropic_base_url: for Claude Code; without a key it uses the user's own login.
        openai_api_key, openai_base_url: for Codex, in the same way.
        credentials: further variables that log an agent in, such as `CLAUDE_CODE_OAUTH_TOKEN`, or a provider's key
            for opencode.
        binaries: paths of the CLIs.
        models: used when an attempt names none.
        extra_args: further arguments.
        live: agents that take guidance while they run.
        home: directory above the agents' own ones, for the preflight.
        opencode_config: opencode's own settings file.
        commands: agents that are described by their command.
        script, speed: for the scripted agent.
        environment: where allowed variables come from; this process's environment by default.
    """

    enabled: tuple[str, ...] = ("claude-code",)
    anthropic_api_key: str | None = field(default=None, repr=False)
    anthropic_base_url: str | None = None
    openai_api_key: str | None = field(default=None, repr=False)
    openai_base_url: str | None = None
    credentials: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    binaries: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    extra_args: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    live: frozenset[str] = frozenset()
    home: Path | None = None
    opencode_config: Path | None = None
    commands: Mapping[str, CommandDescription] = field(default_factory=dict)
    script: Path | None = None
    speed: float = 1.0
    environment: Mapping[str, str] | None = field(default=None, repr=False)


def known(settings: AgentSettings | None = None) -> tuple[str, ...]:
    """Names that routes may use: Waggle's own, and those that the settings describe."""
    own = (ClaudeCode.name, Codex.name, OpenCode.name, ScriptedAgent.name)
    return (*own, *(settings.commands if settings else ()))


def adapters(settings: AgentSettings) -> dict[str, AgentAdapter]:
    """An adapter for each enabled agent that is known, in the order of the settings.

    Raises:
        ValueError: the description of an enabled command is unusable.
    """
    made = ((name, adapter_for(settings, name)) for name in settings.enabled)
    return {name: adapter for name, adapter in made if adapter is not None}


def adapter_for(settings: AgentSettings, name: str) -> AgentAdapter | None:
    """The adapter of one agent, enabled or not; None when nobody knows it.

    Raises:
        ValueError: its description is unusable.
    """
    given = dict(settings.credentials.get(name, {}))
    binary, extra = settings.binaries.get(name), settings.extra_args.get(name, ())
    environment = settings.environment
    match name:
        case ClaudeCode.name:
            key = {"ANTHROPIC_API_KEY": settings.anthropic_api_key} if settings.anthropic_api_key else {}
            url, live = settings.anthropic_base_url, name in settings.live
            return ClaudeCode(binary or "claude", {**key, **given}, url, extra, live, environment)
        case Codex.name:
            key = {"OPENAI_API_KEY": settings.openai_api_key} if settings.openai_api_key else {}
            home = settings.home / name if settings.home else None
            return Codex(binary or "codex", {**key, **given}, settings.openai_base_url, extra, home, environment)
        case OpenCode.name:
            model = settings.models.get(name, "")
            return OpenCode(binary or "opencode", given, model, settings.opencode_config, extra, environment)
        case ScriptedAgent.name:
            return ScriptedAgent(settings.script, settings.speed, environment)
        case _:
            described = settings.commands.get(name)
            return CommandAgent(name, described, environment) if described is not None else None
