"""Rate limits: Slack's tiers for each method, and one message per second and channel.

Source of the tiers: slackapi/java-slack-sdk, metadata/web-api/rate_limit_tiers.json. The playground is
generous by default, so that a demo does not wait; faults make it strict.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import ceil

WINDOW_S = 60.0
GENEROSITY = 40
_TIERS = {1: 1, 2: 20, 3: 50, 4: 100}
_SPECIAL = 300
_BURST_S = 1.0
_BURST = 4  #: short bursts into one channel are tolerated

# Methods that are not named are of tier 3, which most of Slack's are.
_TIER_OF = {
    **dict.fromkeys(("apps.connections.open",), 1),
    **dict.fromkeys(("conversations.list", "users.list", "usergroups.list", "usergroups.users.list"), 2),
    **dict.fromkeys(("chat.startStream", "chat.stopStream"), 2),
    **dict.fromkeys(("chat.postEphemeral", "conversations.members", "users.info", "users.profile.get"), 4),
    **dict.fromkeys(("files.completeUploadExternal", "files.getUploadURLExternal", "files.info"), 4),
    **dict.fromkeys(("views.open", "views.publish", "views.push", "views.update", "api.test"), 4),
}
_UNTIERED = {"auth.test", "chat.postMessage", "chat.getPermalink"}


class Limits:
    """Parameters: `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._used: dict[str, deque[float]] = {}
        self.strict = False

    def spend(self, method: str, channel: str = "") -> int:
        """Count one call.

        Returns:
            0, or the seconds to wait (`Retry-After`) when the call is refused; a refused call is not counted.
        """
        wait = self._wait(method, self._per_minute(method), WINDOW_S)
        if not wait and method == "chat.postMessage" and self.strict:
            wait = self._wait(f"{method} {channel}", _BURST, _BURST * _BURST_S)
        if wait:
            return wait
        now = self._clock()
        for key in (method, f"{method} {channel}"):
            self._used.setdefault(key, deque()).append(now)
        return 0

    def _per_minute(self, method: str) -> int:
        allowed = _SPECIAL if method in _UNTIERED else _TIERS[_TIER_OF.get(method, 3)]
        return allowed if self.strict else allowed * GENEROSITY

    def _wait(self, key: str, allowed: int, window: float) -> int:
        used, now = self._used.setdefault(key, deque()), self._clock()
        while used and used[0] <= now - WINDOW_S:
            used.popleft()
        recent = [at for at in used if at > now - window]
        return 0 if len(recent) < allowed else max(ceil(recent[-allowed] + window - now), 1)
