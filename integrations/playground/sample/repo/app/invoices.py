"""Invoices, their lines and their totals."""

import sqlite3
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.money import tax_on, to_cents


@dataclass(frozen=True)
class Line:
    text: str
    quantity: Decimal
    unit_price: Decimal

    @property
    def net(self) -> Decimal:
        return to_cents(self.quantity * self.unit_price)


@dataclass(frozen=True)
class Totals:
    net: Decimal
    tax: Decimal

    @property
    def total(self) -> Decimal:
        return self.net + self.tax


@dataclass(frozen=True)
class Invoice:
    id: int
    number: str
    customer: str
    issued: date
    due: date
    tax_rate: Decimal
    paid_on: date | None
    lines: tuple[Line, ...]

    @property
    def totals(self) -> Totals:
        return totals(self.lines, self.tax_rate)


def totals(lines: tuple[Line, ...], tax_rate: Decimal) -> Totals:
    """Net and tax of an invoice; `tax_rate` is in percent."""
    net = sum((line.net for line in lines), Decimal(0))
    tax = sum((tax_on(line.net, tax_rate) for line in lines), Decimal(0))
    return Totals(net, tax)


def create(
    db: sqlite3.Connection,
    customer_id: int,
    issued: date,
    due: date,
    lines: list[Line],
    tax_rate: Decimal = Decimal(20),
) -> Invoice:
    """Store an invoice under the next number of its year.

    Raises:
        ValueError: no lines, or due before it is issued.
    """
    if not lines:
        raise ValueError("an invoice needs at least one line")
    if due < issued:
        raise ValueError("an invoice cannot be due before it is issued")
    cursor = db.execute(
        "INSERT INTO invoices (number, party_id, issued, due, tax_rate) VALUES (?, ?, ?, ?, ?)",
        (next_number(db, issued.year), customer_id, issued.isoformat(), due.isoformat(), str(tax_rate)),
    )
    db.executemany(
        "INSERT INTO invoice_lines (invoice_id, text, quantity, unit_price) VALUES (?, ?, ?, ?)",
        [(cursor.lastrowid, line.text, str(line.quantity), str(line.unit_price)) for line in lines],
    )
    db.commit()
    return get(db, cursor.lastrowid)


def next_number(db: sqlite3.Connection, year: int) -> str:
    row = db.execute("SELECT max(number) AS last FROM invoices WHERE number LIKE ?", (f"{year}-%",)).fetchone()
    last = int(row["last"].split("-")[1]) if row["last"] else 0
    return f"{year}-{last + 1:04d}"


def get(db: sqlite3.Connection, invoice_id: int) -> Invoice:
    row = db.execute(f"{_SELECT} WHERE invoices.id = ?", (invoice_id,)).fetchone()
    if row is None:
        raise LookupError(f"no invoice {invoice_id}")
    return _invoice(db, row)


def listing(db: sqlite3.Connection) -> list[Invoice]:
    """Every invoice, newest number first."""
    return [_invoice(db, row) for row in db.execute(f"{_SELECT} ORDER BY number DESC").fetchall()]


def mark_paid(db: sqlite3.Connection, number: str, on: date) -> None:
    """Raises LookupError when there is no such invoice."""
    cursor = db.execute("UPDATE invoices SET paid_on = ? WHERE number = ?", (on.isoformat(), number))
    if cursor.rowcount == 0:
        raise LookupError(f"no invoice {number}")
    db.commit()


_SELECT = (
    "SELECT invoices.*, parties.name AS customer FROM invoices JOIN parties ON parties.id = invoices.party_id"
)


def _invoice(db: sqlite3.Connection, row: sqlite3.Row) -> Invoice:
    lines = db.execute("SELECT * FROM invoice_lines WHERE invoice_id = ? ORDER BY id", (row["id"],))
    return Invoice(
        id=row["id"],
        number=row["number"],
        customer=row["customer"],
        issued=date.fromisoformat(row["issued"]),
        due=date.fromisoformat(row["due"]),
        tax_rate=Decimal(row["tax_rate"]),
        paid_on=date.fromisoformat(row["paid_on"]) if row["paid_on"] else None,
        lines=tuple(Line(one["text"], Decimal(one["quantity"]), Decimal(one["unit_price"])) for one in lines),
    )
