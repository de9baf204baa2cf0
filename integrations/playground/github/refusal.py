"""Every "no" of the stand-in, in the words and with the numbers that GitHub uses.

One type for both APIs: REST reads `status`, GraphQL reads `kind`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class Refused(Exception):
    """A call that GitHub would not carry out.

    Parameters:
        status: the HTTP status of the REST answer.
        message: GitHub's sentence.
        errors: the `errors` list of a 422.
        kind: the `type` of the error in a GraphQL answer.
        headers: more headers of the REST answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: Sequence[Mapping[str, object] | str] = (),
        kind: str = "UNPROCESSABLE",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = tuple(errors)
        self.kind = kind
        self.headers = dict(headers or {})


def not_found(message: str = "Not Found") -> Refused:
    return Refused(404, message, kind="NOT_FOUND")


def invalid(resource: str, message: str, *, field: str = "", code: str = "custom") -> Refused:
    """A 422 as GitHub words it: "Validation Failed" with one entry that says what is wrong."""
    entry: dict[str, object] = {"resource": resource, "code": code, "message": message}
    if field:
        entry["field"] = field
    return Refused(422, "Validation Failed", errors=[entry])


def forbidden(message: str) -> Refused:
    return Refused(403, message, kind="FORBIDDEN")
