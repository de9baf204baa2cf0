"""What tokens cost, as dated data and pure functions.

Standard list prices for short prompts, without batch, priority or regional factors: an estimate for budgets, not a
bill. A model that is not in the table has no price, and is shown as such; no price is ever guessed from a name.

Sources, as read on `AS_OF`: platform.claude.com/docs/en/about-claude/pricing, developers.openai.com/api/docs/pricing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

AS_OF = date(2026, 10, 24)

_MILLION = 1_000_000


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens.

    Attributes:
        input: prompt tokens that were not read from the vendor's cache.
        cached: prompt tokens that were.
        output: answer tokens, those of thinking included.
    """

    input: float
    cached: float
    output: float


PRICES: Mapping[str, Price] = {
    # Anthropic
    "claude-fable-5-1": Price(10.0, 0.25, 50.0),
    "claude-fable-5": Price(10.0, 1.0, 50.0),
    "claude-opus-5-5": Price(4.0, 0.20, 20.0),
    "claude-opus-5": Price(5.0, 0.50, 25.0),
    "claude-opus-4-8": Price(5.0, 0.50, 25.0),
    "claude-opus-4-7": Price(5.0, 0.50, 25.0),
    "claude-opus-4-6": Price(5.0, 0.50, 25.0),
    "claude-opus-4-5": Price(5.0, 0.50, 25.0),
    "claude-opus-4-1": Price(15.0, 1.50, 75.0),
    "claude-sonnet-5-5": Price(2.0, 0.10, 10.0),
    "claude-sonnet-5": Price(2.0, 0.20, 10.0),
    "claude-sonnet-4-6": Price(3.0, 0.30, 15.0),
    "claude-sonnet-4-5": Price(3.0, 0.30, 15.0),
    "claude-haiku-5-5": Price(0.10, 0.01, 0.50),
    "claude-haiku-4-5": Price(1.0, 0.10, 5.0),
    # OpenAI
    "gpt-6-astra": Price(10.0, 1.0, 50.0),
    "gpt-6-sol": Price(2.0, 0.20, 10.0),
    "gpt-6-luna": Price(0.10, 0.01, 0.50),
    "gpt-5.6-sol": Price(4.0, 0.40, 20.0),
    "gpt-5.6-terra": Price(2.0, 0.20, 12.0),
    "gpt-5.6-luna": Price(0.20, 0.02, 1.20),
    "gpt-5.5": Price(5.0, 0.50, 30.0),
    "gpt-5.4": Price(2.50, 0.25, 15.0),
    "gpt-5.4-mini": Price(0.75, 0.075, 4.50),
    "gpt-5.3-codex": Price(1.75, 0.175, 14.0),
    "gpt-5.2-codex": Price(1.75, 0.175, 14.0),
    "gpt-5.2": Price(1.75, 0.175, 14.0),
    "gpt-5-codex": Price(1.25, 0.125, 10.0),
    "gpt-5": Price(1.25, 0.125, 10.0),
    "gpt-5-mini": Price(0.25, 0.025, 2.0),
    "gpt-5-nano": Price(0.05, 0.005, 0.40),
}

#: What vendors and clients append to a name: a date, `-latest`, the size of the context window in brackets.
_SUFFIX = re.compile(r"(?:-latest|[-@]\d{4}-?\d{2}-?\d{2})?(?:\[\w+\])?$")


def price_of(model: str) -> Price | None:
    """The price of a model, by its name at the vendor; None when it is not known."""
    name = model.strip().lower().rpartition("/")[2]
    return PRICES.get(_SUFFIX.sub("", name))


def cost_usd(model: str, *, input: int, cached: int, output: int) -> float | None:
    """What tokens cost, in US dollars; None when the model's price is not known.

    Parameters:
        input: all prompt tokens, those read from the cache included.
        cached: of these, the ones read from the cache.
    """
    price = price_of(model)
    if price is None:
        return None
    fresh = max(input - cached, 0)
    return (fresh * price.input + cached * price.cached + output * price.output) / _MILLION
