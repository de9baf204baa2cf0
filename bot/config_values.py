"""The kinds of values that stand in `waggle.toml`: how each is written, and what is wrong with one that is not."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from bot.problems import wrong
from integrations.engines.environment import FORBIDDEN
from integrations.git.places import is_slug

REVIEWING = ("anthropic", "openai")  #: model families that can review

_SPAN = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>MB|MiB|GB|GiB)")
_BYTES = {"MB": 10**6, "MiB": 2**20, "GB": 10**9, "GiB": 2**30}


def _span(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise wrong("it is not a span of time", 'Write it like "90s", "10m" or "24h".')
    if isinstance(value, str):
        found = _SPAN.fullmatch(value.strip())
        if found is None:
            raise wrong(f"`{value}` is not a span of time", 'Write it like "90s", "10m" or "24h".')
        return float(found["number"]) * _SECONDS[found["unit"]]
    return float(value)


def _size(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise wrong("it is not a size", 'Write it like "500MiB" or "3GiB".')
    if isinstance(value, str):
        found = _SIZE.fullmatch(value.strip())
        if found is None:
            raise wrong(f"`{value}` is not a size", 'Write it like "500MiB" or "3GiB".')
        return int(float(found["number"]) * _BYTES[found["unit"]])
    return value


def _slug(value: str) -> str:
    if not is_slug(value):
        raise wrong(f"`{value}` is not a repository's name", "Write owner/name, as GitHub shows it.")
    return value


def _channel(value: str) -> str:
    if not re.fullmatch(r"[CGD][A-Z0-9]{4,}", value):
        raise wrong(
            f"`{value}` is not a channel's id",
            "In Slack, open the channel's details; the id (C…) stands at the end of About.",
        )
    return value


def _user(value: str) -> str:
    if not re.fullmatch(r"[UW][A-Z0-9]{3,}", value):
        raise wrong(
            f"`{value}` is not a user's id", "In Slack, open the person's profile, then ⋮ and Copy member ID (U…)."
        )
    return value


def _model(value: str) -> str:
    family, _, name = value.partition(":")
    if family not in REVIEWING or not name:
        raise wrong(f"`{value}` names no model", 'Write "anthropic:MODEL" or "openai:MODEL".')
    return value


def _host_name(value: str) -> str:
    if not re.fullmatch(r"(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?", value):
        raise wrong(f"`{value}` is not a host's name", 'Write it like "pypi.org", "*.npmjs.org" or "localhost:8080".')
    return value


def _absolute(value: str) -> str:
    if not value.startswith("/"):
        raise wrong(f"`{value}` is not an absolute path", "Write it from the root, like /opt/tools.")
    return value


def _included(value: str) -> str:
    parts = value.split("/")
    if not value.isprintable() or any(part in {"", ".", ".."} or part.lower() == ".git" for part in parts):
        raise wrong(f"`{value}` is no file of a workspace", 'Write it from the root of the repository, like ".env".')
    return value


def _ports(value: Any) -> Any:
    found = re.fullmatch(r"(\d{4,5})\s*-\s*(\d{4,5})", value.strip()) if isinstance(value, str) else None
    first, last = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1024 <= first <= last <= 65535:
        raise wrong(f"`{value}` is no range of ports", 'Write it like "20000-29999", with ports from 1024 to 65535.')
    return first, last


def _agent_name(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", value):
        raise wrong(f"`{value}` is not a name for an agent", "Write small letters, digits and hyphens.")
    return value


def _variable(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        raise wrong(
            f"`{value[:12]}…` is not the name of an environment variable",
            "Write the variable's name here, and its value into the environment or `.env`: no secret stands in this"
            " file.",
        )
    if FORBIDDEN.fullmatch(value):
        raise wrong(
            f"`{value}` is never given to an agent", "Remove it: Waggle itself pushes, posts and reads trackers."
        )
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value, re.MULTILINE)
    except re.error as problem:
        raise wrong(
            f"`{value}` is not a regular expression ({problem})",
            "Mend it; in TOML, 'single quotes' keep backslashes as they are.",
        ) from problem
    return value


Span = Annotated[float, BeforeValidator(_span), Field(ge=0)]
Size = Annotated[int, BeforeValidator(_size), Field(ge=0)]
PortRange = Annotated[tuple[int, int], BeforeValidator(_ports)]
Slug = Annotated[str, AfterValidator(_slug)]
ChannelId = Annotated[str, AfterValidator(_channel)]
UserId = Annotated[str, AfterValidator(_user)]
ModelName = Annotated[str, AfterValidator(_model)]
HostName = Annotated[str, AfterValidator(_host_name)]
AbsolutePath = Annotated[str, AfterValidator(_absolute)]
Name = Annotated[str, Field(min_length=1)]
IncludedFile = Annotated[str, AfterValidator(_included)]
AgentName = Annotated[str, AfterValidator(_agent_name)]
Variable = Annotated[str, AfterValidator(_variable)]
Pattern = Annotated[str, AfterValidator(_pattern)]
