"""Every query is valid against GitHub's own schema (the part of it that they touch)."""

from __future__ import annotations

import pytest
from graphql import build_schema, parse, validate

from tests.schema.cut import PART, queries

SCHEMA = build_schema(PART.read_text(encoding="utf-8"), assume_valid=True)


@pytest.mark.parametrize("name", queries())
def test_a_query_is_valid_against_github_s_schema(name: str) -> None:
    assert validate(SCHEMA, parse(queries()[name])) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("headRefOid", "headOid"),
        ("number: $number", 'number: "seven"'),
        ("... on ClosedEvent", "... on Issue"),
        ("isDraft", "draft"),
    ],
)
def test_what_github_does_not_know_is_noticed(right: str, wrong: str) -> None:
    changed = [text.replace(right, wrong) for text in queries().values() if right in text]
    assert changed
    assert all(validate(SCHEMA, parse(text)) for text in changed)
