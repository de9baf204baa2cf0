import unittest
from datetime import date
from decimal import Decimal

from app import customers, db, invoices, reminders
from app.invoices import Line


class RemindersTest(unittest.TestCase):
    def setUp(self):
        self.db = db.connect()
        self.addCleanup(self.db.close)
        customer = customers.add(self.db, "Harbour Books", "post@harbourbooks.example")
        self.invoice = invoices.create(
            self.db, customer.id, date(2026, 1, 20), date(2026, 2, 19), [Line("Bookmarks", Decimal(3), Decimal("1.10"))]
        )

    def test_open_before_it_is_due(self):
        self.assertEqual(reminders.status(self.invoice, date(2026, 2, 1)), "open")

    def test_overdue_a_week_after_it_was_due(self):
        self.assertEqual(reminders.overdue(self.db, date(2026, 2, 26)), [self.invoice])

    def test_paid_is_never_overdue(self):
        invoices.mark_paid(self.db, self.invoice.number, date(2026, 2, 3))
        self.assertEqual(reminders.overdue(self.db, date(2026, 2, 26)), [])
