"""What Waggle noticed by itself, and why it was or was not proposed."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from sqlmodel import Session, col, select

from bot.cli.common import JsonOption, bench, fail, out, print_json
from scheduler.discovery.facts import CURSOR, read_facts, read_gates
from scheduler.lifecycle import SignalState
from scheduler.names import task_label
from scheduler.registry import Signal
from scheduler.registry.writers import recall

_COLOURS = {
    SignalState.PROPOSED: "bold yellow",
    SignalState.STARTED: "cyan",
    SignalState.MERGED: "green",
    SignalState.RESOLVED: "green",
    SignalState.MUTED: "dim",
}
_MOST = 200


def discovery(
    why: Annotated[str, typer.Option("--why", metavar="ID", help="Every gate of one, such as LEDGERLINE-1.")] = "",
    as_json: JsonOption = False,
) -> None:
    """List the errors that were noticed, and what became of them."""
    with bench() as place:
        rows = place.registry.read_now(lambda session: _rows(session, why))
        last = place.registry.read_now(lambda session: recall(session, CURSOR))
    if why and not rows:
        fail(f"Nothing was noticed under {why}. `waggle discovery` lists what was; `waggle doctor` tries the tracker.")
    if as_json:
        print_json([_as_json(row) for row in rows])
    elif why:
        for row in rows:
            _print_one(row)
    elif rows:
        for row in rows:
            _print_line(row)
    elif last is None:
        out.print("No error tracker was looked at yet. `waggle doctor` says whether one is connected.")
    else:
        out.print("The error tracker was looked at, and nothing was noticed yet.")


def _rows(session: Session, why: str) -> list[Signal]:
    wanted = select(Signal).order_by(col(Signal.updated_at).desc(), col(Signal.id).desc())
    if why:
        found = session.exec(wanted.where(col(Signal.name) == why.strip().upper())).all()
        return list(found) or list(session.exec(wanted.where(col(Signal.name) == why.strip())).all())
    return list(session.exec(wanted.limit(_MOST)).all())


def _as_json(row: Signal) -> dict[str, Any]:
    issue = read_facts(row).issue
    return {
        "id": row.name,
        "source": row.source,
        "title": row.title,
        "state": row.state.value,
        "why": row.reason,
        "repo": row.repo,
        "url": row.url,
        "task": task_label(row.task_id) if row.task_id is not None else None,
        "count": issue.count,
        "users": issue.users,
        "first_seen": issue.first_seen.isoformat(),
        "last_seen": issue.last_seen.isoformat(),
        "snoozed_until": row.not_before.isoformat() if row.not_before else None,
        "gates": [gate.model_dump() for gate in read_gates(row)],
    }


def _print_line(row: Signal) -> None:
    colour = _COLOURS.get(row.state, "default")
    out.print(f"{escape(row.name):<16}  [{colour}]{row.state:<9}[/]  {escape(row.title)}")
    if row.reason:
        out.print(f"{'':<16}  [dim]{escape(row.reason)}[/]")


def _print_one(row: Signal) -> None:
    _print_line(row)
    issue = read_facts(row).issue
    seen = f"{issue.count} events, {issue.users} people, last seen {issue.last_seen:%Y-%m-%d %H:%M} UTC"
    out.print(f"{seen}  [dim]{escape(row.url)}[/]\n")
    for gate in read_gates(row):
        mark = "[green]✓[/]" if gate.ok else "[red]✗[/]"
        out.print(f"  {mark} {gate.name:<12}  {escape(gate.why)}")
