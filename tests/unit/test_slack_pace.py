"""How fast Slack is spoken to."""

from __future__ import annotations

from datetime import timedelta

from bot.slack.pace import POST, UPDATE, Budget, Pace
from tests.conftest import Clock


def test_a_burst_goes_at_once_and_then_one_by_one(clock: Clock) -> None:
    pace = Pace({POST: Budget(1.0, 3), UPDATE: Budget(1.0, 3)})
    waits = []
    for _ in range(5):
        waits.append(pace.wait_s(POST, "C1", clock()))
        pace.called(POST, "C1", clock())
    assert waits == [0, 0, 0, 1, 2]
    clock.advance(10)
    assert pace.wait_s(POST, "C1", clock()) == 0


def test_posts_count_for_each_channel_and_edits_for_the_workspace(clock: Clock) -> None:
    pace = Pace({POST: Budget(1.0, 1), UPDATE: Budget(1.0, 1)})
    pace.called(POST, "C1", clock())
    pace.called(UPDATE, "C1", clock())
    assert pace.wait_s(POST, "C2", clock()) == 0
    assert pace.wait_s(UPDATE, "C2", clock()) == 1


def test_slacks_own_limit_is_kept_for_that_method_and_channel(clock: Clock) -> None:
    pace = Pace()
    pace.limited(POST, "C1", clock() + timedelta(seconds=30))
    assert pace.wait_s(POST, "C1", clock()) == 30
    assert pace.wait_s(POST, "C2", clock()) == 0
    assert pace.wait_s(UPDATE, "C1", clock()) == 0
    clock.advance(31)
    assert pace.wait_s(POST, "C1", clock()) == 0
