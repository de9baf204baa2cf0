"""Recorded runs of real agents: `tests/data/agent_runs`, each with how it must be read."""

from __future__ import annotations

import json
import lzma
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integrations.agents import AgentAdapter
from integrations.agents.catalog import AgentSettings, adapter_for

DATA = Path(__file__).parents[1] / "data" / "agent_runs"


@dataclass(frozen=True)
class Recording:
    """One run: what the agent wrote, how it ended, and the outcome that must come of it."""

    name: str
    agent: str
    rc: int
    why: str
    outcome: dict[str, Any]
    stream: bytes
    stderr: str

    @property
    def lines(self) -> list[str]:
        return self.stream.decode().split("\n")

    @property
    def adapter(self) -> AgentAdapter:
        made = adapter_for(AgentSettings(), self.agent)
        assert made is not None
        return made


def recordings() -> list[Recording]:
    """Every recorded run, by name."""
    expected = json.loads((DATA / "expected.json").read_text())
    return [
        Recording(name, **given, stream=_unpacked(f"{name}.jsonl"), stderr=_unpacked(f"{name}.stderr").decode())
        for name, given in expected.items()
    ]


def recording(name: str) -> Recording:
    return next(one for one in recordings() if one.name == name)


def _unpacked(name: str) -> bytes:
    packed = DATA / f"{name}.xz"
    return lzma.decompress(packed.read_bytes()) if packed.exists() else b""
