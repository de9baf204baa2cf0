"""The arguments of one Web API call, whichever of Slack's encodings they came in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from integrations.playground.slack.refusal import Refused
from integrations.playground.slack.store import Json

_JSON_FIELDS = {"blocks", "attachments", "view", "metadata", "files"}


@dataclass(frozen=True)
class Arguments:
    """Values as they came; readers below turn them into what a method wants, or refuse the call."""

    values: Mapping[str, Any]

    def text(self, name: str, default: str = "") -> str:
        value = self.values.get(name)
        if value is None:
            return default
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, str | int | float):
            raise Refused("invalid_arguments", messages=(f"[ERROR] {name} is not a string",))
        return str(value)

    def needed(self, name: str, error: str = "invalid_arguments") -> str:
        value = self.text(name)
        if not value:
            raise Refused(error, messages=(f"[ERROR] missing required field: {name}",))
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.values.get(name)
        return default if value is None else str(value).lower() in ("true", "1")

    def number(self, name: str, default: int) -> int:
        try:
            return int(self.text(name) or default)
        except ValueError:
            raise Refused("invalid_arguments", messages=(f"[ERROR] {name} is not a number",)) from None

    def given(self, name: str) -> bool:
        return self.values.get(name) is not None

    def names(self, name: str) -> list[str]:
        """A list, or a string with commas."""
        value = self.values.get(name)
        if isinstance(value, list):
            return [str(one) for one in value]
        return [one.strip() for one in self.text(name).split(",") if one.strip()]

    def data(self, name: str, error: str) -> Any:
        """A field that holds JSON, in a form field or as it is; None when it is missing or empty.

        Raises:
            Refused: with `error`, when it cannot be read.
        """
        value = self.values.get(name)
        if isinstance(value, str):
            if not value.strip():
                return None
            try:
                return json.loads(value)
            except ValueError:
                raise Refused(error) from None
        return value

    def for_log(self) -> Json:
        """Everything but the token, with JSON fields opened."""
        shown: Json = {}
        for name, value in self.values.items():
            if name == "token":
                continue
            shown[name] = value
            if name in _JSON_FIELDS and isinstance(value, str):
                try:
                    shown[name] = json.loads(value)
                except ValueError:
                    shown[name] = value
        return shown


async def read(request: web.Request) -> Arguments:
    """The arguments in the address and in the body.

    Raises:
        Refused: the body is not what its type says.
    """
    values: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        raw = await request.text()
        try:
            body = json.loads(raw) if raw.strip() else {}
        except ValueError:
            raise Refused("invalid_json") from None
        if not isinstance(body, dict):
            raise Refused("json_not_object")
        values |= body
    elif request.can_read_body:
        values |= {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    return Arguments(values)
