"""What the supervisor acts through: one value that holds every door, made by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from integrations.terminals import NoTerminals, Terminals
from scheduler.clock_jumps import ClockJumps
from scheduler.dispatch import Host
from scheduler.policy import Policy
from scheduler.registry import Registry
from scheduler.steps import Steps

if TYPE_CHECKING:  # a command at the terminal touches rows, and loads none of these
    from integrations.agents import AgentAdapter
    from integrations.engines import Engine
    from integrations.errors import ErrorTracker
    from integrations.git import Remote, Repositories
    from integrations.github import GitHub
    from integrations.pictures import Pictures


@dataclass(frozen=True)
class Outside:
    """The doors of the supervisor.

    Attributes:
        policy: the policy now; it may change while Waggle runs.
        agents: the agents that are configured, by name.
        remotes: where a repository lives and how to log in there.
        host: what the machine has left now.
        environment: what install and verify commands may see.
        agents_home: directory for the agents' own configuration and sessions.
        pictures: where screenshots are kept.
        secrets: literal values that must never leave Waggle, whatever text they turn up in.
        tracker: where applications report their errors; None when no tracker is scanned. Nothing there is changed.
        clock: the time now, UTC.
        jumps: notices when that clock is set; None where it never is.
        new_id: makes session ids.
        terminals: where people watch agents at work.
    """

    registry: Registry
    engine: Engine
    repositories: Repositories
    github: GitHub
    policy: Callable[[], Policy]
    agents: Callable[[], Mapping[str, AgentAdapter]]
    remotes: Callable[[str], Remote]
    host: Callable[[], Host]
    environment: Mapping[str, str]
    agents_home: Path
    pictures: Pictures
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    secrets: tuple[str, ...] = ()
    steps: Steps = field(default_factory=Steps)
    tracker: ErrorTracker | None = None
    jumps: ClockJumps | None = None
    terminals: Terminals = field(default_factory=NoTerminals)
