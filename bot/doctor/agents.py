"""Coding agents: each that is routed to is asked for its preflight."""

from __future__ import annotations

from collections.abc import Iterator

from bot.config_agents import agent_settings
from bot.doctor.check import Check, Surroundings, judged
from integrations.agents.catalog import adapters


def agents(seen: Surroundings) -> Iterator[Check]:
    if seen.config is None:
        return
    document = seen.config.document
    routed = {one.agent for ranked in document.routes.values() for one in ranked}
    if not routed:
        fix = f'Add default = [{{ agent = "claude-code" }}] under [routes] in {seen.config.path}.'
        yield Check("agents", False, "no agent is routed to", fix)
    for name, adapter in adapters(agent_settings(seen.settings, document, seen.home.agents)).items():
        for finding in adapter.preflight() if name in routed else ():
            check = finding.check if finding.check.startswith(name) else f"{name} {finding.check}"
            yield judged(f"agent {check}", finding.ok, finding.detail, finding.fix)
