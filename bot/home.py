"""Waggle's state directory: what lies where, and whether it can be used at all."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from integrations.terminals import short_place


class HomeError(Exception):
    """The state directory cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Home:
    """Where things lie. The git room keeps `mirrors/`, `pool/` and `work/` beside these."""

    root: Path

    @property
    def copies(self) -> Path:
        """Copies of the registry."""
        return self.root / "copies"

    @property
    def runs(self) -> Path:
        """One directory for each run of an agent or command."""
        return self.root / "runs"

    @property
    def agents(self) -> Path:
        """The agents' own configuration and sessions."""
        return self.root / "agents"

    @property
    def commands(self) -> Path:
        """HOME of install and verify commands: their caches stay, the user's own files are out of sight."""
        return self.root / "commands"

    @property
    def pictures(self) -> Path:
        """Screenshots of tasks, until their task is cleaned up."""
        return self.root / "pictures"

    @property
    def playground(self) -> Path:
        return self.root / "playground"

    @property
    def log(self) -> Path:
        return self.root / "logs" / "waggle.log"

    @property
    def terminals(self) -> Path:
        """The socket of the terminals in which people watch agents, and what belongs to it."""
        return short_place(self.root / "terminals", self.root)

    @property
    def lock(self) -> Path:
        return self.root / "waggle.lock"

    @property
    def running(self) -> Path:
        """What the running Waggle says about itself, for the command line."""
        return self.root / "running.json"

    def prepare(self) -> None:
        """Make the directories.

        Raises:
            HomeError: they cannot be made or written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            for place in (self.copies, self.runs, self.agents, self.commands, self.log.parent):
                place.mkdir(exist_ok=True, mode=0o700)
            probe = self.root / f".write-probe-{os.getpid()}"
            probe.write_bytes(b"x")
            probe.unlink()
        except OSError as problem:
            raise HomeError(
                f"The state directory {self.root} cannot be used: {problem.strerror}. "
                "Make it writable and make room there, or set WAGGLE_HOME to another directory."
            ) from problem
