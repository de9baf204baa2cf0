"""One GraphQL call. PyGithub's own raises on any entry of `errors` and would throw away the data beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Generic, TypeVar

import requests
from pydantic import BaseModel, ValidationError

from integrations.github.answers import Envelope, ErrorEntry, NothingAsked, Quota
from integrations.github.connection import Connection, said_by
from integrations.github.errors import (
    Forbidden,
    GitHubError,
    Invalid,
    NotFound,
    Unavailable,
    no_answer,
    no_connection,
    refused,
)
from integrations.github.limits import Limits
from integrations.github.values import Rate

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True)
class Reply(Generic[T]):
    """The data that came, and what was wrong with the rest."""

    data: T
    errors: tuple[ErrorEntry, ...]


@cache
def query_text(name: str) -> str:
    """The text of `queries/<name>.graphql`."""
    return (files("integrations.github") / "queries" / f"{name}.graphql").read_text(encoding="utf-8")


def ask(
    connection: Connection, name: str, variables: Mapping[str, str | int | Sequence[str]], answer: type[T], what: str
) -> Reply[T]:
    """Ask one of our queries. Only reads: it is safe to ask again.

    Returns whatever data came, with the errors of the parts that did not.
    Raises TimedOut (also for GitHub's own timeouts, which arrive as 502, 504 or a sentence), RateLimited,
    SecondaryLimited, AuthFailed, Forbidden, NotFound, Unavailable when no data came.
    """
    connection.limits.check("graphql")
    return _send(connection, name, variables, answer, what)


def change(connection: Connection, name: str, variables: Mapping[str, str], what: str) -> None:
    """Send one of our mutations; it counts against our own budget of writes, and is never repeated by itself.

    Raises what `ask` raises, and Invalid, Forbidden or NotFound when GitHub refuses it.
    """
    connection.limits.check("graphql", write=True)
    reply = _send(connection, name, variables, NothingAsked, what)
    if reply.errors:
        raise _without_data(reply.errors, what)


def _send(
    connection: Connection, name: str, variables: Mapping[str, str | int | Sequence[str]], answer: type[T], what: str
) -> Reply[T]:
    try:
        response = connection.session.post(
            connection.graphql_url,
            json={"query": query_text(name), "variables": dict(variables)},
            headers=connection.authorization(),
            timeout=connection.timeout_s,
        )
    except requests.Timeout as problem:
        raise no_answer(what, str(problem)) from problem
    except requests.RequestException as problem:
        raise no_connection(what, str(problem)) from problem
    if response.status_code in (502, 504):
        raise no_answer(what, f"GitHub gave up ({response.status_code})")
    if response.status_code >= 400:
        error = refused(response.status_code, response.headers, said_by(response), what, connection.clock())
        connection.limits.failed("graphql", error)
        raise error
    return _read(connection, response, answer, what)


def _read(connection: Connection, response: requests.Response, answer: type[T], what: str) -> Reply[T]:
    try:
        envelope = Envelope[answer].model_validate_json(response.content)  # type: ignore[valid-type]  # a class made at run time
    except ValidationError as problem:
        raise Unavailable(
            f"{what}: GitHub's answer has an unknown shape: {problem.errors()[0]['loc']}", retryable=True
        ) from problem
    limited = any(entry.type in ("RATE_LIMITED", "RATE_LIMIT") for entry in envelope.errors)
    if limited:
        reset = response.headers.get("x-ratelimit-reset", "")
        headers = {"x-ratelimit-remaining": "0", "x-ratelimit-resource": "graphql", "x-ratelimit-reset": reset}
        error = refused(403, headers, "rate limit exceeded", what, connection.clock())
        connection.limits.failed("graphql", error)
        raise error
    if envelope.data is None:
        raise _without_data(envelope.errors, what)
    return Reply(envelope.data, envelope.errors)


def remember(limits: Limits, quota: Quota | None) -> None:
    """Pass on what an answer said about the points that are left."""
    if quota is not None:
        limits.reported("graphql", Rate(quota.limit, quota.remaining, quota.reset_at))


def _without_data(errors: tuple[ErrorEntry, ...], what: str) -> GitHubError:
    said = "; ".join(entry.message for entry in errors)[:300] or "no data"
    kinds = {entry.type for entry in errors}
    if "NOT_FOUND" in kinds:
        return NotFound(f"{what}: {said}", user_message=f"GitHub found nothing ({what}): {said}")
    if kinds & {"FORBIDDEN", "INSUFFICIENT_SCOPES"}:
        return Forbidden(f"{what}: {said}", user_message=f"The token may not do this ({what}): {said}")
    if "went wrong" in said or "timed out" in said or "timeout" in said:
        return no_answer(what, said)
    return Invalid(f"{what}: {said}")
