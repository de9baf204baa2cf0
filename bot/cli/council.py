"""How the review council stands: what each model was asked, and what its findings were worth."""

from __future__ import annotations

from dataclasses import asdict

from rich.markup import escape
from rich.table import Table

from bot.cli.common import JsonOption, bench, out, print_json
from bot.precision import EVERYTHING, Record, read_precision

_COLUMNS = ("found", "confirmed", "refuted", "unsure", "unchecked", "fixed", "dismissed")
_ENOUGH = 5  #: decided findings below which a percentage says nothing


def council(as_json: JsonOption = False) -> None:
    """How often each reviewing model was right, by category."""
    with bench() as place:
        seats, records = place.registry.read_now(read_precision)
    if as_json:
        findings = [{**asdict(one), "precision": one.precision} for one in records]
        print_json({"reviewers": [asdict(one) for one in seats], "findings": findings})
        return
    if not seats:
        out.print("Nobody has reviewed anything yet.")
        return
    for seat in seats:
        stand_in = "" if seat.real else ", a stand-in"
        reviews = f"{seat.reviews} review{'' if seat.reviews == 1 else 's'}"
        out.print(
            f"[bold]{escape(seat.model)}[/] ({escape(seat.family)}{stand_in}): {reviews}, {seat.approved} approved, "
            f"{seat.objected} wanted changes, {seat.abstained} abstained, {seat.failed} failed"
        )
    if not records:
        out.print("None of them found anything.")
        return
    table = Table("model", "category", *_COLUMNS, "precision", box=None, header_style="dim")
    for one in records:
        model = f"[bold]{escape(one.model)}[/]" if one.category == EVERYTHING else ""
        counts = (str(getattr(one, name) or "") for name in _COLUMNS)
        table.add_row(model, escape(one.category), *counts, _precision(one))
    out.print(table)


def _precision(one: Record) -> str:
    decided = one.confirmed + one.refuted
    if one.precision is None:
        return ""
    return f"{one.precision:.0%} of {decided}" if decided >= _ENOUGH else f"{one.confirmed} of {decided}"
