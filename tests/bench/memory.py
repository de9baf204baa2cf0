"""Where the memory of an idle Waggle goes: what the interpreter and each group of libraries add, imported in turn."""

from __future__ import annotations

import subprocess
import sys

from tests.bench import Figure

_GROUPS = (
    ("interpreter", "asyncio"),
    ("database", "sqlmodel, alembic, alembic.command"),
    ("slack", "aiohttp, slack_bolt.async_app, slack_sdk.web.async_client"),
    ("github", "github, requests"),
    ("other", "apscheduler.schedulers.asyncio, jinja2, pydantic_settings, rich.console, structlog, typer, psutil"),
    ("waggle", "bot.serving"),
)
_ASK = """
import psutil
for names in {groups!r}:
    exec(f"import {{names}}")
    print(psutil.Process().memory_info().rss)
"""


def parts(idle_rss: int) -> list[Figure]:
    """What of `idle_rss` (bytes) goes where; the last part is what runs: rows, connections, schedules, threads."""
    script = _ASK.format(groups=[names for _, names in _GROUPS])
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    sizes = [int(line) for line in said.split()]
    figures = [
        _figure(name, after - before, f"imported: {names}")
        for (name, names), before, after in zip(_GROUPS, [0, *sizes], sizes, strict=False)
    ]
    return [*figures, _figure("running", idle_rss - sizes[-1], "rows, connections, schedules and threads")]


def _figure(name: str, size: int, note: str) -> Figure:
    return Figure(f"idle.rss_{name}_mb", round(size / 2**20, 1), "MB", 1, note)
