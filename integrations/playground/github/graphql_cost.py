"""What a query costs by GitHub's published formula, and the paging rules it is refused by. Works on the parsed text.

A connection with `first` or `last` costs one request for each parent it can have; the sum, divided by a hundred and
rounded, is the price, at least one point. `nodes(ids:)` counts as as many parents as there are ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    is_composite_type,
    value_from_ast_untyped,
)

from integrations.playground.github.refusal import Refused

MAX_PAGE = 100
MAX_NODES = 500_000
_LISTING = {"nodes", "edges"}


@dataclass(frozen=True)
class Price:
    points: int
    nodes: int


class _Walk:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._schema = schema
        self._variables = dict(variables)
        self._fragments = {
            part.name.value: part for part in document.definitions if isinstance(part, FragmentDefinitionNode)
        }
        self.requests = 0
        self.nodes = 0

    def selection(self, selected: SelectionSetNode, parent: GraphQLCompositeType, parents: int) -> None:
        for part in selected.selections:
            if isinstance(part, FieldNode):
                self._field(part, parent, parents)
            elif isinstance(part, InlineFragmentNode):
                self.selection(part.selection_set, self._narrowed(part.type_condition, parent), parents)
            elif isinstance(part, FragmentSpreadNode):
                fragment = self._fragments[part.name.value]
                self.selection(fragment.selection_set, self._narrowed(fragment.type_condition, parent), parents)

    def _narrowed(self, condition: Any, parent: GraphQLCompositeType) -> GraphQLCompositeType:
        found = self._schema.type_map.get(condition.name.value) if condition else parent
        return found if found is not None and is_composite_type(found) else parent

    def _field(self, field: FieldNode, parent: GraphQLCompositeType, parents: int) -> None:
        definition = getattr(parent, "fields", {}).get(field.name.value)
        if definition is None or field.selection_set is None:
            return
        named = get_named_type(definition.type)
        size = self._size(field, named.name)
        if field.name.value == "nodes" and parent is self._schema.query_type:
            self.nodes += size
        elif size and named.name.endswith("Connection"):
            self.requests += parents
            self.nodes += parents * size
        self.selection(field.selection_set, named, parents * (size or 1))

    def _size(self, field: FieldNode, type_name: str) -> int:
        given = {
            argument.name.value: value_from_ast_untyped(argument.value, self._variables)
            for argument in field.arguments or ()
        }
        if "ids" in given:
            count = len(given["ids"] or ())
            if count > MAX_PAGE:
                raise Refused(
                    422,
                    f"You may not provide more than {MAX_PAGE} node ids; you provided {count}.",
                    kind="ARGUMENT_LIMIT",
                )
            return count
        size = next((given[name] for name in ("first", "last") if given.get(name) is not None), 0)
        if size > MAX_PAGE or size < 0:
            name = field.name.value
            message = (
                f"Requesting {size} records on the `{name}` connection exceeds the `first` limit of {MAX_PAGE} records."
            )
            raise Refused(422, message, kind="EXCESSIVE_PAGINATION")
        if not size and type_name.endswith("Connection") and self._lists(field):
            message = (
                f"You must provide a `first` or `last` value to properly paginate the `{field.name.value}` connection."
            )
            raise Refused(422, message, kind="MISSING_PAGINATION_BOUNDARIES")
        return int(size)

    def _lists(self, field: FieldNode) -> bool:
        assert field.selection_set is not None
        return any(
            isinstance(part, FieldNode) and part.name.value in _LISTING for part in field.selection_set.selections
        )


def price(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> Price:
    """The price of one operation of a valid document.

    Raises:
        Refused: it pages wrongly, or could return more than half a million nodes.
    """
    walk = _Walk(schema, document, variables)
    root = schema.get_root_type(operation.operation)
    assert root is not None
    walk.selection(operation.selection_set, root, 1)
    if walk.nodes > MAX_NODES:
        raise Refused(
            422, f"This query requests up to {walk.nodes:,} possible nodes which exceeds the maximum limit of 500,000.",
            kind="MAX_NODE_LIMIT_EXCEEDED",
        )  # fmt: skip
    if operation.operation is OperationType.MUTATION:
        return Price(1, walk.nodes)
    return Price(max(1, round(walk.requests / 100)), walk.nodes)
