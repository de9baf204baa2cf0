"""How long a tracker that does not answer is left alone. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

_LONGEST = timedelta(minutes=15)


def pause_after(failures: int, every_s: float, now: datetime, not_before: datetime | None) -> datetime:
    """When the next look may be made: later and later while it fails, and never before the tracker's own word.

    Parameters:
        failures: looks in a row that failed, the last one included.
        every_s: seconds between two looks in good times.
        not_before: when the tracker itself wants to be asked again.
    """
    usual = timedelta(seconds=every_s)
    wait = min(usual * 2.0 ** min(failures - 1, 20), max(_LONGEST, usual))
    return max(now + wait, not_before or now)
