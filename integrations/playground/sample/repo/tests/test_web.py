import unittest
from datetime import date

from app import db, seed
from app.web import Application


class WebTest(unittest.TestCase):
    def setUp(self):
        self.db = db.connect()
        self.addCleanup(self.db.close)
        seed.fill(self.db)
        self.application = Application(self.db, today=lambda: date(2026, 3, 1))

    def get(self, path, query=""):
        seen = {}

        def start_response(status, headers):
            seen.update(status=status, headers=dict(headers))

        body = b"".join(self.application({"PATH_INFO": path, "QUERY_STRING": query}, start_response)).decode()
        return seen["status"], seen["headers"], body

    def test_the_first_page_lists_invoices_with_their_totals(self):
        status, _, body = self.get("/")
        self.assertEqual(status, "200 OK")
        self.assertIn("<h1>Invoices</h1>", body)
        self.assertIn("1,797.60", body)

    def test_an_invoice_shows_its_lines(self):
        _, _, body = self.get("/invoice", "id=1")
        self.assertIn("Haulage Leeds to Hull", body)
        self.assertIn("paid", body)

    def test_customers_can_be_searched(self):
        _, _, body = self.get("/customers", "q=Harbour")
        self.assertIn("Harbour Books", body)
        self.assertNotIn("Northwind", body)

    def test_what_people_type_is_escaped(self):
        _, _, body = self.get("/customers", "q=%3Cscript%3E")
        self.assertIn("&lt;script&gt;", body)

    def test_an_unknown_page_is_a_404(self):
        self.assertEqual(self.get("/nowhere")[0], "404 Not Found")
        self.assertEqual(self.get("/invoice", "id=99")[0], "404 Not Found")
