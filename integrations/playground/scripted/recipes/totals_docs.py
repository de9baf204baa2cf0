"""A section of the README that says how totals are made, as the code in the worktree makes them."""

from __future__ import annotations

from integrations.playground.scripted.hands import Hands
from integrations.playground.scripted.recipes import Brief, Recipe, has

HEADING = "## How totals are made"
ONCE = "Tax is worked out on the net total of the invoice and rounded once, half up"
EACH = "Tax is worked out and rounded, half up, for each line, and the rounded amounts are added"


def apply(hands: Hands, brief: Brief) -> None:
    readme = hands.text("README.md")
    if HEADING in readme:
        return
    rounding = ONCE if "tax_on(net, tax_rate)" in hands.text("app/invoices.py") else EACH
    section = f"""
{HEADING}

1. The net of a line is quantity times unit price, rounded to cents.
2. The net of an invoice is the sum of its lines.
3. {rounding} (`app/invoices.py`, `totals`).
4. The total is net plus tax.

Amounts are `Decimal` throughout. Pages show them with separators; files for machines carry none.
"""
    hands.write("README.md", readme.rstrip("\n") + "\n" + section)


RECIPE = Recipe(
    name="totals-docs",
    can="say in the README how totals are made",
    wants=lambda line: has(line, "readme|document|docs|explain", "total"),
    look=("README.md", "app/invoices.py", "app/money.py"),
    apply=apply,
    commit="Say in the README how totals are made\n\nNew people keep asking.",
    main_file="README.md",
)
