"""A pull request that GitHub does not answer about while it answers about others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from integrations.github import LightBatch
from scheduler.lifecycle import TaskState
from scheduler.registry import Registry
from scheduler.unseen import LASTING, Unseen
from tests.conftest import Clock
from tests.unit.supervised import NODE, FakeGitHub, Stand

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_what_is_missed_long_enough_is_told_once() -> None:
    unseen = Unseen()
    told = [unseen.look({1, 2}, NOW + n * MINUTE) for n in range(20)]
    assert told[15] == {1, 2} and sum(map(len, told)) == 2


def test_one_that_is_seen_in_between_starts_anew() -> None:
    unseen = Unseen()
    unseen.look({1}, NOW)
    unseen.look((), NOW + 10 * MINUTE)
    assert not unseen.look({1}, NOW + 11 * MINUTE)
    assert not unseen.look({1}, NOW + 25 * MINUTE)
    assert unseen.look({1}, NOW + 26 * MINUTE) == {1}


class Forgetful(FakeGitHub):
    """Answers about another pull request than ours."""

    forgets = False

    def light(self, node_ids):  # type: ignore[no-untyped-def]  # as above it
        batch = super().light(node_ids)
        if not self.forgets:
            return batch
        return LightBatch({"PR_other": batch.pulls[NODE]}, frozenset(), frozenset({NODE}), 1, 1, None)


async def test_a_pull_request_that_nobody_answers_about_keeps_its_state_and_is_told(
    registry: Registry, clock: Clock
) -> None:
    stand = Stand(registry, clock)
    stand.github = github = Forgetful()
    stand._parts()
    stand.task_in(TaskState.VERIFYING)
    await stand.look()
    await stand.detail()
    before, github.forgets = stand.pull, True
    for _ in range(int(LASTING / MINUTE) + 3):
        await stand.look()
        stand.clock.advance(60)
    assert stand.pull == before and stand.task().state is TaskState.VERIFYING
    (note,) = stand.said("note")
    assert "has not answered about https://example.test/1 for 15 minutes" in note.payload["text"]
