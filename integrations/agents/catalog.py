"""The agents that are configured, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from integrations.agents import AgentAdapter
from integrations.agents.claude_code import ClaudeCode
from integrations.agents.scripted import ScriptedAgent


@dataclass(frozen=True)
class AgentSettings:
    """What the agents need to know.

    Attributes:
        enabled: names of the agents to offer.
        anthropic_api_key, anthropic_base_url: for Claude Code; without a key it uses the user's own login.
        binaries: name of an agent, path of its CLI.
        script, speed: for the scripted agent.
        environment: where allowed variables come from; this process's environment by default.
    """

    enabled: tuple[str, ...] = ("claude-code",)
    anthropic_api_key: str | None = field(default=None, repr=False)
    anthropic_base_url: str | None = None
    binaries: Mapping[str, str] = field(default_factory=dict)
    extra_args: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    script: Path | None = None
    speed: float = 1.0
    environment: Mapping[str, str] | None = None


def known() -> tuple[str, ...]:
    """Names that the settings may use."""
    return (ClaudeCode.name, ScriptedAgent.name)


def adapters(settings: AgentSettings) -> dict[str, AgentAdapter]:
    """An adapter for each enabled agent, in the order of the settings."""
    made: dict[str, AgentAdapter] = {
        ClaudeCode.name: ClaudeCode(
            settings.binaries.get(ClaudeCode.name, "claude"),
            settings.anthropic_api_key,
            settings.anthropic_base_url,
            settings.extra_args.get(ClaudeCode.name, ()),
            settings.environment,
        ),
        ScriptedAgent.name: ScriptedAgent(settings.script, settings.speed, settings.environment),
    }
    return {name: made[name] for name in settings.enabled if name in made}
