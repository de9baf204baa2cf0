"""What a run may use at most, held against what it uses. Standard library only; the runner imports it by path.

Where the kernel bounds the memory this sees what the kernel did; elsewhere it is all there is. A run that grows so
fast that it would be over a limit two looks from now is looked at more often, so that little is overshot.
"""

from __future__ import annotations

TYPE_CHECKING = False  # known to type checkers; the runner does without these imports
if TYPE_CHECKING:
    from collections.abc import Mapping

#: ends a run at once, without time to end by itself
RUNAWAY = frozenset({"output", "processes", "memory"})
LOOK_S = 0.2  #: between two looks, while nothing grows
_QUICK_S = 0.02
_KEYS = {"output": "max_output_bytes", "processes": "max_processes", "memory": "max_rss_bytes"}


class Watchdog:
    """The limits of one run, and how fast it comes near them.

    Parameters:
        spec: RUN_DIR/spec.json. What it does not name is not limited.
    """

    def __init__(self, spec: Mapping[str, object]) -> None:
        named = {name: spec.get(key) for name, key in _KEYS.items()}
        self.limits = {name: float(most) for name, most in named.items() if isinstance(most, int | float)}
        self.pause_s = LOOK_S  #: until the next look
        self._last: dict[str, float] = {}
        self._at = 0.0

    def over(self, used: Mapping[str, float], at: float) -> str:
        """The first limit that is passed; empty when none is.

        Parameters:
            used: bytes written, living processes, bytes of memory, by the names of the limits.
            at: seconds of a clock that only goes forward.
        """
        passed = at - self._at if self._at else 0.0
        self.pause_s = LOOK_S
        for name, most in self.limits.items():
            grown = max(used[name] - self._last.get(name, used[name]), 0.0)
            ahead = grown / passed * 2 * LOOK_S if passed > 0 else 0.0
            if used[name] + ahead > most:
                self.pause_s = _QUICK_S
        self._last, self._at = dict(used), at
        return next((name for name, most in self.limits.items() if used[name] > most), "")
