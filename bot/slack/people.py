"""Who Slack says somebody is, remembered for a few minutes. Guests, bots and strangers command nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from bot.slack.errors import ChannelLost, SlackLimited, SlackUnreachable
from bot.slack.posting import Posting, Profile

_KEPT = timedelta(minutes=5)


class People:
    """Profiles, with a memory.

    Parameters:
        clock: the present, UTC.
    """

    def __init__(self, posting: Posting, clock: Callable[[], datetime]) -> None:
        self._posting = posting
        self._clock = clock
        self._known: dict[str, tuple[datetime, Profile]] = {}

    async def profile(self, user: str) -> Profile:
        """Who somebody is. What was known before is good enough while Slack does not answer.

        Raises:
            SlackError: nothing was known, and Slack did not say.
        """
        now = self._clock()
        known = self._known.get(user)
        if known is not None and now - known[0] < _KEPT:
            return known[1]
        try:
            profile = await self._posting.profile(user)
        except ChannelLost:
            profile = Profile(user, user, outsider=True)  # Slack does not know them here
        except (SlackUnreachable, SlackLimited):
            if known is None:
                raise
            return known[1]
        self._known[user] = (now, profile)
        return profile

    def forget(self, user: str) -> None:
        """Slack said that something about this person changed."""
        self._known.pop(user, None)
