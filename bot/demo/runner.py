"""Plays scenarios side by side, prints what is said as it is said, and sums up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp
from rich.console import Console
from rich.markup import escape

from bot.demo.scenarios import Scenario
from bot.demo.secret_scan import leaked
from bot.demo.stage import PACE, SceneFailed, Stage, open_stage
from bot.demo.transcript import Line
from bot.show import Json
from integrations.playground.visitor import Refused

_COLOURS = ("cyan", "magenta", "yellow", "green", "blue")
_LONGEST_S = 300.0


@dataclass
class Played:
    """How one scenario went."""

    name: str
    ok: bool = False
    seconds: float = 0.0
    why: str = ""
    messages: list[Line] = field(default_factory=list)
    tasks: list[Json] = field(default_factory=list)

    def as_json(self) -> Json:
        return {
            "name": self.name,
            "ok": self.ok,
            "seconds": round(self.seconds, 1),
            "messages": [line.as_json() for line in self.messages],
            "tasks": self.tasks,
        }


async def play_all(scenarios: Sequence[Scenario], console: Console, *, at_once: int) -> list[Played]:
    """Play the scenarios, at most `at_once` at a time, each in a world of its own."""
    console.print(f"[dim]In the playground {PACE.words()}. Real repositories want minutes.[/]")
    room = asyncio.Semaphore(at_once)
    width = max(len(one.name) for one in scenarios)

    async def one(place: int, scenario: Scenario) -> Played:
        async with room:
            label = f"[{_COLOURS[place % len(_COLOURS)]}]{scenario.name:<{width}}[/]"
            return await _play(scenario, console, label)

    return list(await asyncio.gather(*(one(place, scenario) for place, scenario in enumerate(scenarios))))


async def _play(scenario: Scenario, console: Console, label: str) -> Played:
    played = Played(scenario.name)
    began = time.monotonic()

    def tell(line: Line) -> None:
        mark = "~" if line.edit else " "
        indent = "  " if line.thread else ""
        took = time.monotonic() - began
        text = escape(" ".join(line.text.split()))
        console.print(f"{label} [dim]{took:5.1f} s[/] {mark}{indent}[bold]{escape(line.author)}[/] {text}")

    def log(text: str) -> None:
        console.print(f"{label} [dim]{escape(text)}[/]")

    log(scenario.about)
    try:
        async with (
            asyncio.timeout(_LONGEST_S),
            open_stage(scenario.name, scenario.script, tell, log, toml=scenario.toml) as stage,
        ):
            await _act(scenario, stage, played)
        if not played.why:
            played.ok = True
    except (SceneFailed, Refused, aiohttp.ClientError, TimeoutError) as problem:
        played.why = str(problem) or f"not over after {_LONGEST_S:g} s"
    played.seconds = time.monotonic() - began
    verdict = "[bold green]passed[/]" if played.ok else f"[bold red]failed[/]: {escape(played.why)}"
    console.print(f"{label} {verdict} [dim]after {played.seconds:.1f} s[/]")
    return played


async def _act(scenario: Scenario, stage: Stage, played: Played) -> None:
    try:
        await scenario.play(stage)
        if found := await leaked(stage):
            raise SceneFailed(f"credentials are where they do not belong: {'; '.join(found)}")
    finally:
        await stage.transcript.look()
        played.messages = list(stage.transcript.lines)
        played.tasks = await stage.tasks_json()
