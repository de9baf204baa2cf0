"""What can go wrong when a model is asked.

ModelError
├── AuthRefused       auth            the key is wrong, or may not use this model
├── BillingRefused    billing         no credit, or a spend limit is reached
├── RateLimited       rate_limit      too many requests; `not_before` when the vendor named a time
├── Overloaded        overloaded      the vendor is busy or broken (5xx, 529)
├── Unreachable       unreachable     no connection, or no answer in time
├── NoSuchModel       no_model        the name is unknown to the vendor
├── PromptTooLong     context         the question does not fit the model
├── RequestRejected   rejected        the vendor calls the request malformed
├── Refused           refused         the model declines to answer
├── Truncated         truncated       the answer was cut at the output limit
└── InvalidAnswer     invalid_answer  the answer does not fit the schema
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import ClassVar

from integrations.fault import IntegrationError


@dataclass(frozen=True)
class Usage:
    """Tokens. `input` counts the whole prompt, of which `cached` were read from the vendor's cache."""

    input: int = 0
    cached: int = 0
    output: int = 0


class ModelError(IntegrationError):
    """A model did not answer.

    Parameters:
        family: the vendor.
        usage: what was spent all the same (a cut or unusable answer is paid for).
        others: as for `IntegrationError`.
    """

    kind: ClassVar[str] = "error"
    can_retry: ClassVar[bool] = False
    cure: ClassVar[str] = "See the log."

    def __init__(
        self, family: str, message: str, *, not_before: datetime | None = None, usage: Usage | None = None
    ) -> None:
        super().__init__(
            f"{family}: {message}",
            retryable=self.can_retry,
            not_before=not_before,
            user_message=f"{family} did not answer ({message}). {self.cure}",
        )
        self.family = family
        self.usage = usage or Usage()


class AuthRefused(ModelError):
    kind = "auth"
    cure = "Check the API key in .env, and that it may use this model."


class BillingRefused(ModelError):
    kind = "billing"
    cure = "Add credit or raise the spend limit in the vendor's console."


class RateLimited(ModelError):
    kind = "rate_limit"
    can_retry = True
    cure = "It is asked again when the limit allows."


class Overloaded(ModelError):
    kind = "overloaded"
    can_retry = True
    cure = "It is asked again in a moment."


class Unreachable(ModelError):
    kind = "unreachable"
    can_retry = True
    cure = "Check the network and the base URL; it is asked again in a moment."


class NoSuchModel(ModelError):
    kind = "no_model"
    cure = "Correct the model's name in waggle.toml."


class PromptTooLong(ModelError):
    kind = "context"
    cure = "The question has to be shorter; nothing else helps."


class RequestRejected(ModelError):
    kind = "rejected"
    cure = "This is a defect of Waggle or a change of the vendor's API."


class Refused(ModelError):
    kind = "refused"
    cure = "Another model may answer; a person can."


class Truncated(ModelError):
    kind = "truncated"
    can_retry = True
    cure = "It is asked again with room for a longer answer."


class InvalidAnswer(ModelError):
    kind = "invalid_answer"
    can_retry = True
    cure = "It is asked again."


LONGEST_WAIT_S = 30 * 24 * 3600.0  #: whoever asks for a longer wait (or sends no number) is not believed

#: Codes that name money, from recorded runs: OpenAI sends 429 for an empty account, Anthropic 400.
_BILLING = ("insufficient_quota", "billing", "credit balance", "spend limit", "payment")
_TOO_LONG = ("context_length_exceeded", "prompt is too long", "context window", "request_too_large")


def from_status(
    family: str, status: int, code: str, message: str, *, retry_after: str | None, now: datetime
) -> ModelError:
    """The error that an HTTP answer means. Pure.

    Parameters:
        code: the vendor's type or code, such as `rate_limit_error` or `insufficient_quota`.
        retry_after: the header as sent: seconds, or an HTTP date.
    """
    what = f"{status} {code}: {message}" if code else f"{status}: {message}"
    told = f"{code} {message}".lower()
    if status == 402 or (status in (400, 403, 429) and any(word in told for word in _BILLING)):
        return BillingRefused(family, what)
    if status in (401, 403):
        return AuthRefused(family, what)
    if status == 404:
        return NoSuchModel(family, what)
    if status == 429:
        return RateLimited(family, what, not_before=moment(retry_after, now))
    if status == 413 or (status == 400 and any(word in told for word in _TOO_LONG)):
        return PromptTooLong(family, what)
    if status in (408, 409) or status >= 500:
        return Overloaded(family, what, not_before=moment(retry_after, now))
    return RequestRejected(family, what)


def moment(retry_after: str | None, now: datetime) -> datetime | None:
    """When `Retry-After` allows the next request (UTC), or None when it says nothing that can be read."""
    if not retry_after:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        seconds = None
    if seconds is not None:
        return now + timedelta(seconds=max(0.0, seconds)) if seconds < LONGEST_WAIT_S else None
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
