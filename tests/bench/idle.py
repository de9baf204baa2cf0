"""What a Waggle without work costs: memory, processor, and how long it takes from the command to the page."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import psutil

from bot.demo.stage import Stage, open_stage
from integrations.playground.lock import running
from tests.bench import Figure, memory

SETTLE_S = 5.0
SECONDS = 20.0


async def measure(directory: Path) -> list[Figure]:
    began = time.monotonic()
    async with open_stage("bench", (), lambda line: None, lambda text: None) as stage:
        started = time.monotonic() - began
        await asyncio.sleep(SETTLE_S)
        waggle, playground = _processes(stage)
        before = _cpu_s(waggle)
        await asyncio.sleep(SECONDS)
        cpu = (_cpu_s(waggle) - before) / SECONDS * 100
        idle = waggle.memory_info().rss
        return [
            Figure("start.s", round(started, 1), "s", 1, "from the command to the page, a fresh home"),
            Figure("idle.rss_mb", round(idle / 2**20), "MB", 1, "the Waggle process"),
            *memory.parts(idle),
            Figure("idle.playground_rss_mb", round(playground.memory_info().rss / 2**20), "MB", 1, "its playground"),
            Figure("idle.cpu_pct", round(cpu, 2), "%", 1, f"of one core over {SECONDS:g} s, a tick each second"),
        ]


def _processes(stage: Stage) -> tuple[psutil.Process, psutil.Process]:
    found = running(stage.home.playground)
    assert found is not None, "the playground runs while the stage is open"
    return psutil.Process(stage.pid), psutil.Process(found.pid)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system
