import unittest
from datetime import date
from decimal import Decimal

from app import customers, db, invoices
from app.invoices import Line


class InvoicesTest(unittest.TestCase):
    def setUp(self):
        self.db = db.connect()
        self.addCleanup(self.db.close)
        self.customer = customers.add(self.db, "Northwind Logistics", "accounts@northwind.example")

    def create(self, *lines, issued=date(2026, 1, 12), due=date(2026, 2, 11)):
        lines = list(lines) or [Line("Haulage", Decimal(4), Decimal("312.50"))]
        return invoices.create(self.db, self.customer.id, issued, due, lines)

    def test_totals_add_tax_to_net(self):
        haulage = Line("Haulage", Decimal(4), Decimal("312.50"))
        invoice = self.create(haulage, Line("Pallets", Decimal(1), Decimal("50")))
        self.assertEqual(invoice.totals.net, Decimal("1300.00"))
        self.assertEqual(invoice.totals.tax, Decimal("260.00"))
        self.assertEqual(invoice.totals.total, Decimal("1560.00"))

    def test_numbers_count_up_within_a_year(self):
        self.create()
        self.assertEqual(self.create().number, "2026-0002")
        self.assertEqual(self.create(issued=date(2027, 1, 2), due=date(2027, 2, 2)).number, "2027-0001")

    def test_listing_starts_with_the_newest(self):
        self.create()
        self.create()
        self.assertEqual([one.number for one in invoices.listing(self.db)], ["2026-0002", "2026-0001"])

    def test_an_invoice_needs_a_line(self):
        with self.assertRaises(ValueError):
            invoices.create(self.db, self.customer.id, date(2026, 1, 1), date(2026, 1, 31), [])

    def test_due_is_not_before_issued(self):
        with self.assertRaises(ValueError):
            self.create(due=date(2026, 1, 1))
