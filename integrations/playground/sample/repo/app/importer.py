"""Payments from a bank statement (CSV: date, invoice number, amount)."""

import csv
import io
import sqlite3
from dataclasses import dataclass
from datetime import date

from app.invoices import listing, mark_paid
from app.money import parse


@dataclass(frozen=True)
class Imported:
    done: int
    problems: tuple[str, ...]  # "line 3: …"


def import_payments(db: sqlite3.Connection, text: str) -> Imported:
    """Mark invoices as paid; a line that does not fit is reported, and the others still count."""
    known = {invoice.number: invoice for invoice in listing(db)}
    done = 0
    problems = []
    for row in csv.DictReader(io.StringIO(text)):
        line = done + len(problems) + 2
        invoice = known.get(row.get("number") or "")
        try:
            if invoice is None:
                raise ValueError(f"no invoice {row.get('number')!r}")
            if parse(row["amount"]) != invoice.totals.total:
                raise ValueError(f"{invoice.number} is {invoice.totals.total}, not {row['amount']}")
            mark_paid(db, invoice.number, date.fromisoformat(row["date"]))
        except (KeyError, ValueError) as problem:
            problems.append(f"line {line}: {problem}")
        else:
            done += 1
    return Imported(done, tuple(problems))
