"""Every query is valid against GitHub's own schema (the part of it that they touch)."""

from __future__ import annotations

import pytest
from graphql import (
    FieldNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    build_schema,
    parse,
    validate,
)

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


def asked(selected: SelectionSetNode, above: str = "") -> set[str]:
    """The paths of all fields that are asked for."""
    paths = set()
    for part in selected.selections:
        here = above
        if isinstance(part, FieldNode):
            here = f"{above}/{part.name.value}"
            paths.add(here)
        elif isinstance(part, InlineFragmentNode) and part.type_condition is not None and above:
            here = f"{above}:{part.type_condition.name.value}"
        paths |= asked(part.selection_set, here) if getattr(part, "selection_set", None) else set()
    return paths


def pull_request(name: str) -> set[str]:
    (query,) = parse(queries()[name]).definitions
    assert isinstance(query, OperationDefinitionNode)
    marks = ("/repository/pullRequest/", "/nodes:PullRequest/")
    return {path.split(mark, 1)[1] for path in asked(query.selection_set) for mark in marks if mark in path}


def test_many_at_once_are_asked_what_one_alone_is_asked() -> None:
    """What one query knows and the other does not would come and go with the trouble of a pull request."""
    medium, detail = pull_request("medium"), pull_request("detail")
    dear = ("reviewThreads/", "baseRef/target")
    assert medium - detail == {"reviewThreads/totalCount", "repository", "repository/isPrivate"}
    assert {path for path in detail - medium if not path.startswith(dear)} == {
        "statusCheckRollup/contexts/nodes:CheckRun/isRequired",
        "statusCheckRollup/contexts/nodes:StatusContext/isRequired",
    }
