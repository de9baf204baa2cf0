"""Customers: who gets invoices."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True)
class Customer:
    id: int
    name: str
    email: str
    vat_number: str
    city: str


def add(db: sqlite3.Connection, name: str, email: str, vat_number: str = "", city: str = "") -> Customer:
    """Store a new customer.

    Raises:
        ValueError: the name is empty or taken.
    """
    name = name.strip()
    if not name:
        raise ValueError("a customer needs a name")
    try:
        cursor = db.execute(
            "INSERT INTO parties (name, email, vat_number, city) VALUES (?, ?, ?, ?)",
            (name, email, vat_number, city),
        )
    except sqlite3.IntegrityError:
        raise ValueError(f"there is already a customer named {name}") from None
    db.commit()
    return get(db, cursor.lastrowid)


def get(db: sqlite3.Connection, customer_id: int) -> Customer:
    row = db.execute("SELECT * FROM parties WHERE id = ?", (customer_id,)).fetchone()
    if row is None:
        raise LookupError(f"no customer {customer_id}")
    return Customer(**row)


def search(db: sqlite3.Connection, text: str) -> list[Customer]:
    """Customers whose name or city holds the text, by name; all of them for an empty text."""
    rows = db.execute(
        "SELECT * FROM parties WHERE instr(name, ?) > 0 OR instr(city, ?) > 0 ORDER BY name",
        (text, text),
    )
    return [Customer(**row) for row in rows]
