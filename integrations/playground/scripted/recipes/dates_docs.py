"""A section of the README that says how dates are written."""

from __future__ import annotations

from integrations.playground.scripted.hands import Hands
from integrations.playground.scripted.recipes import Brief, Recipe, has

HEADING = "## How dates are written"
SECTION = f"""
{HEADING}

Dates are `YYYY-MM-DD` everywhere: in the database, in files and on the pages. There are no times and no time zones:
an invoice is due on a day, wherever its customer lives.
"""


def apply(hands: Hands, brief: Brief) -> None:
    readme = hands.text("README.md")
    if HEADING not in readme:
        hands.write("README.md", readme.rstrip("\n") + "\n" + SECTION)


RECIPE = Recipe(
    name="dates-docs",
    can="say in the README how dates are written",
    wants=lambda line: has(line, "readme|document|docs|explain", "dates?\\b") and not has(line, "due|overdue"),
    look=("README.md", "app/invoices.py"),
    apply=apply,
    commit="Say in the README how dates are written\n\nPeople who import files keep asking.",
    main_file="README.md",
)
