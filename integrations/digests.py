"""Secrets that are recognised without being known: for a process that shows what others wrote and must hold none.

Only a salted digest of each is written down. What is hidden are values that nobody can guess, so that a digest gives
nothing away.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from integrations.engines.records import read_json, write_json
from integrations.redact import MARK, SHORTEST_LITERAL, redact


@dataclass(frozen=True)
class Digests:
    """What must not be shown, by length and digest."""

    salt: bytes = b""
    of_length: tuple[tuple[int, frozenset[str]], ...] = ()

    def and_of(self, literals: Iterable[str]) -> Digests:
        """These, and those of further values; short ones are too likely to be ordinary words."""
        salt = self.salt or os.urandom(16)
        found = {length: set(some) for length, some in self.of_length}
        for literal in literals:
            if len(literal) >= SHORTEST_LITERAL:
                found.setdefault(len(literal), set()).add(_digest(salt, literal))
        return Digests(salt, tuple((length, frozenset(found[length])) for length in sorted(found, reverse=True)))

    @classmethod
    def read(cls, path: Path) -> Digests:
        """What `write` wrote; none when it is not there."""
        known = read_json(str(path))
        if known is None:
            return cls()
        return cls(bytes.fromhex(known["salt"]), tuple((n, frozenset(some)) for n, some in known["of_length"]))

    def write(self, path: Path) -> None:
        """Write them down, for the owner of the file only."""
        lengths = [[n, sorted(some)] for n, some in self.of_length]
        write_json(str(path), {"salt": self.salt.hex(), "of_length": lengths}, durable=False)

    def redact(self, text: str) -> str:
        """Replace every secret by a mark: these, and those that show by their shape."""
        for length, some in self.of_length:
            at = 0
            while at + length <= len(text):
                if _digest(self.salt, text[at : at + length]) in some:
                    text = text[:at] + MARK + text[at + length :]
                    at += len(MARK)
                else:
                    at += 1
        return redact(text)


def _digest(salt: bytes, text: str) -> str:
    return hashlib.blake2b(text.encode(errors="replace"), key=salt, digest_size=16).hexdigest()
