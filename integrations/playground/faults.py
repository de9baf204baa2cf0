"""What the services' faults share: how a description is read, and the queue in which faults wait for a call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar


class BadFault(ValueError):
    """The fault's description makes no sense."""


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A fault that so many calls meet."""

    left: int = 1


F = TypeVar("F", bound=Counted)


class Waiting(Generic[F]):
    """The faults that wait for a call, oldest first."""

    def __init__(self) -> None:
        self._faults: list[F] = []

    def append(self, fault: F) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()

    def take(self, meets: Callable[[F], bool], *, spend: Callable[[F], bool] = lambda fault: True) -> F | None:
        """The first fault that `meets` accepts, spent by one call unless `spend` says that it lasts; None for none."""
        for position, fault in enumerate(self._faults):
            if meets(fault):
                if not spend(fault):
                    return fault
                if fault.left > 1:
                    self._faults[position] = replace(fault, left=fault.left - 1)
                else:
                    del self._faults[position]
                return fault
        return None


def check_keys(spec: Mapping[str, object], known: Collection[str]) -> None:
    """Raises BadFault for a key that nobody reads."""
    if unknown := spec.keys() - set(known):
        raise BadFault(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(sorted(known))}")


def number(spec: Mapping[str, object], name: str, default: float) -> float:
    """A number of at least zero. Raises BadFault."""
    value = spec.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise BadFault(f"{name} is a number, not {value!r}")
    return float(value)
