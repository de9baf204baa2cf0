"""Every job, in the order in which `--list` names them."""

from __future__ import annotations

from integrations.playground.scripted.recipes import (
    Recipe,
    corrections,
    csv_export,
    customer_import,
    dates_docs,
    striped_tables,
    totals_docs,
)

RECIPES: tuple[Recipe, ...] = (
    csv_export.RECIPE,
    striped_tables.RECIPE,
    corrections.ROUNDING,
    corrections.OVERDUE,
    corrections.SEARCH,
    totals_docs.RECIPE,
    dates_docs.RECIPE,
    customer_import.RECIPE,
    corrections.INVOICE_ID,
)
BY_NAME = {recipe.name: recipe for recipe in RECIPES}


def abilities() -> str:
    return "\n".join(f"- {recipe.can}" for recipe in RECIPES)
