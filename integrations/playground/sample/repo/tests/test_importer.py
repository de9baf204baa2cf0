import unittest
from datetime import date
from decimal import Decimal

from app import customers, db, invoices
from app.importer import import_payments
from app.invoices import Line


class ImportPaymentsTest(unittest.TestCase):
    def setUp(self):
        self.db = db.connect()
        self.addCleanup(self.db.close)
        customer = customers.add(self.db, "Studio Mela", "hello@studiomela.example")
        lines = [Line("Sign design", Decimal(1), Decimal("100.00"))]
        self.invoice = invoices.create(self.db, customer.id, date(2026, 2, 2), date(2026, 3, 4), lines)

    def test_a_matching_payment_marks_the_invoice_paid(self):
        result = import_payments(self.db, "date,number,amount\n2026-02-20,2026-0001,120.00\n")
        self.assertEqual((result.done, result.problems), (1, ()))
        self.assertEqual(invoices.get(self.db, self.invoice.id).paid_on, date(2026, 2, 20))

    def test_a_wrong_amount_is_reported_with_its_line(self):
        result = import_payments(self.db, "date,number,amount\n2026-02-20,2026-0001,12.00\n")
        self.assertEqual(result.done, 0)
        self.assertIn("line 2: 2026-0001 is 120.00", result.problems[0])
