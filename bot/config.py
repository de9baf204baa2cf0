"""Reading `waggle.toml`: the whole of it is checked, and every mistake is named with its line and its cure.

The file is read again when it changes. A bad edit changes nothing and is reported once.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bot.config_checks import cross_checks
from bot.config_schema import AGENT_FAMILIES, Document
from bot.problems import Problem, ProblemsError, nearest, one_of
from bot.toml_lines import index_lines, line_of
from scheduler.policy import (
    AttemptTimes,
    Budget,
    Capacity,
    Policy,
    RepositoryPolicy,
    RetryPolicy,
    ReviewPolicy,
    Route,
    SettleTimes,
)

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


def parse(text: str, name: str = "waggle.toml") -> Document:
    """Read and check a whole document.

    Parameters:
        name: how the file is called in problems.

    Raises:
        ProblemsError: holds every mistake, in the order of their lines.
    """
    raw, syntax, text = _read_toml(text, name)
    lines = index_lines(text) if raw is not None else {}
    found: list[tuple[int, Problem]] = [*syntax]
    document = Document()
    try:
        document = Document.model_validate_json(json.dumps(raw or {}, default=str), strict=True)
    except ValidationError as invalid:
        for error in invalid.errors(include_url=False, include_input=False):
            if syntax and error["type"] == "missing":
                continue  # it may stand on a line that could not be read
            line = line_of(lines, error["loc"])
            found.append((line, Problem(f"{name}:{line}", *_explain(error))))
    for path, what, cure in cross_checks(raw or {}) if not syntax else ():
        line = line_of(lines, path)
        found.append((line, Problem(f"{name}:{line}", what, cure)))
    if found:
        raise ProblemsError(name, [problem for _, problem in sorted(found, key=lambda pair: pair[0])])
    return document


def policy_of(document: Document, *, max_agents: int = 0) -> Policy:
    """The part of the document that the supervisor needs.

    Parameters:
        max_agents: the limit from the environment, which goes before the file's; 0 for none.
    """
    settle, times, capacity, retries = document.settle, document.times, document.capacity, document.retries
    return Policy(
        repositories=tuple(
            RepositoryPolicy(
                slug=one.slug,
                base_branch=one.base_branch,
                install=one.install,
                verify=one.verify,
                ui_paths=one.ui_paths,
                playground=one.playground,
                has_ci=one.ci,
            )
            for one in document.repository
        ),
        routes=tuple(
            (kind, tuple(Route(one.agent, one.model, one.why) for one in ranked))
            for kind, ranked in document.routes.items()
        ),
        agents_families=tuple(AGENT_FAMILIES.items()),
        retries=RetryPolicy(**retries.model_dump()),
        settle=SettleTimes(settle.ready, settle.review, settle.no_checks, settle.missing_checks),
        budget=Budget(**document.budget.model_dump()),
        capacity=Capacity(
            max_agents=max_agents or capacity.max_agents,
            agent_memory_bytes=capacity.agent_memory,
            reserve_bytes=capacity.reserve_memory,
            stagger_s=capacity.stagger,
        ),
        reviews=ReviewPolicy(document.reviews.families, document.reviews.small_lane_reviews),
        times=AttemptTimes(times.prepare, times.start, times.first_event, times.idle, times.run),
        approve_plans=document.waggle.approve_plans,
        question_deadline_s=document.waggle.question_deadline,
        age_step_s=document.waggle.age_step,
    )


@dataclass(frozen=True)
class Change:
    """What came of reading the file again."""

    ok: bool
    text: str  #: for a person


class ConfigFile:
    """The document in force, and the file that it is read from.

    Parameters:
        path: the file.
        max_agents: the limit from the environment, see `policy_of`.

    Raises:
        ProblemsError: the file cannot be used; there is no last good one at start.
    """

    def __init__(self, path: Path, *, max_agents: int = 0) -> None:
        self.path = path
        self._max_agents = max_agents
        self._seen = self._signature()
        self.document = parse(_text(path), str(path))
        self.policy = policy_of(self.document, max_agents=max_agents)

    def current_policy(self) -> Policy:
        return self.policy

    def refresh(self) -> Change | None:
        """Read the file again if it changed. None when it did not."""
        signature = self._signature()
        if signature == self._seen:
            return None
        self._seen = signature
        try:
            document = parse(_text(self.path), str(self.path))
        except ProblemsError as problem:
            return Change(False, f"{problem}\nThe last good version stays in force.")
        if document == self.document:
            return None
        self.document = document
        self.policy = policy_of(document, max_agents=self._max_agents)
        return Change(True, f"{self.path.name} was read again; its changes are in force.")

    def _signature(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        problem = Problem(str(path), "there is no such file", "Write it, or remove WAGGLE_CONFIG for the playground.")
    except UnicodeDecodeError as reason:
        problem = Problem(str(path), f"it is not UTF-8 text (byte {reason.start})", "Save it as UTF-8.")
    except OSError as reason:
        problem = Problem(str(path), f"it cannot be read ({reason.strerror})", "Mend its permissions.")
    raise ProblemsError(str(path), [problem])


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


def _explain(error: ErrorDetails) -> tuple[str, str]:
    key = str(error["loc"][-1]) if error["loc"] else ""
    context: Mapping[str, Any] = error.get("ctx", {})
    match error["type"]:
        case "waggle":
            return f"{key}: {context['what']}", context["cure"]
        case "extra_forbidden":
            known = _keys_at(error["loc"][:-1])
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


def _keys_at(path: tuple[str | int, ...]) -> list[str]:
    """The keys that the table at `path` may have."""
    model: type[BaseModel] = Document
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
