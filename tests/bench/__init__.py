"""Figures about Waggle, measured on the machine at hand: `make bench`, `make bench ONLY=registry,idle`.

    registry.py  how many small writes reach the disk in a second
    recovery.py  what a restart with a thousand tasks costs until the first correct tick
    growth.py    whether ticks make the process grow
    monitor.py   what a quiet tick costs at 50, 200 and 1,000 open pull requests
    quiet.py     a Waggle whose pull requests are all ready, and what one of its ticks takes
    idle.py      what a Waggle without work costs, part by part
    spawn.py     what starting fifty attempts at once on one repository costs
    memory.py    where the memory of an idle Waggle goes
    thousand.py  the rows, branches and pull requests that others measure over

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
