"""The bugs of the sample application, each with the test that would have caught it."""

from __future__ import annotations

from integrations.playground.scripted.hands import Hands
from integrations.playground.scripted.recipes import Brief, Recipe, has


def fix_rounding(hands: Hands, brief: Brief) -> None:
    old = "    tax = sum((tax_on(line.net, tax_rate) for line in lines), Decimal(0))\n    return Totals(net, tax)\n"
    hands.edit("app/invoices.py", old, "    return Totals(net, tax_on(net, tax_rate))\n")
    doc = '    """Net and tax of an invoice; `tax_rate` is in percent."""\n'
    more = (
        '    """Net and tax of an invoice; `tax_rate` is in percent, and the tax of the net total is rounded once."""\n'
    )
    hands.edit("app/invoices.py", doc, more)
    test = """    def test_tax_is_rounded_once_on_the_net_total(self):
        colours = [Line(f"Bookmarks, {colour}", Decimal(1), Decimal("1.13")) for colour in ("red", "green", "blue")]
        totals = self.create(*colours).totals
        self.assertEqual((totals.net, totals.tax, totals.total), (Decimal("3.39"), Decimal("0.68"), Decimal("4.07")))

"""
    anchor = "    def test_numbers_count_up_within_a_year"
    hands.edit("tests/test_invoices.py", anchor, test + anchor)


def fix_overdue(hands: Hands, brief: Brief) -> None:
    old = "    return invoice.paid_on is None and today >= invoice.due\n"
    hands.edit("app/reminders.py", old, "    return invoice.paid_on is None and today > invoice.due\n")
    test = """    def test_the_due_date_itself_is_not_late(self):
        self.assertEqual(reminders.status(self.invoice, date(2026, 2, 19)), "open")
        self.assertEqual(reminders.status(self.invoice, date(2026, 2, 20)), "overdue")

"""
    anchor = "    def test_paid_is_never_overdue"
    hands.edit("tests/test_reminders.py", anchor, test + anchor)


def fix_search(hands: Hands, brief: Brief) -> None:
    old = """    rows = db.execute(
        "SELECT * FROM parties WHERE instr(name, ?) > 0 OR instr(city, ?) > 0 ORDER BY name",
        (text, text),
    )
    return [Customer(**row) for row in rows]
"""
    new = """    wanted = text.casefold()
    everybody = [Customer(**row) for row in db.execute("SELECT * FROM parties ORDER BY name")]
    return [one for one in everybody if wanted in one.name.casefold() or wanted in one.city.casefold()]
"""
    hands.edit("app/customers.py", old, new)
    doc = '    """Customers whose name or city holds the text, by name; all of them for an empty text."""\n'
    more = (
        '    """Customers whose name or city holds the text in any case, by name; all of them for an empty text."""\n'
    )
    hands.edit("app/customers.py", doc, more)
    test = """    def test_search_ignores_case(self):
        self.assertEqual([one.name for one in customers.search(self.db, "northWIND")], ["Northwind Logistics"])
        self.assertEqual([one.name for one in customers.search(self.db, "bristol")], ["Harbour Books"])

"""
    anchor = "    def test_search_finds_a_city"
    hands.edit("tests/test_customers.py", anchor, test + anchor)


def fix_invoice_id(hands: Hands, brief: Brief) -> None:
    hands.edit(
        "app/web.py",
        '        invoice = invoices.get(self.db, int(query.get("id", "0")))\n',
        '        invoice = invoices.get(self.db, record_id(query.get("id", "")))\n',
    )
    function = '''def record_id(text: str) -> int:
    """An id from an address. Raises LookupError when it is no number, so that the answer is a 404."""
    if not text.isdecimal():
        raise LookupError(f"no such id: {text}")
    return int(text)


'''
    anchor = "def not_found(why: str)"
    hands.edit("app/web.py", anchor, function + anchor)
    test = """    def test_an_id_that_is_no_number_is_a_404(self):
        self.assertEqual(self.get("/invoice", "id=abc")[0], "404 Not Found")

"""
    anchor = "    def test_an_unknown_page_is_a_404"
    hands.edit("tests/test_web.py", anchor, test + anchor)


ROUNDING = Recipe(
    name="rounding",
    can="round tax once, on the invoice's total, instead of on every line",
    wants=lambda line: (
        has(line, r"round|0\.69|one cent|a cent", "tax|total|invoice") and not has(line, "readme|document")
    ),
    look=("app/invoices.py", "app/money.py"),
    apply=fix_rounding,
    commit="Round tax once, on the net total\n\nRounding each line first added up to a cent too much.",
    main_file="app/invoices.py",
)
OVERDUE = Recipe(
    name="overdue",
    can="call an invoice overdue from the day after its due date",
    wants=lambda line: has(line, "overdue|reminder|reminded", "invoice|due|day|date|late"),
    look=("app/reminders.py", "tests/test_reminders.py"),
    apply=fix_overdue,
    commit="An invoice is late on the day after its due date\n\nThe customer has the whole due date to pay.",
    main_file="app/reminders.py",
)
SEARCH = Recipe(
    name="search",
    can="make the customer search ignore upper and lower case",
    wants=lambda line: has(line, "search", "case|capital|lower|small letters|customer"),
    look=("app/customers.py", "tests/test_customers.py"),
    apply=fix_search,
    commit="Search customers in any case\n\nNobody types capitals into a search field.",
    main_file="app/customers.py",
)
INVOICE_ID = Recipe(
    name="invoice-id",
    can="answer 404 instead of crashing for an invoice id that is no number",
    wants=lambda line: has(line, "invalid literal for int|id that is no number|non-numeric|invoice id"),
    look=("app/web.py",),
    apply=fix_invoice_id,
    commit="Answer 404 for an invoice id that is no number\n\nIt was an unhandled ValueError.",
    main_file="app/web.py",
)
