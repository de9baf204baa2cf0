"""Everything that an error tracker can refuse, and what a person can do about it.

TrackerError
├── AuthFailed    401: the token is wrong, expired or revoked
├── Forbidden     403: the token is right and may not read this
├── NotFound      404: no such organisation, project or issue, or not visible to this token
├── Refused       other 4xx: the tracker did not take the question
├── RateLimited   429: `not_before` is when it may be asked again
├── TimedOut      no answer in time
├── Unavailable   5xx, or no connection
└── NotTracker    an answer that no tracker gives: another address, a proxy's page
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from integrations.fault import IntegrationError
from integrations.redact import redact

#: A limit that names no time is asked again after so long.
LIMIT_WAIT = timedelta(seconds=60)
_LONGEST_WAIT = timedelta(hours=1)
SCOPES = "event:read, project:read, org:read"


class TrackerError(IntegrationError):
    """Any failure of a call to an error tracker."""


class AuthFailed(TrackerError):
    pass


class Forbidden(TrackerError):
    pass


class NotFound(TrackerError):
    pass


class Refused(TrackerError):
    pass


class RateLimited(TrackerError):
    pass


class TimedOut(TrackerError):
    pass


class Unavailable(TrackerError):
    pass


class NotTracker(TrackerError):
    pass


def refused(status: int, headers: Mapping[str, str], detail: str, what: str, now: datetime) -> TrackerError:
    """The typed error for an answer with a status of 300 or more.

    Parameters:
        headers: the answer's, any case.
        detail: the tracker's own sentence.
        what: what was being done, such as "list issues of acme".
    """
    said = redact(f"{what}: {status} {' '.join(detail.split())}".strip())[:300]
    if status == 401:
        return AuthFailed(
            said,
            user_message="Sentry does not accept the token; it is wrong or revoked. Set SENTRY_AUTH_TOKEN anew.",
        )
    if status == 403:
        return Forbidden(
            said,
            user_message=f"The Sentry token may not do this ({what}). Give its internal integration {SCOPES};"
            " an organisation token (sntrys_…) cannot read issues.",
        )
    if status in {404, 410}:
        return NotFound(
            said,
            user_message=f"Sentry does not know it, or not for this token ({what}). Check SENTRY_ORG, SENTRY_PROJECTS"
            " and SENTRY_URL; organisations in the EU have https://de.sentry.io.",
        )
    if status == 429:
        until = _until(headers, now)
        return RateLimited(
            said,
            retryable=True,
            not_before=until,
            user_message=f"Sentry asks for a pause until {until:%H:%M:%S} UTC; the error scan goes on then.",
        )
    if status >= 500:
        return Unavailable(said, retryable=True, user_message=f"Sentry has trouble of its own ({status}).")
    if 300 <= status < 400:
        return NotTracker(
            said,
            user_message="SENTRY_URL leads somewhere else. Set it to the address that it redirects to, without a path.",
        )
    return Refused(said, user_message=f"Sentry did not take the question ({what}, {status}).")


def no_answer(what: str, why: str) -> TimedOut:
    return TimedOut(
        redact(f"{what}: no answer in time ({why})")[:300],
        retryable=True,
        user_message="Sentry did not answer in time.",
    )


def no_connection(what: str, why: str) -> Unavailable:
    return Unavailable(
        redact(f"{what}: no connection ({why})")[:300],
        retryable=True,
        user_message="Sentry cannot be reached. Check the network and SENTRY_URL.",
    )


def not_tracker(what: str, why: str) -> NotTracker:
    return NotTracker(
        redact(f"{what}: not an answer of Sentry ({why})")[:300],
        user_message="What answers is not Sentry's API. Check SENTRY_URL: the server's root, without a path.",
    )


def _until(headers: Mapping[str, str], now: datetime) -> datetime:
    lower = {name.lower(): value for name, value in headers.items()}
    try:
        reset = datetime.fromtimestamp(float(lower["x-sentry-rate-limit-reset"]), tz=UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        try:
            reset = now + timedelta(seconds=float(lower["retry-after"]))
        except (KeyError, ValueError, OverflowError):
            reset = now + LIMIT_WAIT
    # A clock that runs apart, or a nonsensical header, must neither cause a hot loop nor end the scan for ever.
    return min(max(reset, now + timedelta(seconds=1)), now + _LONGEST_WAIT)
