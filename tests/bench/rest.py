"""What Waggle costs while nothing happens: a real `waggle run` on an empty home, measured from outside."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from integrations.playground.start import stop_playground
from tests.bench.figure import Figure

_SETTLE_S, _WATCH_S, _UP_S = 5.0, 20.0, 60.0


async def measure(home: Path) -> list[Figure]:
    """Memory and CPU of Waggle itself and of the playground beside it."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "WAGGLE_HOME": str(home / "waggle")}
    with (home / "out.log").open("wb") as log:
        waggle = subprocess.Popen(
            [sys.executable, "-m", "bot.cli", "run", "--port", "0"], cwd=home, env=environment, stdout=log, stderr=log
        )
        try:
            record = home / "waggle" / "playground" / "playground.json"
            until = time.monotonic() + _UP_S
            while not record.exists():
                if time.monotonic() > until or waggle.poll() is not None:
                    raise RuntimeError((home / "out.log").read_text())
                await asyncio.sleep(0.1)
            await asyncio.sleep(_SETTLE_S)
            process = psutil.Process(waggle.pid)
            before = process.cpu_times()
            await asyncio.sleep(_WATCH_S)
            after = process.cpu_times()
            used = (after.user + after.system - before.user - before.system) / _WATCH_S * 100
            rss = process.memory_info().rss / 2**20
        finally:
            waggle.send_signal(signal.SIGTERM)
            waggle.wait(20)
            stop_playground(home / "waggle" / "playground")
    return [
        Figure("idle.rss_mb", rss, "MB", 1, "the process of `waggle run`; the playground is another"),
        Figure("idle.cpu_pct", used, "%", 1, f"of one core over {_WATCH_S:.0f} s, playground's tick"),
    ]
