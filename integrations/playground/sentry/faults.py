"""Trouble on demand: what the next calls of the REST interface meet instead of an answer.

A fault is given as JSON, all of it optional but `answer`:

    {"answer": 429, "next": 3, "path": "/issues/", "retry_after": 5}

`answer` is a status (400, 401, 403, 404, 429, 500, 502, 503) or a word:

| word | what the caller sees |
|---|---|
| `down` | 503 for every call until `{"clear": true}` |
| `page` | 200 with a login page instead of JSON, as a proxy gives it |
| `shapeless` | 200 with JSON of another shape |
| `moved` | 302 to another address |
| `hang` | nothing for `seconds`, then the connection is cut |
| `drop` | the connection is cut at once |

`path` is a part of the address; without it every call is met. `{"clear": true}` ends all of it. What SDKs send is taken
in all the same: applications go on failing while nobody can look.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from integrations.playground.faults import BadFault, Counted, Waiting, check_keys, number

STATUSES = frozenset({400, 401, 403, 404, 429, 500, 502, 503})
WORDS = frozenset({"down", "page", "shapeless", "moved", "hang", "drop"})
_KEYS = frozenset({"answer", "next", "path", "seconds", "retry_after", "clear"})


@dataclass(frozen=True)
class Fault(Counted):
    """`answer` is the status as text, or the word."""

    answer: str
    path: str = ""
    seconds: float = 30.0
    retry_after: float = 60.0

    @property
    def status(self) -> int | None:
        return int(self.answer) if self.answer.isdigit() else None


class Faults:
    """The faults that wait for a call, oldest first."""

    def __init__(self) -> None:
        self._waiting: Waiting[Fault] = Waiting()

    def add(self, spec: Mapping[str, object]) -> None:
        """Take a fault as described above.

        Raises:
            BadFault: with what is wrong.
        """
        check_keys(spec, _KEYS)
        if spec.get("clear"):
            self._waiting.clear()
        if spec.get("answer") is None:
            return
        answer = str(spec["answer"])
        if answer not in WORDS and answer not in map(str, STATUSES):
            raise BadFault(f"answer is one of {', '.join(map(str, [*sorted(STATUSES), *sorted(WORDS)]))}")
        self._waiting.append(
            Fault(
                answer,
                str(spec.get("path", "")),
                number(spec, "seconds", 30),
                number(spec, "retry_after", 60),
                left=int(number(spec, "next", 1)),
            )
        )

    def take(self, path: str) -> Fault | None:
        """The fault that this call meets, which is spent by it unless it lasts; None when it may go on."""
        return self._waiting.take(lambda fault: fault.path in path, spend=lambda fault: fault.answer != "down")
