"""Every second row of the tables is shaded: a change that is easier to judge from a picture than from its diff."""

from __future__ import annotations

from integrations.playground.scripted.hands import Hands
from integrations.playground.scripted.recipes import Brief, Recipe, has

STRIPES = "tbody tr:nth-child(even) { background: #eef3f8; }\n"
TEST = """    def test_every_second_row_is_shaded(self):
        self.assertIn("tbody tr:nth-child(even)", self.get("/static/ledger.css")[2])

"""


def apply(hands: Hands, brief: Brief) -> None:
    style = hands.text("static/ledger.css")
    if STRIPES not in style:
        hands.write("static/ledger.css", style + STRIPES)
    anchor = "    def test_an_unknown_page_is_a_404"
    hands.edit("tests/test_web.py", anchor, TEST + anchor)


RECIPE = Recipe(
    name="striped-tables",
    can="shade every second row of the tables",
    wants=lambda line: has(line, "strip|zebra|shad", "row|table|list"),
    look=("static/ledger.css", "templates/invoices.html"),
    apply=apply,
    commit="Shade every second row of the tables\n\nLong lists are easier to read along.",
    main_file="static/ledger.css",
    is_feature=True,
)
