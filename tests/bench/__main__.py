"""Runs the parts and writes the figures as `[{name, value, unit, n, note}]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from tests.bench import monitor, registry, rest
from tests.bench.figure import Figure

PARTS: dict[str, Callable[[Path], Coroutine[Any, Any, list[Figure]]]] = {
    "registry": registry.measure,
    "recovery": monitor.measure_recovery,
    "growth": monitor.measure_growth,
    "idle": rest.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", default="", help=f"some of {', '.join(PARTS)}, with commas")
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"))
    chosen = parser.parse_args()
    names = [name for name in chosen.only.split(",") if name] or list(PARTS)
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        parser.error(f"unknown part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    figures: list[Figure] = []
    for name in names:
        with tempfile.TemporaryDirectory(prefix="waggle-bench-") as home:
            found = asyncio.run(PARTS[name](Path(home)))
        for figure in found:
            print(f"{figure.name:28} {figure.value:>12.3f} {figure.unit:6} n={figure.n}  {figure.note}")
        figures += found
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(chosen.json.read_text()) if chosen.json.exists() else []
    fresh = {figure.name for figure in figures}
    kept = [row for row in known if row["name"] not in fresh]
    chosen.json.write_text(json.dumps([*kept, *(figure.__dict__ for figure in figures)], indent=1) + "\n")


main()
