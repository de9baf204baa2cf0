"""Which error tracker is scanned: the settings' Sentry, or the playground's beside the playground's GitHub."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from bot.services import Services
from bot.settings import Settings
from integrations.errors import ErrorTracker
from integrations.errors.sentry import Sentry
from integrations.playground.place import SENTRY_ORGANISATION, SENTRY_PROJECT, Place


def tracker_of(
    settings: Settings, services: Services, place: Place | None, clock: Callable[[], datetime]
) -> ErrorTracker | None:
    """The tracker; None when the repositories are real and no Sentry is known."""
    given = settings.sentry
    if given.auth_token is not None:
        return Sentry(
            given.auth_token.get_secret_value,
            given.org,
            given.project_slugs,
            given.url,
            own_project_id=given.own_project_id,
            clock=clock,
        )
    if place is None or services.github:
        return None
    return Sentry(lambda: place.sentry_token, SENTRY_ORGANISATION, (SENTRY_PROJECT,), place.sentry_url, clock=clock)
