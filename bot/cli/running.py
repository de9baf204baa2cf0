"""`waggle run`, `doctor` and `tick`: what starts parts of Waggle, or looks at all of it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from bot.cli.common import JsonOption, bench, err, fail, out, print_json, utc_now
from bot.problems import nearest
from bot.settings import Settings
from scheduler.registry import Fact

_SLOWEST_TICK_S = 120.0

PortOption = Annotated[
    int, typer.Option(min=0, max=65535, help="Port of the playground's page; without it the one it had, or any.")
]


def run(port: PortOption = 0) -> None:
    """Start Waggle. What has no credentials is served by the playground, service by service."""
    from bot.serving import Options, serve  # the whole of Waggle: other commands start faster without it

    settings = Settings.load()
    for note in settings.notes:
        err.print(note, style="yellow")
    asyncio.run(serve(settings, Options(port=port), out.print))


def demo(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME…]", help="Scenarios; the core ones without.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Play every scenario.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="Say which scenarios there are.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write what happened there.")] = None,
    at_once: Annotated[int, typer.Option("--at-once", min=1, help="How many are played side by side.")] = 3,
) -> None:
    """Play scenarios unattended: each a real Waggle in a world of its own."""
    from bot.demo.runner import play_all
    from bot.demo.scenarios import SCENARIOS

    if listing:
        for one in SCENARIOS.values():
            out.print(f"{one.name:<20} {one.about}", markup=False)
        return
    for name in names or ():
        if name not in SCENARIOS:
            meant = nearest(name, SCENARIOS)
            cure = f"Did you mean `{meant}`?" if meant else f"There are {', '.join(SCENARIOS)}."
            raise typer.BadParameter(f"there is no scenario `{name}`. {cure}")
    wanted = [one for one in SCENARIOS.values() if (one.name in names if names else one.core or everything)]
    played = asyncio.run(play_all(wanted, out, at_once=at_once))
    if json_file is not None:
        report = json.dumps({"scenarios": [one.as_json() for one in played]}, ensure_ascii=False, indent=2)
        json_file.write_text(report, encoding="utf-8")
    failed = [one.name for one in played if not one.ok]
    if failed:
        fail(f"{len(failed)} of {len(played)} scenarios failed: {', '.join(failed)}.")
    out.print(f"[bold green]All {len(played)} scenarios passed.[/]")


def doctor(as_json: JsonOption = False) -> None:
    """Check everything that Waggle needs, each with its cure."""
    from bot.doctor import examine, next_step

    checks = asyncio.run(examine())
    if as_json:
        print_json([asdict(one) for one in checks])
    else:
        for one in checks:
            mark = "[green]✓[/]" if one.ok else "[red]✗[/]"
            out.print(f"{mark} {escape(one.check):<32} {escape(one.detail)}")
            if one.fix:
                out.print(f"  [dim]{escape(one.fix)}[/]")
        out.print(f"\n[bold]Next:[/] {escape(next_step(checks))}")
    if not all(one.ok for one in checks):
        raise typer.Exit(1)


def tick(as_json: JsonOption = False) -> None:
    """One tick of the monitor; beside a running Waggle, that one ticks."""
    from bot.ticking import ask_running

    with bench() as place:
        running = place.is_running()
        report = ask_running(place.registry, utc_now) if running else None
    if running and report is None:
        fail("The Waggle that runs here did not answer within a minute. Its log may say why.")
    report = report or asyncio.run(_tick_alone())
    if as_json:
        print_json(report)
    else:
        for did in report["did"]:
            out.print(did, markup=False)
        out.print(
            f"{report['seen']} seen, {report['requests']} requests, {report['ms']:g} ms, {report['tokens']} tokens"
        )


def alive() -> None:
    """For health checks: exit code 0 while the monitor ticks."""
    with bench() as place:
        last = place.registry.read_now(lambda session: session.get(Fact, "tick"))
        patience = timedelta(seconds=max(3 * place.settings.waggle.tick_seconds, _SLOWEST_TICK_S))
        if not place.is_running():
            fail("No Waggle runs on this home.")
    if last is None or utc_now() - last.at > patience:
        fail("Waggle runs and does not tick.")


async def _tick_alone() -> dict[str, Any]:
    from bot.serving import Options, opened

    async with opened(Settings.load(), Options(leave_as_found=True), err.print) as app:
        return asdict(await app.supervisor.tick())
