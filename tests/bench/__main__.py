"""Run the parts and write their figures."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import tempfile
from dataclasses import asdict
from pathlib import Path

import structlog
from rich.console import Console

from tests.bench import Figure, growth, idle, monitor, recovery, registry, spawn

PARTS = {
    "registry": registry.measure,
    "recovery": recovery.measure,
    "growth": growth.measure,
    "monitor": monitor.measure,
    "idle": idle.measure,
    "spawn": spawn.measure,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", default="", help=f"parts, with commas between: {', '.join(PARTS)}")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    wanted = [name for name in options.only.split(",") if name] or list(PARTS)
    for name in wanted:
        if name not in PARTS:
            parser.error(f"there is no part `{name}`; there are {', '.join(PARTS)}")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    console = Console(highlight=False, soft_wrap=True)
    figures: list[Figure] = []
    for name in wanted:
        with tempfile.TemporaryDirectory(prefix="waggle-bench-") as directory:
            measured = asyncio.run(PARTS[name](Path(directory)))
        for figure in measured:
            console.print(f"{figure.name:<28}{figure.value:>12g} {figure.unit:<8}[dim]{figure.note}[/]")
        figures += measured
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n")


if __name__ == "__main__":
    main()
