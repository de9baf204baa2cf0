"""Trouble on demand. A fault is given as JSON:

    {"answer": "ratelimited", "next": 3, "method": "chat.postMessage", "retry_after": 2}

| key | meaning |
|---|---|
| `answer` | what the next calls meet: a status (429, 500, 503), an error of Slack's (`"channel_not_found"`), `"drop"` (carried out, then the connection is cut before the answer), `"hang"` (nothing for `seconds`, then cut; nothing was carried out) |
| `next`, `method` | how many calls (1), and of which method (a prefix; all when missing) |
| `retry_after`, `seconds` | for 429, and for `hang` (30) |
| `silent_s` | no Web API call is answered for so long; they are carried out afterwards |
| `latency_ms` | every answer is late by that |
| `socket` | `cut` every connection without a word, or tell them to go: `warning`, `refresh_requested`, `link_disabled` |
| `copies` | how often each event is delivered from now on |
| `ack_s`, `redelivery_s` | Slack's patience: seconds until a delivery counts as failed, pauses before each redelivery |
| `limits` | `strict` for Slack's own rate limits, `generous` for the playground's |
| `clear` | `true` ends all of it |
"""  # noqa: E501 (a table)

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from integrations.playground.faults import BadFault, Counted, Waiting, check_keys, number

STATUSES = {429, 500, 502, 503, 504}
SOCKET = {"cut", "warning", "refresh_requested", "link_disabled"}
_KEYS = {
    *("answer", "next", "method", "retry_after", "seconds", "silent_s", "latency_ms"),
    *("socket", "copies", "ack_s", "redelivery_s", "limits", "clear"),
}


@dataclass(frozen=True)
class Fault(Counted):
    """What one call meets."""

    answer: int | str
    method: str = ""
    retry_after: float = 1.0
    seconds: float = 30.0


@dataclass(frozen=True)
class Change:
    """What a fault's description changes beside the calls; None leaves a thing as it is."""

    fault: Fault | None = None
    silent_s: float | None = None
    latency_s: float | None = None
    socket: str = ""
    copies: int | None = None
    ack_s: float | None = None
    redelivery_s: tuple[float, ...] | None = None
    strict_limits: bool | None = None
    clear: bool = False


def read(spec: Mapping[str, object]) -> Change:
    """A description, checked.

    Raises:
        BadFault: with what is wrong.
    """
    check_keys(spec, _KEYS)
    socket = str(spec.get("socket", ""))
    if socket and socket not in SOCKET:
        raise BadFault(f"socket is one of {', '.join(sorted(SOCKET))}")
    limits = spec.get("limits")
    if limits not in (None, "strict", "generous"):
        raise BadFault("limits is strict or generous")
    return Change(
        fault=_fault(spec) if "answer" in spec else None,
        silent_s=_number(spec, "silent_s"),
        latency_s=None if (latency := _number(spec, "latency_ms")) is None else latency / 1000,
        socket=socket,
        copies=None if (copies := _number(spec, "copies")) is None else max(int(copies), 1),
        ack_s=_number(spec, "ack_s"),
        redelivery_s=_pauses(spec.get("redelivery_s")),
        strict_limits=None if limits is None else limits == "strict",
        clear=bool(spec.get("clear")),
    )


class Faults(Waiting[Fault]):
    """The faults that wait for a call, oldest first."""

    def meeting(self, method: str) -> Fault | None:
        """The fault that this call meets, which is spent by it; None when it may go on."""
        return self.take(lambda fault: method.startswith(fault.method))


def _fault(spec: Mapping[str, object]) -> Fault:
    answer = spec["answer"]
    if isinstance(answer, str) and answer.isdigit():
        answer = int(answer)
    if answer == "ratelimited":
        answer = 429
    if not (isinstance(answer, int) and answer in STATUSES) and not (isinstance(answer, str) and answer):
        raise BadFault(f"answer is an error of Slack's, drop, hang, or one of {', '.join(map(str, sorted(STATUSES)))}")
    return Fault(
        answer,
        str(spec.get("method", "")),
        _number(spec, "retry_after") or 1.0,
        _number(spec, "seconds") or 30.0,
        left=int(_number(spec, "next") or 1),
    )


def _pauses(value: object) -> tuple[float, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(one, int | float) for one in value):
        raise BadFault("redelivery_s is a list of seconds")
    return tuple(float(one) for one in value)


def _number(spec: Mapping[str, object], name: str) -> float | None:
    return None if spec.get(name) is None else number(spec, name, 0)
