"""A dependency that is down: a blink is not said, a lasting outage once, its end once."""

from __future__ import annotations

from sqlmodel import select

from scheduler.outages import came_back, is_down, went_down
from scheduler.registry import Outbox, Registry
from tests.conftest import Clock


def _said(registry: Registry) -> list[str]:
    return [row.payload["text"] for row in registry.read_now(lambda s: s.exec(select(Outbox)).all())]


def _down(registry: Registry, clock: Clock) -> None:
    registry.write_now(lambda s: went_down(s, clock(), "GitHub", "GitHub is gone."))


def _up(registry: Registry, clock: Clock) -> None:
    registry.write_now(lambda s: came_back(s, clock(), "GitHub"))


def test_a_blink_is_nobodys_business(registry: Registry, clock: Clock) -> None:
    _down(registry, clock)
    clock.advance(5)
    _up(registry, clock)
    assert _said(registry) == []
    assert not registry.read_now(lambda s: is_down(s, "GitHub"))


def test_a_lasting_outage_is_said_once_and_so_is_its_end(registry: Registry, clock: Clock) -> None:
    for _ in range(20):
        _down(registry, clock)
        clock.advance(30)
    assert _said(registry) == ["GitHub is gone."]
    _up(registry, clock)
    _up(registry, clock)
    assert _said(registry) == ["GitHub is gone.", "GitHub answers again; everything is picked up."]


def test_the_next_outage_is_said_again(registry: Registry, clock: Clock) -> None:
    for _ in range(2):
        for _ in range(4):
            _down(registry, clock)
            clock.advance(30)
        _up(registry, clock)
    assert len(_said(registry)) == 4
