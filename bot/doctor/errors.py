"""The error tracker: whether it may be read, and whether each of its projects has a repository."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from bot.doctor.check import Check, Surroundings
from bot.errors import tracker_of


def errors(seen: Surroundings) -> Iterator[Check]:
    """The settings' Sentry, or the playground's while it runs. Blocks."""
    place = seen.playground.place if seen.playground is not None else None
    tracker = tracker_of(seen.settings, seen.services, place, lambda: datetime.now(UTC))
    if tracker is None:
        used = "none is scanned" if seen.services.github else "playground"
        yield Check("errors", True, used, "To have errors proposed as tasks, set SENTRY_AUTH_TOKEN and SENTRY_ORG.")
        return
    for one in tracker.probe():
        yield Check(f"errors {one.check}", one.ok, one.detail, one.fix)
    if seen.config is None or not seen.services.errors or not seen.config.policy.errors.enabled:
        return
    for project in seen.settings.sentry.project_slugs:
        repository = seen.config.policy.repository_of_errors(project)
        detail = f"runs the code of {repository.slug}" if repository else "no repository runs in it"
        fix = "" if repository else f'Add error_projects = ["{project}"] to its [[repository]] in {seen.config.path}.'
        yield Check(f"errors of {project}", repository is not None, detail, fix)
