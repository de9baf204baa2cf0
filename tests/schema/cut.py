"""Cut GitHub's public GraphQL schema down to what our queries touch: `python -m tests.schema.cut schema.graphql`.

The whole schema is octokit/graphql-schema's (MIT), 1.2 MB; the part is kept in `github.graphql` beside this file, and a
test holds every query against it. Run it again when a query asks for something new.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    build_schema,
    get_named_type,
    parse,
    specified_scalar_types,
    visit,
)

PART = Path(__file__).with_name("github.graphql")
QUERIES = Path(__file__).parents[2] / "integrations" / "github" / "queries"
_HEAD = "# What our queries touch of GitHub's public GraphQL schema (octokit/graphql-schema, MIT). Made by cut.py.\n\n"


class _Touched(Visitor):
    """Collects what a query uses: fields by type, and types by name."""

    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self._info = info
        self.fields: dict[str, set[str]] = defaultdict(set)
        self.types: set[str] = set()

    def enter_field(self, node: object, *_: object) -> None:
        parent, field = self._info.get_parent_type(), self._info.get_field_def()
        name = node.name.value  # type: ignore[attr-defined]  # a FieldNode
        if parent is None or field is None or name.startswith("__"):
            return
        self.fields[parent.name].add(name)
        self.types |= {parent.name, get_named_type(field.type).name}
        self.types |= {get_named_type(argument.type).name for argument in field.args.values()}

    def enter_inline_fragment(self, node: object, *_: object) -> None:
        self.types.add(node.type_condition.name.value)  # type: ignore[attr-defined]  # an InlineFragmentNode


def cut(schema: GraphQLSchema, queries: Iterable[str]) -> str:
    """The part of a schema that queries touch, as SDL."""
    info = TypeInfo(schema)
    touched = _Touched(info)
    for text in queries:
        visit(parse(text), TypeInfoVisitor(info, touched))
    kept = {name: schema.type_map[name] for name in sorted(touched.types) if name not in specified_scalar_types}
    return _HEAD + "\n\n".join(_printed(one, kept, touched.fields) for one in kept.values()) + "\n"


def _printed(one: GraphQLNamedType, kept: dict[str, GraphQLNamedType], fields: dict[str, set[str]]) -> str:
    if isinstance(one, GraphQLEnumType):
        return f"enum {one.name} {{\n" + "".join(f"  {value}\n" for value in sorted(one.values)) + "}"
    if isinstance(one, GraphQLUnionType):
        return f"union {one.name} = " + " | ".join(member.name for member in one.types if member.name in kept)
    if isinstance(one, GraphQLInputObjectType):
        plain = {name: field.type for name, field in one.fields.items() if _is_known(field.type, kept)}
        lines = [f"  {name}: {type_}\n" for name, type_ in sorted(plain.items())]
        return f"input {one.name} {{\n{''.join(lines)}}}" if lines else f"scalar {one.name}"
    if not isinstance(one, GraphQLObjectType | GraphQLInterfaceType):
        return f"scalar {one.name}"
    above = [face.name for face in one.interfaces if face.name in kept]
    wanted = set(fields[one.name]).union(*(fields[name] for name in above)) or {min(one.fields)}
    kind = "interface" if isinstance(one, GraphQLInterfaceType) else "type"
    implements = f" implements {' & '.join(above)}" if above else ""
    lines = [f"  {name}{_arguments(one, name, kept)}: {one.fields[name].type}\n" for name in sorted(wanted)]
    return f"{kind} {one.name}{implements} {{\n{''.join(lines)}}}"


def _arguments(one: GraphQLObjectType | GraphQLInterfaceType, name: str, kept: dict[str, GraphQLNamedType]) -> str:
    known = one.fields[name].args.items()
    shown = [f"{argument}: {value.type}" for argument, value in known if _is_known(value.type, kept)]
    return f"({', '.join(shown)})" if shown else ""


def _is_known(type_: GraphQLInputType, kept: dict[str, GraphQLNamedType]) -> bool:
    name = get_named_type(type_).name
    return name in kept or name in specified_scalar_types


def queries() -> dict[str, str]:
    """Every query that the product sends, by name."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(QUERIES.glob("*.graphql"))}


if __name__ == "__main__":
    whole = build_schema(Path(sys.argv[1]).read_text(encoding="utf-8"), assume_valid_sdl=True)
    PART.write_text(cut(whole, queries().values()), encoding="utf-8")
