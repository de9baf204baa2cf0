"""One measured figure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A figure as it stands in build/bench.json. `n` is how many samples it rests on."""

    name: str
    value: float
    unit: str
    n: int
    note: str = ""
