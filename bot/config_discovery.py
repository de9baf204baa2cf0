"""`[discovery]` in `waggle.toml`: mistakes that no single key shows, and what the supervisor is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bot.config_schema import ErrorScanTable
from bot.toml_reading import Found
from scheduler.policy import ErrorScan


def discovery_checks(raw: Mapping[str, Any]) -> Iterator[Found]:
    """A project of the tracker belongs to one repository; a channel for proposals is one that Waggle works in."""
    taken: dict[str, str] = {}
    for index, one in enumerate(_list(raw.get("repository"))):
        slug = one.get("slug")
        for place, project in enumerate(_list_of_text(one.get("error_projects"))):
            if project in taken and isinstance(slug, str):
                yield (
                    ("repository", index, "error_projects", place),
                    f"the project `{project}` belongs to {taken[project]} already",
                    "Name each project at one repository.",
                )
            taken.setdefault(project, str(slug))
    errors = _table(_table(raw, "discovery"), "errors")
    channel, known = (
        errors.get("channel"),
        {one.get("id"): one.get("means", "work") for one in _list(raw.get("channel"))},
    )
    if isinstance(channel, str) and channel and known.get(channel) not in {"work", "alerts"}:
        yield (
            ("discovery", "errors", "channel"),
            f"proposals go to {channel}, which is no channel for work",
            'Add a [[channel]] with this id and means = "work" or "alerts", or leave it out for the work channel.',
        )


def error_scan_of(table: ErrorScanTable) -> ErrorScan:
    return ErrorScan(
        enabled=table.enabled,
        every_s=table.every,
        min_events=table.min_events,
        min_users=table.min_users,
        max_age_s=table.max_age,
        delicate_paths=table.delicate_paths,
        per_scan=table.proposals_per_scan,
        open_proposals=table.open_proposals,
        open_tasks=table.open_tasks,
        snooze_s=table.snooze,
        channel=table.channel,
    )


def _table(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = raw.get(name)
    return found if isinstance(found, dict) else {}


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _list_of_text(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
