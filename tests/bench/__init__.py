"""Figures about Waggle, measured on the machine at hand: `make bench`, `make bench ONLY=registry,idle`.

    registry.py  how many small writes reach the disk in a second
    idle.py      what a Waggle without work costs

Each part is a function that gives figures; `__main__` runs them and writes `[{name, value, unit, n, note}]`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured value. `n` is how many samples it stands on."""

    name: str
    value: float
    unit: str
    n: int
    note: str = ""
