"""Trouble on demand: what the next calls meet instead of an answer.

A fault is given as JSON, all of it optional but `answer`:

    {"answer": 429, "next": 3, "family": "anthropic", "retry_after": 5}

`answer` is a status (400, 401, 403, 404, 413, 429, 500, 503, 529) or a word:

| word | what the caller sees |
|---|---|
| `billing` | the account has no credit, in the shape of each vendor |
| `too_long` | 400: the prompt does not fit the model |
| `truncated` | half an answer, cut at the output limit |
| `invalid` | an answer that is no JSON |
| `refusal` | the model declines |
| `hang` | nothing for `seconds`, then the connection is cut |
| `drop` | the connection is cut at once |

Without `family` either is met. `{"latency_ms": 250}` delays every answer from now on. `{"clear": true}` ends all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from integrations.playground.faults import BadFault, Counted, Waiting, check_keys, number

STATUSES = frozenset({400, 401, 403, 404, 413, 429, 500, 503, 529})
WORDS = frozenset({"billing", "too_long", "truncated", "invalid", "refusal", "hang", "drop"})
FAMILIES = frozenset({"anthropic", "openai"})
_KEYS = frozenset({"answer", "next", "family", "seconds", "retry_after", "latency_ms", "clear"})


@dataclass(frozen=True)
class Fault(Counted):
    """`answer` is the status as text, or the word. `retry_after` is in seconds; None sends no header."""

    answer: str
    family: str = ""
    seconds: float = 30.0
    retry_after: float | None = None

    @property
    def status(self) -> int | None:
        return int(self.answer) if self.answer.isdigit() else None


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
        family = str(spec.get("family", ""))
        if family and family not in FAMILIES:
            raise BadFault(f"family is one of {', '.join(sorted(FAMILIES))}")
        if spec.get("clear"):
            self._waiting.clear()
            self.latency_s = 0.0
        if "latency_ms" in spec:
            self.latency_s = number(spec, "latency_ms", 0) / 1000
        if spec.get("answer") is None:
            return
        answer = str(spec["answer"])
        if answer not in WORDS and answer not in map(str, STATUSES):
            raise BadFault(f"answer is one of {', '.join(map(str, [*sorted(STATUSES), *sorted(WORDS)]))}")
        self._waiting.append(
            Fault(
                answer,
                family,
                number(spec, "seconds", 30),
                number(spec, "retry_after", 0) if "retry_after" in spec else (60.0 if answer == "429" else None),
                left=int(number(spec, "next", 1)),
            )
        )

    def take(self, family: str) -> Fault | None:
        """The fault that this call meets, which is spent by it; None when it may go on."""
        return self._waiting.take(lambda fault: fault.family in ("", family))
