"""Trouble on demand: what the next calls meet instead of, or after, being carried out.

A fault is given as JSON, all of it optional but `answer`:

    {"answer": 502, "next": 3, "path": "/repos/acme", "method": "POST", "operation": "Name"}

`answer` is a status (401, 403, 404, 409, 422, 429, 500, 502, 503, 504) or a word:

| word | what the caller sees |
|---|---|
| `secondary` | 403 with Retry-After: the secondary rate limit |
| `rate_limited` | the hourly limit is used up; it resets in `seconds` |
| `timeout` | GitHub gave up after ten seconds: 502 with a page, for GraphQL the sentence it uses |
| `partial` | GraphQL: carried out, but every second node is null with an error beside it |
| `forbidden_fields` | GraphQL: checks are null, "Resource not accessible by personal access token" |
| `hang` | nothing for `seconds`, then the connection is cut; nothing was carried out |
| `drop` | carried out, then the connection is cut before the answer |
| `late` | REST and GraphQL: carried out and logged, then answered after `seconds` |

`path` is a prefix, with or without the API's own (`/repos/…`, `/graphql`, `/git/acme/…`, `/actions-logs/…`).
`{"latency_ms": 250}` delays every answer from now on. `{"clear": true}` ends all faults and the delay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from integrations.playground.faults import BadFault, Counted, Waiting, check_keys, number

WORDS = {"secondary", "rate_limited", "timeout", "partial", "forbidden_fields", "hang", "drop", "late"}
STATUSES = {401, 403, 404, 409, 422, 429, 500, 502, 503, 504}
_PREFIXES = ("/github/api/v3", "/github/api", "/github")
_KEYS = {"answer", "next", "path", "method", "operation", "seconds", "retry_after", "latency_ms", "clear"}


@dataclass(frozen=True)
class Fault(Counted):
    answer: int | str
    path: str = ""
    method: str = ""
    operation: str = ""
    seconds: float = 30.0
    retry_after: float = 60.0

    def meets(self, method: str, path: str, operation: str) -> bool:
        tails = [path, *(path.removeprefix(prefix) for prefix in _PREFIXES)]
        return (
            any(tail.startswith(self.path) for tail in tails)
            and self.method in ("", method)
            and self.operation in ("", operation)
        )


class Faults:
    """The faults that wait for a call, oldest first."""

    def __init__(self) -> None:
        self._waiting: Waiting[Fault] = Waiting()
        self.latency_s = 0.0

    def add(self, spec: Mapping[str, object]) -> None:
        """Take a fault as described above.

        Raises:
            BadFault: with what is wrong.
        """
        check_keys(spec, _KEYS)
        if spec.get("clear"):
            self._waiting.clear()
            self.latency_s = 0.0
        if "latency_ms" in spec:
            self.latency_s = number(spec, "latency_ms", 0) / 1000
        answer = spec.get("answer")
        if answer is None:
            return
        if isinstance(answer, str) and answer.isdigit():
            answer = int(answer)
        if not (isinstance(answer, int) and answer in STATUSES) and not (isinstance(answer, str) and answer in WORDS):
            raise BadFault(f"answer is one of {', '.join(map(str, [*sorted(STATUSES), *sorted(WORDS)]))}")
        self._waiting.append(
            Fault(
                answer,
                str(spec.get("path", "")),
                str(spec.get("method", "")).upper(),
                str(spec.get("operation", "")),
                number(spec, "seconds", 30),
                number(spec, "retry_after", 60),
                left=int(number(spec, "next", 1)),
            )
        )

    def take(self, method: str, path: str, operation: str = "") -> Fault | None:
        """The fault that this call meets, which is spent by it; None when it may go on."""
        return self._waiting.take(lambda fault: fault.meets(method, path, operation))
