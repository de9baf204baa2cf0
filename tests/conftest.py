"""What many tests share: a clock that tests own, and a registry on a temporary disk."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import SQLModel

from scheduler.registry import Registry


class Clock:
    """A clock that moves only when a test moves it."""

    def __init__(self, now: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """An empty registry with every table, closed afterwards."""
    made = Registry(f"sqlite:///{tmp_path / 'registry.db'}")
    SQLModel.metadata.create_all(made.engine)
    yield made
    made.close()
