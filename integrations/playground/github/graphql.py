"""The GraphQL API at `/github/api/graphql`: graphql-core executes the needed part of GitHub's own schema."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from aiohttp import web
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLAbstractType,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    execute,
    get_operation_ast,
    is_abstract_type,
    parse,
    validate,
)

from integrations.playground.github import graphql_checks, graphql_mutations, graphql_pulls, graphql_repository
from integrations.playground.github.doorway import Answer, Call, Doorway
from integrations.playground.github.graphql_cost import Price, price
from integrations.playground.github.graphql_values import Asking, kind_of
from integrations.playground.github.limits import GRAPHQL
from integrations.playground.github.refusal import Refused
from integrations.playground.github.world import GitHubWorld

PATH = "/github/api/graphql"
_SDL = Path(__file__).with_name("schema.graphql")
_FIELDS: dict[str, dict[str, Any]] = {
    **graphql_repository.FIELDS,
    **graphql_pulls.FIELDS,
    **graphql_checks.FIELDS,
    **graphql_mutations.FIELDS,
}
_UPPER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BROKEN = "Something went wrong while executing your query."


def _default(source: Any, info: GraphQLResolveInfo[Any], **_: Any) -> Any:
    if isinstance(source, Mapping):
        return source.get(info.field_name)
    return getattr(source, _UPPER.sub("_", info.field_name).lower())


@lru_cache(maxsize=1)
def schema() -> GraphQLSchema:
    """GitHub's schema as far as it is needed, with our resolvers in it."""
    built = build_schema(_SDL.read_text(encoding="utf-8"))
    for name, kind in built.type_map.items():
        if name.startswith("__"):
            continue
        if is_abstract_type(kind):
            abstract: GraphQLAbstractType = kind
            abstract.resolve_type = kind_of
        elif isinstance(kind, GraphQLObjectType):
            resolvers = _FIELDS.get(name, {})
            for field_name, field in kind.fields.items():
                field.resolve = resolvers.get(field_name, _default)
    return built


@lru_cache(maxsize=256)
def _read(text: str) -> tuple[DocumentNode, tuple[GraphQLError, ...]]:
    document = parse(text)
    return document, tuple(validate(schema(), document))


class GraphQLCalls:
    def __init__(self, world: GitHubWorld) -> None:
        self._world = world

    async def query(self, call: Call) -> Answer:
        text, variables = call.body.get("query"), call.body.get("variables") or {}
        if not isinstance(text, str) or not isinstance(variables, dict):
            raise Refused(400, "A query attribute must be specified and must be a string.")
        try:
            document, mistakes = _read(text)
        except GraphQLError as error:
            return _errors([error])
        if mistakes:
            return _errors(list(mistakes))
        operation = get_operation_ast(document, call.body.get("operationName"))
        if operation is None:
            return _errors([GraphQLError("An operation name is required")])
        return await self._execute(call, document, operation, variables)

    async def _execute(
        self, call: Call, document: DocumentNode, operation: OperationDefinitionNode, variables: dict[str, Any]
    ) -> Answer:
        try:
            cost = price(schema(), document, operation, variables)
        except Refused as refused:
            return _errors([GraphQLError(refused.message, extensions={"type": refused.kind})])
        self._world.limits.spend(GRAPHQL, cost.points)
        result = await self._run(call, document, operation, variables, cost)
        data, errors = result.data, [_as_json(error) for error in result.errors or ()]
        if call.fault is not None and call.fault.answer == "partial" and data is not None:
            errors += _lose_half(data)
        body: dict[str, Any] = {"data": data} if data is not None or not errors else {}
        if errors:
            body["errors"] = errors
        return Answer(body)

    async def _run(
        self,
        call: Call,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: dict[str, Any],
        cost: Price,
    ) -> ExecutionResult:
        result = execute(
            schema(),
            document,
            context_value=Asking(self._world, call.actor, cost.points, cost.nodes, call.fault),
            variable_values=variables,
            operation_name=operation.name.value if operation.name else None,
        )
        if inspect.isawaitable(result):
            return await result
        return result


def _errors(errors: list[GraphQLError]) -> Answer:
    """GitHub answers 200 also when a query cannot even be read."""
    return Answer({"errors": [_as_json(error) for error in errors]})


def _as_json(error: GraphQLError) -> dict[str, Any]:
    shape: dict[str, Any] = dict(error.formatted)
    extensions = shape.pop("extensions", {})
    cause = error.original_error
    kind = extensions.get("type")
    if isinstance(cause, Refused):
        kind = cause.kind
        shape["message"] = ", ".join(map(_sentence, cause.errors)) or cause.message
    return {"type": kind, **shape} if kind else shape


def _sentence(entry: Mapping[str, object] | str) -> str:
    return entry if isinstance(entry, str) else str(entry.get("message", ""))


def _lose_half(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Null every second of the nodes, or everything else that was asked for, as GitHub's timeouts do."""
    lost: list[list[str | int]] = []
    for name, value in data.items():
        if name == "rateLimit":
            continue
        if isinstance(value, list):
            for position in range(0, len(value), 2):
                value[position] = None
                lost.append([name, position])
        else:
            lost.append([name])
    for path in lost:
        if len(path) == 1:
            data[str(path[0])] = None
    return [{"message": _BROKEN, "path": path} for path in lost]


def add_routes(app: web.Application, doorway: Doorway, world: GitHubWorld) -> None:
    app.router.add_post(PATH, doorway.graphql(GraphQLCalls(world).query))
