"""Which invoices are late, and what their status is called."""

import sqlite3
from datetime import date

from app.invoices import Invoice, listing


def is_overdue(invoice: Invoice, today: date) -> bool:
    return invoice.paid_on is None and today >= invoice.due


def status(invoice: Invoice, today: date) -> str:
    """One of paid, overdue, open."""
    if invoice.paid_on is not None:
        return "paid"
    return "overdue" if is_overdue(invoice, today) else "open"


def overdue(db: sqlite3.Connection, today: date) -> list[Invoice]:
    """Unpaid invoices that should have been paid, the longest late first."""
    late = [invoice for invoice in listing(db) if is_overdue(invoice, today)]
    return sorted(late, key=lambda invoice: invoice.due)
