"""Which behaviour the next run of a request has, for demos and tests.

The file is a list of `{"match": TEXT, "attempts": [BEHAVIOUR, …]}`. The first entry whose text stands in
the prompt decides; each run takes its next behaviour, and `succeed` when they are used up. How many are
used is kept in `FILE.used`, under a lock, because several agents may follow one script at once.
"""

from __future__ import annotations

import fcntl
import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Kind(StrEnum):
    SUCCEED = "succeed"  #: does the work
    BREAK_TEST = "break-test"  #: does it, breaks an existing test, and does not run the tests
    SLOPPY = "sloppy"  #: does it without tests and leaves a debug line behind
    NOTHING = "nothing"  #: looks around and changes nothing
    ASK = "ask"  #: ends with a question for a person
    CRASH = "crash"  #: is killed in the middle of the work
    HANG = "hang"  #: starts a command that never ends (`hang:SECONDS`)
    STALL = "stall"  #: changes files, commits nothing, and starts a command that never ends (`stall:SECONDS`)
    SLOW = "slow"  #: works for a while first (`slow:SECONDS`)
    CONTEXT = "context"  #: the prompt is too long for the model
    MAX_TURNS = "max-turns"  #: reaches its turn limit
    RATE_LIMIT = "rate-limit"  #: the model's API answers 429; `rate-limit:SECONDS` says when the limit ends
    AUTH = "auth"  #: the model's API answers 401


@dataclass(frozen=True)
class Behaviour:
    kind: Kind = Kind.SUCCEED
    seconds: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Behaviour:
        """Raises ValueError for a behaviour that does not exist."""
        name, _, seconds = text.partition(":")
        return cls(Kind(name), float(seconds) if seconds else 0.0)


@dataclass(frozen=True)
class Entry:
    match: str
    attempts: tuple[str, ...]


def match(file: Path, prompt: str) -> str:
    """The `match` of the entry that this prompt follows, or an empty string."""
    return next((entry.match for entry in _entries(file) if entry.match.lower() in prompt.lower()), "")


def take(file: Path, matched: str) -> Behaviour:
    """The next behaviour of the entry, which is then used up."""
    attempts = next((entry.attempts for entry in _entries(file) if entry.match == matched), ())
    counters = file.with_name(file.name + ".used")
    with counters.open("a+", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.seek(0)
        used: dict[str, int] = json.loads(held.read() or "{}")
        number = used.get(matched, 0)
        used[matched] = number + 1
        held.seek(0)
        held.truncate()
        held.write(json.dumps(used))
        held.flush()
    return Behaviour.parse(attempts[number]) if number < len(attempts) else Behaviour()


def _entries(file: Path) -> list[Entry]:
    return [Entry(str(one["match"]), tuple(one["attempts"])) for one in json.loads(file.read_text(encoding="utf-8"))]
