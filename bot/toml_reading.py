"""Reading a TOML document against its schema: every mistake at once, each with its line and its cure."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bot.problems import Problem, ProblemsError, nearest, one_of
from bot.toml_lines import index_lines, line_of

M = TypeVar("M", bound=BaseModel)
Found = tuple[tuple[str | int, ...], str, str]
CrossChecks = Callable[[Mapping[str, Any]], Iterable[Found]]

_MOST_SYNTAX_ERRORS = 20
_SYNTAX_PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")
_TYPES = {
    "string_type": ("text is wanted here", "Put it in quotes."),
    "int_type": ("a whole number is wanted here", "Write it without quotes and without a point."),
    "int_from_float": ("a whole number is wanted here", "Write it without a point."),
    "float_type": ("a number is wanted here", "Write it without quotes."),
    "bool_type": ("true or false is wanted here", "Write it without quotes."),
    "tuple_type": ("a list is wanted here", 'Write it in brackets, like ["…", "…"].'),
    "model_type": ("a table is wanted here", "Write it as a table: [name], or [[name]] for one of several."),
    "model_attributes_type": ("a table is wanted here", "Write it as a table: [name], or [[name]] for one of several."),
    "missing": ("it is missing", "Add it."),
}


def read_document(text: str, name: str, schema: type[M], cross_checks: CrossChecks) -> M:
    """The document in `text`.

    Parameters:
        name: how the file is called in problems.
        schema: what may stand in it; its defaults must make a valid document.
        cross_checks: finds, in the raw document, mistakes that no single key shows: path, mistake and cure. A key
            that it objects to is not reported a second time as unknown.

    Raises:
        ProblemsError: holds every mistake, in the order of their lines.
    """
    raw, syntax, text = _read_toml(text, name)
    lines = index_lines(text) if raw is not None else {}
    found: list[tuple[int, Problem]] = [*syntax]
    objections = list(cross_checks(raw or {})) if not syntax else []
    objected = {path for path, _, _ in objections}
    document = schema()
    try:
        document = schema.model_validate_json(json.dumps(raw or {}, default=str), strict=True)
    except ValidationError as invalid:
        for error in invalid.errors(include_url=False, include_input=False):
            if syntax and error["type"] == "missing":
                continue  # it may stand on a line that could not be read
            if error["type"] == "extra_forbidden" and error["loc"] in objected:
                continue
            line = line_of(lines, error["loc"])
            found.append((line, Problem(f"{name}:{line}", *_explain(error, schema))))
    for path, what, cure in objections:
        line = line_of(lines, path)
        found.append((line, Problem(f"{name}:{line}", what, cure)))
    if found:
        raise ProblemsError(name, [problem for _, problem in sorted(found, key=lambda pair: pair[0])])
    return document


def _read_toml(text: str, name: str) -> tuple[dict[str, Any] | None, list[tuple[int, Problem]], str]:
    """The values, the mistakes of syntax, and the text that could be read.

    The parser stops at the first mistake. Its line is taken out and the rest is read, so that all are named.
    """
    rows = text.replace("\r\n", "\n").split("\n")
    found: list[tuple[int, Problem]] = []
    for _ in range(_MOST_SYNTAX_ERRORS):
        try:
            return tomllib.loads("\n".join(rows)), found, "\n".join(rows)
        except tomllib.TOMLDecodeError as reason:
            place = _SYNTAX_PLACE.search(str(reason))
            line = int(place["line"]) if place and place["line"] else len(rows)
            what = _SYNTAX_PLACE.sub("", str(reason))
            shown = rows[line - 1].strip()[:60]
            if any(line == earlier for earlier, _ in found):
                return None, found, ""
            found.append(
                (line, Problem(f"{name}:{line}", f"this is not TOML ({_lower(what)}): `{shown}`", _cure(shown)))
            )
            rows[line - 1] = ""
    return None, found, ""


def _cure(row: str) -> str:
    key, equals, value = row.partition("=")
    if value.strip().lower() in {"yes", "no", "on", "off", "true", "false"}:
        return f"Write {key.strip()} = true or {key.strip()} = false, in small letters."
    if equals and value.strip() and value.strip()[0].isalpha() and value.strip() not in {"true", "false"}:
        return f'Put the text in quotes: {key.strip()} = "{value.strip()}".'
    if not equals and not row.startswith("["):
        return "Write key = value."
    return "The rules of TOML stand at https://toml.io."


def _explain(error: ErrorDetails, schema: type[BaseModel]) -> tuple[str, str]:
    key = str(error["loc"][-1]) if error["loc"] else ""
    context: Mapping[str, Any] = error.get("ctx", {})
    match error["type"]:
        case "waggle":
            return f"{key}: {context['what']}", context["cure"]
        case "extra_forbidden":
            known = _keys_at(schema, error["loc"][:-1])
            meant = nearest(key, known)
            return f"`{key}` is not known here", f"Did you mean `{meant}`?" if meant else f"Known: {one_of(known)}."
        case "literal_error":
            return f"{key}: that is not one of the choices", f"Write {context['expected']}."
        case "missing":
            return f"`{key}` is missing", f"Add {key} = … to this table."
        case kind if kind in _TYPES:
            what, cure = _TYPES[kind]
            return f"{key}: {what}", cure
        case _:
            return f"{key}: {_lower(error['msg'])}", "Mend the value."


def _keys_at(schema: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """The keys that the table at `path` may have."""
    model = schema
    for part in path:
        if isinstance(part, str):
            model = next(_models_in(model.model_fields[part].annotation), model)
    return list(model.model_fields)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
