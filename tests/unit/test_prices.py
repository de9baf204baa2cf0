"""Prices are data with a date; what is not in the table has no price."""

from __future__ import annotations

from datetime import date

import pytest

from integrations.prices import AS_OF, PRICES, cost_usd, price_of


@pytest.mark.parametrize(
    "name",
    [
        "claude-sonnet-5-5",
        "claude-sonnet-5-5-20260910",
        "claude-sonnet-5-5-latest",
        "claude-sonnet-5-5[1m]",
        "x/claude-sonnet-5-5",
    ],
)
def test_a_model_is_known_by_its_dated_names_too(name: str) -> None:
    assert price_of(name) is PRICES["claude-sonnet-5-5"]


@pytest.mark.parametrize(
    "name", ["", "rules", "claude-sonnet-9", "gpt-5-turbo", "gpt-6.1-sol", "claude-sonnet-5-5-mini"]
)
def test_an_unknown_model_has_no_price_and_none_is_guessed(name: str) -> None:
    assert price_of(name) is None
    assert cost_usd(name, input=1_000_000, cached=0, output=1) is None


def test_cached_tokens_are_part_of_the_prompt_and_cheaper() -> None:
    whole = cost_usd("gpt-6-sol", input=1_000_000, cached=0, output=100_000)
    cached = cost_usd("gpt-6-sol", input=1_000_000, cached=1_000_000, output=100_000)
    assert whole == pytest.approx(2.0 + 1.0)
    assert cached == pytest.approx(0.2 + 1.0)


def test_every_price_is_plausible_and_the_table_is_dated() -> None:
    assert date(2026, 1, 1) < AS_OF
    for price in PRICES.values():
        assert 0 < price.cached < price.input < price.output <= 100
