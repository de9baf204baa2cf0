"""Mistakes in `waggle.toml` that no single key shows: names used twice, names that nothing has, limits that contradict.

They are looked for in the raw document, so that they are found beside the mistakes of single keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bot.config_agents import agent_checks, agent_names
from bot.config_discovery import discovery_checks
from bot.config_schema import KINDS, SIZES, Budgets, Reviews
from bot.config_values import REVIEWING
from bot.problems import nearest, one_of
from bot.toml_reading import Found
from integrations.github import known_bots


def cross_checks(raw: Mapping[str, Any]) -> Iterator[Found]:
    """Yield the path, the mistake and its cure."""
    yield from _twice(raw, "repository", "slug")
    yield from _twice(raw, "channel", "id")
    yield from _twice(raw, "agent", "name")
    yield from _twice(raw, "reviewer", "name")
    yield from _twice(raw, "review_bot", "name")
    yield from _included(raw)
    yield from _channels(raw)
    yield from agent_checks(raw)
    yield from _routes(raw)
    yield from _reviewers(raw)
    yield from _review_bots(raw)
    yield from _budget(raw)
    yield from _isolation(raw)
    yield from discovery_checks(raw)


def _tables(raw: Mapping[str, Any], name: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    tables = raw.get(name)
    for index, table in enumerate(tables if isinstance(tables, list) else ()):
        if isinstance(table, dict):
            yield index, table


def _names(raw: Mapping[str, Any], table: str, key: str) -> list[str]:
    return [one[key] for _, one in _tables(raw, table) if isinstance(one.get(key), str)]


def _table(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = raw.get(name)
    return table if isinstance(table, dict) else {}


def _twice(raw: Mapping[str, Any], name: str, key: str) -> Iterator[Found]:
    seen: set[str] = set()
    for index, table in _tables(raw, name):
        value = table.get(key)
        if not isinstance(value, str):
            continue
        if value.lower() in seen:
            yield (name, index, key), f"the {name} `{value}` stands here a second time", "Keep one of the two."
        seen.add(value.lower())


def _unknown(word: str, known: list[str], what: str) -> tuple[str, str]:
    meant = nearest(word, known)
    if meant:
        return f"there is no {what} `{word}`", f"Did you mean `{meant}`?"
    return f"there is no {what} `{word}`", f"Known: {one_of(known)}." if known else f"Add a [[{what}]] of that name."


def _included(raw: Mapping[str, Any]) -> Iterator[Found]:
    for index, table in _tables(raw, "repository"):
        if table.get("include") and not table.get("include_from"):
            yield (
                ("repository", index, "include"),
                "nothing says where these files are copied from",
                'Add include_from = "/path/of/the/directory" that holds them.',
            )


def _channels(raw: Mapping[str, Any]) -> Iterator[Found]:
    slugs = _names(raw, "repository", "slug")
    for index, channel in _tables(raw, "channel"):
        slug = channel.get("repository")
        if isinstance(slug, str) and slug and slug not in slugs:
            yield ("channel", index, "repository"), *_unknown(slug, slugs, "repository")


def _routes(raw: Mapping[str, Any]) -> Iterator[Found]:
    known = sorted(agent_names(raw))
    real = [str(one.get("slug")) for _, one in _tables(raw, "repository") if one.get("playground") is not True]
    kinds = ["default", *KINDS, *(f"{kind}/{size}" for kind in KINDS for size in SIZES)]
    for kind, ranked in _table(raw, "routes").items():
        if kind not in kinds:
            meant = nearest(kind, kinds)
            cure = (
                f"Did you mean `{meant}`?" if meant else f"Write {one_of(kinds[: len(KINDS) + 1])}, or one with /size."
            )
            yield ("routes", kind), f"`{kind}` is no kind of task", cure
        for index, route in enumerate(ranked if isinstance(ranked, list) else ()):
            agent = route.get("agent") if isinstance(route, dict) else None
            if isinstance(agent, str) and agent not in known:
                yield ("routes", kind, index, "agent"), *_unknown(agent, known, "agent")
            elif agent == "scripted" and real:
                yield (
                    ("routes", kind, index, "agent"),
                    f"the scripted agent works on playground repositories only, and {real[0]} is none",
                    'Route to "claude-code".',
                )


def _reviewers(raw: Mapping[str, Any]) -> Iterator[Found]:
    families = {name for name in _names(raw, "reviewer", "family") if name in REVIEWING}
    wanted = _table(raw, "reviews").get("families", Reviews().families)
    if families and isinstance(wanted, int) and wanted > len(families):
        yield (
            ("reviews", "families") if "families" in _table(raw, "reviews") else ("reviewer", 0, "family"),
            f"{wanted} model families must approve, and the reviewers are of {len(families)}",
            "Add a [[reviewer]] of another family, or set families = 1 under [reviews].",
        )


def _review_bots(raw: Mapping[str, Any]) -> Iterator[Found]:
    known = [bot.name for bot in known_bots()]
    for index, entry in _tables(raw, "review_bot"):
        name = entry.get("name")
        if isinstance(name, str) and not entry.get("logins") and name.lower() not in {one.lower() for one in known}:
            cure = f'Give logins = ["…"], the account under which it reviews. Known without: {one_of(known)}.'
            yield ("review_bot", index, "name"), f"nobody knows under which account `{name}` reviews", cure


def _budget(raw: Mapping[str, Any]) -> Iterator[Found]:
    table = _table(raw, "budget")
    for unit in ("usd", "tokens"):
        attempt = table.get(f"attempt_{unit}", Budgets.model_fields[f"attempt_{unit}"].default)
        task = table.get(f"task_{unit}", Budgets.model_fields[f"task_{unit}"].default)
        if isinstance(attempt, (int, float)) and isinstance(task, (int, float)) and attempt > task:
            key = f"attempt_{unit}" if f"attempt_{unit}" in table else f"task_{unit}"
            yield (
                ("budget", key),
                f"one attempt may spend more ({attempt:g}) than its whole task ({task:g})",
                f"Raise task_{unit} or lower attempt_{unit}.",
            )


def _isolation(raw: Mapping[str, Any]) -> Iterator[Found]:
    table = _table(raw, "isolation")
    level, network = table.get("level", "worktree"), table.get("network", "on")
    levels = {level, *(one.get("isolation") for _, one in _tables(raw, "repository") if one.get("isolation"))}
    if network in {"off", "hosts"} and "worktree" in levels:
        yield (
            ("isolation", "network"),
            f'network = "{network}" holds nothing back at level = "worktree"',
            'Set level = "bubblewrap", and no repository to "worktree"; or network = "on".',
        )
    if network == "hosts" and "docker" in levels:
        yield (
            ("isolation", "network"),
            'a list of hosts needs level = "bubblewrap", and this is "docker"',
            'Write network = "off", or set level = "bubblewrap".',
        )
    if network == "hosts" and not table.get("hosts"):
        yield ("isolation", "network"), "no hosts are listed", 'Add hosts = ["pypi.org", …], or write network = "off".'
    if network != "hosts" and table.get("hosts"):
        yield ("isolation", "hosts"), "hosts are listed, and nothing asks for them", 'Write network = "hosts".'
    if "docker" in levels and not table.get("image"):
        key = ("isolation", "level") if level == "docker" else ("isolation",)
        yield key, "containers are made of an image, and none is named", 'Add image = "…" under [isolation].'
