"""GitHub's hourly limits: counted, shown in every answer, refused when used up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

HOUR_S = 3600
CORE, GRAPHQL = "core", "graphql"
_LIMITS = {CORE: 5000, GRAPHQL: 5000, "search": 30}


@dataclass
class Bucket:
    limit: int
    used: int
    reset: int  #: seconds since the epoch

    @property
    def remaining(self) -> int:
        return max(self.limit - self.used, 0)

    def as_json(self) -> dict[str, int]:
        return {"limit": self.limit, "used": self.used, "remaining": self.remaining, "reset": self.reset}


class Limits:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}

    def bucket(self, resource: str) -> Bucket:
        now = int(self._clock())
        held = self._buckets.get(resource)
        if held is None or held.reset <= now:
            held = self._buckets[resource] = Bucket(_LIMITS[resource], 0, now + HOUR_S)
        return held

    def spend(self, resource: str, points: int = 1) -> None:
        self.bucket(resource).used += points

    def use_up(self, resource: str, seconds: float) -> None:
        """Nothing is left for the next seconds."""
        limit = _LIMITS[resource]
        self._buckets[resource] = Bucket(limit, limit, int(self._clock() + max(seconds, 1)))

    def headers(self, resource: str) -> dict[str, str]:
        bucket = self.bucket(resource)
        return {
            "X-RateLimit-Limit": str(bucket.limit),
            "X-RateLimit-Remaining": str(bucket.remaining),
            "X-RateLimit-Used": str(bucket.used),
            "X-RateLimit-Reset": str(bucket.reset),
            "X-RateLimit-Resource": resource,
        }

    def as_json(self) -> dict[str, object]:
        resources = {name: self.bucket(name).as_json() for name in _LIMITS}
        return {"resources": resources, "rate": resources[CORE]}
