"""Customers from a CSV file. It needs to be told where the tables are defined: a search does not find it."""

from __future__ import annotations

from integrations.playground.scripted.hands import Hands, Stuck
from integrations.playground.scripted.recipes import IMPORTING, Brief, MissingFact, Recipe, has

SCHEMA = "app/schema.py"
FUNCTION = '''

def import_customers(db: sqlite3.Connection, text: str) -> Imported:
    """Add customers (CSV: name, email, vat_number, city); a name that is there already is reported and skipped."""
    done = 0
    problems = []
    for line, row in enumerate(csv.DictReader(io.StringIO(text)), 2):
        values = [(row.get(column) or "").strip() for column in ("name", "email", "vat_number", "city")]
        try:
            customers.add(db, *values)
        except ValueError as problem:
            problems.append(f"line {line}: {problem}")
        else:
            done += 1
    return Imported(done, tuple(problems))
'''
TESTS = """import unittest

from app import customers, db
from app.importer import import_customers

HEADER = "name,email,vat_number,city\\n"


class ImportCustomersTest(unittest.TestCase):
    def setUp(self):
        self.db = db.connect()
        self.addCleanup(self.db.close)

    def test_every_line_becomes_a_customer(self):
        result = import_customers(self.db, HEADER + "Studio Mela,hello@studiomela.example,DE812345678,Hamburg\\n")
        self.assertEqual((result.done, result.problems), (1, ()))
        found = customers.search(self.db, "Mela")[0]
        self.assertEqual(found.email, "hello@studiomela.example")
        self.assertEqual((found.vat_number, found.city), ("DE812345678", "Hamburg"))

    def test_a_name_that_is_there_already_is_skipped_with_its_line(self):
        customers.add(self.db, "Studio Mela", "hello@studiomela.example")
        result = import_customers(self.db, HEADER + "Studio Mela,x@x.example,,\\nHarbour Books,y@y.example,,Bristol\\n")
        self.assertEqual(result.done, 1)
        self.assertIn("line 2: there is already a customer named Studio Mela", result.problems)

    def test_a_line_without_a_name_is_reported(self):
        result = import_customers(self.db, HEADER + ",x@x.example,,\\n")
        self.assertEqual(result.problems, ("line 2: a customer needs a name",))
"""


def apply(hands: Hands, brief: Brief) -> None:
    if SCHEMA not in brief.heard:
        hands.run(
            "grep -rn 'CREATE TABLE customers' --include='*.py' --include='*.sql' .", "Look for the customers table"
        )
        raise MissingFact(
            "I could not find where the table definitions live. I searched for `CREATE TABLE customers` and for SQL "
            "files and found neither. Without the columns of a customer I would be guessing, so I changed nothing."
        )
    if "vat_number" not in hands.read(SCHEMA):
        raise Stuck(f"`{SCHEMA}` does not look as I expected: I found no column `vat_number` in it.")
    old = "from app.invoices import listing, mark_paid\n"
    hands.edit("app/importer.py", old, f"from app import customers\n{old}")
    doc = '"""Payments from a bank statement (CSV: date, invoice number, amount)."""'
    hands.edit(
        "app/importer.py", doc, '"""Payments from a bank statement and customers from another tool, both as CSV."""'
    )
    text = hands.text("app/importer.py")
    if "def import_customers" not in text:
        hands.write("app/importer.py", text.rstrip("\n") + "\n" + FUNCTION)
    hands.write("tests/test_import_customers.py", TESTS)
    row = "| `app/importer.py` | payments from a bank statement |"
    hands.edit("README.md", row, "| `app/importer.py` | payments from a bank statement, customers from another tool |")


RECIPE = Recipe(
    name="customer-import",
    can="import customers from a CSV file (it must be told where the tables are defined)",
    wants=lambda line: has(line, IMPORTING, "customer"),
    look=("app/importer.py", "app/customers.py"),
    apply=apply,
    commit="Import customers from CSV\n\nPeople who move over from another tool bring their customers along.",
    main_file="app/importer.py",
    is_feature=True,
)
