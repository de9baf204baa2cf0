"""Sample data for a first look."""

import sqlite3
from datetime import date
from decimal import Decimal

from app import customers, invoices
from app.invoices import Line


def fill(db: sqlite3.Connection) -> None:
    northwind = customers.add(db, "Northwind Logistics", "accounts@northwind.example", "GB123456789", "Leeds")
    harbour = customers.add(db, "Harbour Books", "post@harbourbooks.example", "", "Bristol")
    mela = customers.add(db, "Studio Mela", "hello@studiomela.example", "DE812345678", "Hamburg")
    haulage = Line("Haulage Leeds to Hull", Decimal(4), Decimal("312.50"))
    pallets = Line("Pallets", Decimal(40), Decimal("6.20"))
    invoices.create(db, northwind.id, date(2026, 1, 12), date(2026, 2, 11), [haulage, pallets])
    bookmarks = [Line(f"Bookmarks, {colour}", Decimal(1), Decimal("1.13")) for colour in ("red", "green", "blue")]
    invoices.create(db, harbour.id, date(2026, 1, 20), date(2026, 2, 19), bookmarks)
    design = [Line("Sign design", Decimal("7.5"), Decimal("96.00")), Line("Travel", Decimal(1), Decimal("48.40"))]
    invoices.create(db, mela.id, date(2026, 2, 2), date(2026, 3, 4), design, Decimal(19))
    invoices.create(db, northwind.id, date(2026, 2, 12), date(2026, 3, 14), [haulage])
    invoices.mark_paid(db, "2026-0001", date(2026, 2, 9))
