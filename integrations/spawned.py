"""How many processes this one has started, so that a tick can say what it cost."""

from __future__ import annotations

import threading

_guard = threading.Lock()
_count = 0


def note() -> None:
    """A process is being started."""
    global _count
    with _guard:
        _count += 1


def count() -> int:
    """Processes started since this one began: git commands and runs of the engine."""
    return _count
