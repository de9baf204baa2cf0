"""Amounts of money: Decimal with two places, never float."""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

CENT = Decimal("0.01")


def parse(text: str) -> Decimal:
    """An amount as people type it: "1,250.00", "1250", "12.5".

    Raises:
        ValueError: it is not an amount.
    """
    try:
        return to_cents(Decimal(text.strip().replace(",", "")))
    except InvalidOperation:
        raise ValueError(f"not an amount: {text!r}") from None


def to_cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def tax_on(net: Decimal, rate: Decimal) -> Decimal:
    """Tax on a net amount; `rate` is in percent."""
    return to_cents(net * rate / 100)


def show(amount: Decimal) -> str:
    """An amount as pages show it: 1,250.00."""
    return f"{amount:,.2f}"
