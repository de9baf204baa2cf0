"""The clock, held against the one of a service: logins and deadlines go wrong when they differ."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import aiohttp

from bot.doctor.check import Check, Surroundings, judged

_TIMEOUT_S = 10.0
#: Slack and GitHub refuse signatures and tokens whose time is some minutes off; a minute leaves no doubt.
_MOST = timedelta(seconds=60)


def clock(seen: Surroundings) -> Iterator[Check]:
    services, settings = seen.services, seen.settings
    if not (services.github or services.slack):
        yield Check("clock", True, "not compared: no service outside of this machine is used")
        return
    url = settings.github.api_url if services.github else settings.slack.api_url
    try:
        theirs, ours = asyncio.run(_date_of(url)), datetime.now(UTC)
    except (aiohttp.ClientError, TimeoutError, KeyError, ValueError):
        yield Check("clock", True, f"not compared: {url} does not tell the time")
        return
    yield compared(ours, theirs)


def compared(ours: datetime, theirs: datetime) -> Check:
    """What to say of two clocks."""
    off = ours - theirs
    if abs(off) < timedelta(seconds=2):
        return Check("clock", True, "right")
    detail = f"{abs(off).total_seconds():,.0f} s {'fast' if off > timedelta() else 'slow'}"
    return judged("clock", abs(off) <= _MOST, detail, "Set it, and keep it set: `timedatectl set-ntp true`.")


async def _date_of(url: str) -> datetime:
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S)) as session,
        session.head(url) as answer,
    ):
        return parsedate_to_datetime(answer.headers["Date"])
