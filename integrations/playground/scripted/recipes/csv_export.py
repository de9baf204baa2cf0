"""Invoices as a CSV file: a module, a route, a link on the page, and tests."""

from __future__ import annotations

from integrations.playground.scripted.hands import Hands
from integrations.playground.scripted.recipes import IMPORTING, Brief, Recipe, has

EXPORT = '''"""Invoices as a CSV file, for an accountant's ledger."""

import csv
import io
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from app.invoices import Invoice
from app.reminders import status

COLUMNS = ("number", "customer", "issued", "due", "net", "tax", "total", "status")
DELIMITER = "{delimiter}"


def invoices_csv(invoices: Iterable[Invoice], today: date) -> str:
    """One line for each invoice below a header line: ISO dates, amounts such as 1250.00."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=DELIMITER)
    writer.writerow(COLUMNS)
    for invoice in invoices:
        totals = invoice.totals
        writer.writerow(
            [
                invoice.number,
                plain_text(invoice.customer),
                invoice.issued.isoformat(),
                invoice.due.isoformat(),
                plain_amount(totals.net),
                plain_amount(totals.tax),
                plain_amount(totals.total),
                status(invoice, today),
            ]
        )
    return out.getvalue()


def plain_amount(amount: Decimal) -> str:
    """Pages show 1,250.00; a ledger wants 1250.00."""
    return f"{{amount:.2f}}"


def plain_text(text: str) -> str:
    """Spreadsheets run a cell that begins like a formula, so such a text gets an apostrophe in front."""
    return f"'{{text}}" if text.startswith(("=", "+", "-", "@", "\\t", "\\r")) else text
'''

TESTS = """import csv
import io
import unittest
from datetime import date
from decimal import Decimal

from app import customers, db, invoices
from app.export import COLUMNS, DELIMITER, invoices_csv
from app.invoices import Line
from app.web import Application

TODAY = date(2026, 2, 1)


class ExportTest(unittest.TestCase):
    def setUp(self):
        self.db = db.connect()
        self.addCleanup(self.db.close)

    def invoice(self, name="Northwind Logistics", price="1250.00"):
        customer = customers.add(self.db, name, "accounts@northwind.example")
        lines = [Line("Haulage", Decimal(1), Decimal(price))]
        return invoices.create(self.db, customer.id, date(2026, 1, 12), date(2026, 2, 11), lines)

    def rows(self):
        text = invoices_csv(invoices.listing(self.db), TODAY)
        return list(csv.reader(io.StringIO(text), delimiter=DELIMITER))

    def test_a_header_line_names_the_columns(self):
        self.assertEqual(self.rows(), [list(COLUMNS)])

    def test_amounts_are_plain_and_dates_are_iso(self):
        self.invoice()
        expected = ["2026-0001", "Northwind Logistics", "2026-01-12", "2026-02-11"]
        self.assertEqual(self.rows()[1], [*expected, "1250.00", "250.00", "1500.00", "open"])

    def test_a_comma_in_a_name_stays_in_its_column(self):
        self.invoice("Mela, Studio for Signs")
        self.assertEqual(self.rows()[1][1], "Mela, Studio for Signs")

    def test_a_name_that_looks_like_a_formula_is_text(self):
        self.invoice("=1+1")
        self.assertEqual(self.rows()[1][1], "'=1+1")

    def test_the_page_links_to_the_file(self):
        self.invoice()
        seen = {}

        def start_response(status, headers):
            seen.update(status=status, **dict(headers))

        application = Application(self.db, today=lambda: TODAY)
        page = b"".join(application({"PATH_INFO": "/"}, start_response)).decode()
        self.assertIn('href="/invoices.csv"', page)
        body = b"".join(application({"PATH_INFO": "/invoices.csv"}, start_response)).decode()
        self.assertEqual(seen["status"], "200 OK")
        self.assertEqual(seen["Content-Type"], "text/csv; charset=utf-8")
        self.assertIn("2026-0001", body)
"""

HANDLER = """    def invoice_export(self, query: dict[str, str]) -> Response:
        return Response(
            export.invoices_csv(invoices.listing(self.db), self.today()),
            content_type="text/csv; charset=utf-8",
            headers=(("Content-Disposition", 'attachment; filename="invoices.csv"'),),
        )

"""


def apply(hands: Hands, brief: Brief) -> None:
    delimiter = ";" if brief.answer == "semicolons" else ","
    hands.write("app/export.py", EXPORT.format(delimiter=delimiter))
    old = "from app import customers, invoices, pages, reminders\n"
    hands.edit("app/web.py", old, "from app import customers, export, invoices, pages, reminders\n")
    route = '            "/": self.invoice_list,\n'
    hands.edit("app/web.py", route, f'{route}            "/invoices.csv": self.invoice_export,\n')
    method = "    def invoice_page(self"
    hands.edit("app/web.py", method, HANDLER + method)
    hint = '<p class="hint">$late overdue</p>'
    link = '<p class="hint">$late overdue · <a href="/invoices.csv">Download as CSV</a></p>'
    hands.edit("templates/invoices.html", hint, link)
    hands.write("tests/test_export.py", TESTS)
    row = "| `app/importer.py` |"
    hands.edit("README.md", row, f"| `app/export.py` | invoices as a CSV file |\n{row}")


RECIPE = Recipe(
    name="csv-export",
    can="export invoices as CSV (a route, a link above the list, tests)",
    wants=lambda line: has(line, "csv|spreadsheet", "export|download|invoice") and not has(line, IMPORTING),
    look=("app/web.py", "app/invoices.py", "templates/invoices.html"),
    apply=apply,
    commit="Export invoices as CSV\n\nAccountants can take the list into their ledger without retyping it.",
    main_file="app/export.py",
    is_feature=True,
    question="Which character should stand between the columns of the CSV file?",
    options=("commas", "semicolons"),
)
