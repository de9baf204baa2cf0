"""Holding JSON against limits and collecting what is wrong, in the words and pointers that Slack uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Rule = Callable[["Findings", Any, str], None]


class Findings:
    """What is wrong so far."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def add(self, what: str, pointer: str) -> None:
        self.messages.append(f"[ERROR] {what} [json-pointer:{pointer}]")

    def fields(self, value: Any, pointer: str, needed: Mapping[str, Rule], allowed: Mapping[str, Rule]) -> bool:
        """Check an object's fields. False when it is no object at all."""
        if not isinstance(value, Mapping):
            self.add("must provide an object", pointer)
            return False
        for name in needed:
            if value.get(name) is None:
                self.add(f"missing required field: {name}", pointer)
        for name, found in value.items():
            rule = needed.get(name) or allowed.get(name)
            if rule is None:
                self.add(f"invalid additional property: {name}", pointer)
            elif found is not None:
                rule(self, found, f"{pointer}/{name}")
        return True


def string(limit: int, least: int = 0) -> Rule:
    """A string of at most `limit` characters."""

    def check(findings: Findings, value: Any, pointer: str) -> None:
        if not isinstance(value, str):
            findings.add("must provide a string", pointer)
        elif len(value) > limit:
            findings.add(f"must be less than {limit + 1} characters", pointer)
        elif len(value) < least:
            findings.add(f"must be more than {least - 1} characters", pointer)

    return check


def one_of(*values: str) -> Rule:
    def check(findings: Findings, value: Any, pointer: str) -> None:
        if value not in values:
            findings.add(f"unsupported value: {value} (allowed: {', '.join(values)})", pointer)

    return check


def flag(findings: Findings, value: Any, pointer: str) -> None:
    if not isinstance(value, bool):
        findings.add("must be a boolean", pointer)


def number(findings: Findings, value: Any, pointer: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        findings.add("must be a number", pointer)


def anything(findings: Findings, value: Any, pointer: str) -> None:
    """Not looked at."""


def web_address(findings: Findings, value: Any, pointer: str) -> None:
    string(3000, 1)(findings, value, pointer)
    if isinstance(value, str) and not value.startswith(("http://", "https://")):
        findings.add("must be a valid URL", pointer)


def items(rule: Rule, most: int, least: int = 1) -> Rule:
    """A list of `least` to `most` items, each under a rule."""

    def check(findings: Findings, value: Any, pointer: str) -> None:
        if not isinstance(value, list):
            findings.add("must provide an array", pointer)
            return
        if len(value) > most:
            findings.add(f"no more than {most} items allowed", pointer)
        if len(value) < least:
            findings.add(f"no fewer than {least} items allowed", pointer)
        for position, one in enumerate(value):
            rule(findings, one, f"{pointer}/{position}")

    return check


def record(needed: Mapping[str, Rule], allowed: Mapping[str, Rule] | None = None) -> Rule:
    """An object with these fields and no others."""

    def check(findings: Findings, value: Any, pointer: str) -> None:
        findings.fields(value, pointer, needed, allowed or {})

    return check


def by_type(kinds: Mapping[str, Rule]) -> Rule:
    """An object whose `type` says which rule it is under."""

    def check(findings: Findings, value: Any, pointer: str) -> None:
        kind = value.get("type") if isinstance(value, Mapping) else None
        if not isinstance(kind, str):
            findings.add("missing required field: type", pointer)
        elif kind not in kinds:
            findings.add(f"unsupported type: {kind}", f"{pointer}/type")
        else:
            kinds[kind](findings, value, pointer)

    return check
