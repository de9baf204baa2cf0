"""Everything that GitHub can refuse, and what a person can do about it.

GitHubError
├── AuthFailed        401: the credential is wrong or expired
├── Forbidden         403: the credential is right and may not do this
├── NotFound          404, 410: not there, or not visible to this credential
├── Conflict          405, 409: the thing changed meanwhile
├── Invalid           422: GitHub understood and said no
├── RateLimited       the hour's quota is spent; `not_before` is its reset
├── SecondaryLimited  too much at once; `not_before` is when to try again
├── TimedOut          no answer in time; for a write, it may have happened
└── Unavailable       5xx, or no connection
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from integrations.fault import IntegrationError
from integrations.redact import redact


class GitHubError(IntegrationError):
    """Any failure of a call to GitHub."""


class AuthFailed(GitHubError):
    pass


class Forbidden(GitHubError):
    pass


class NotFound(GitHubError):
    pass


class Conflict(GitHubError):
    pass


class Invalid(GitHubError):
    """GitHub understood the request and refused it.

    Attributes:
        reasons: GitHub's sentences, one for each mistake.
    """

    reasons: tuple[str, ...] = ()


class RateLimited(GitHubError):
    pass


class SecondaryLimited(GitHubError):
    pass


class TimedOut(GitHubError):
    pass


class Unavailable(GitHubError):
    pass


#: GitHub asks for at least a minute after a secondary limit that names no time.
SECONDARY_WAIT = timedelta(seconds=60)


def refused(
    status: int,
    headers: Mapping[str, str],
    message: str,
    what: str,
    now: datetime,
    reasons: Sequence[str] = (),
) -> GitHubError:
    """The typed error for an answer with a status of 400 or more.

    Parameters:
        headers: the answer's, any case.
        message: GitHub's own sentence.
        what: what was being done, such as "open a pull request in acme/site".
        reasons: the entries of a 422.
    """
    said = redact(f"{what}: {status} {message}".strip())[:500]
    lower = {name.lower(): value for name, value in headers.items()}
    if status in (403, 429):
        limited = _limited(status, lower, message, said, now)
        if limited is not None:
            return limited
    if status == 401:
        return AuthFailed(
            said,
            user_message="GitHub does not accept the token. It is wrong, expired or revoked: set GITHUB_TOKEN anew.",
        )
    if status == 403:
        return Forbidden(said, user_message=_forbidden(what, message, lower))
    if status in (404, 410):
        return NotFound(
            said,
            user_message=f"GitHub found nothing ({what}). Check the name, and that the token may see this repository.",
        )
    if status in (405, 409):
        return Conflict(said, user_message=f"GitHub refused ({what}): {message}")
    if status == 422:
        invalid = Invalid(said, user_message=f"GitHub refused ({what}): {'; '.join(reasons) or message}")
        invalid.reasons = tuple(reasons)
        return invalid
    if status >= 500:
        return Unavailable(said, retryable=True, user_message=f"GitHub has trouble ({status}); Waggle tries again.")
    return GitHubError(said)


def rate_limited(resource: str, reset: datetime) -> RateLimited:
    """The hour's quota of a resource is spent."""
    return RateLimited(
        f"{resource} quota spent until {reset:%H:%M:%S} UTC",
        retryable=True,
        not_before=reset,
        user_message=f"GitHub's hourly quota is spent; Waggle goes on at {reset:%H:%M} UTC.",
    )


def no_answer(what: str, problem: str) -> TimedOut:
    return TimedOut(
        redact(f"{what}: {problem}"), retryable=True, user_message="GitHub did not answer in time; Waggle tries again."
    )


def no_connection(what: str, problem: str) -> Unavailable:
    return Unavailable(
        redact(f"{what}: {problem}"),
        retryable=True,
        user_message="GitHub cannot be reached; Waggle tries again. Check the network and GITHUB_API_URL.",
    )


def not_github(what: str, problem: object) -> Unavailable:
    """Something answered that is not GitHub, such as a proxy's login page."""
    return Unavailable(
        redact(f"{what}: an answer of another shape: {problem!r}")[:500],
        retryable=True,
        user_message="What answers does not answer like GitHub. Check GITHUB_API_URL, and whether a proxy or a login "
        "page stands in between; Waggle tries again.",
    )


def _limited(status: int, headers: Mapping[str, str], message: str, said: str, now: datetime) -> GitHubError | None:
    wait = headers.get("retry-after", "")
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
        # One second more: the reset falls somewhere inside the second that the header names.
        return rate_limited(headers.get("x-ratelimit-resource", "API"), datetime.fromtimestamp(int(reset) + 1, tz=UTC))
    if wait.isdigit() or status == 429 or re.search(r"secondary rate limit|abuse|rate limit exceeded", message, re.I):
        return SecondaryLimited(
            said,
            retryable=True,
            not_before=now + (timedelta(seconds=int(wait)) if wait.isdigit() else SECONDARY_WAIT),
            user_message="GitHub asks for a pause (secondary rate limit); Waggle goes on when it is over.",
        )
    return None


def _forbidden(what: str, message: str, headers: Mapping[str, str]) -> str:
    if "x-github-sso" in headers:
        return "The organisation wants single sign-on: authorise the token for it in GitHub's token settings."
    accepted = headers.get("x-accepted-github-permissions", "")
    if accepted and "not accessible" in message:
        wanted = accepted.replace("=", ": ").replace("; ", ", or ").replace(",", " and ").replace(" and  or", ", or")
        return f"The credential lacks a permission ({what}): {wanted}. `waggle doctor` says where to grant it."
    if "personal access token" in message:
        return f"The fine-grained token lacks a permission ({what}). See `waggle doctor` for which one to add."
    return f"The token may not do this ({what}): {message}"
