"""Connecting to Slack: wrong tokens are said at once with their cure, and an outage is waited for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.slack.errors import SlackRefused
from scheduler.lifecycle import TaskState
from tests.integration.playground_slack_world import PRODUCT, hosting
from tests.integration.slack_world import SlackWorld


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SlackWorld]:
    """A Slack side that is not started."""
    async with hosting(tmp_path / "playground") as host:
        made = SlackWorld(host, tmp_path)
        yield made
        if not made.registry._closed:
            made.registry.close()


@pytest.mark.parametrize(
    ("change", "cure"),
    [
        ({"bot_token": "xoxb-nobody"}, "Copy SLACK_BOT_TOKEN"),
        ({"app_token": "xapp-nobody"}, "SLACK_APP_TOKEN"),
    ],
)
async def test_a_token_that_is_not_accepted_is_said_at_once(
    world: SlackWorld, change: dict[str, str], cure: str
) -> None:
    world.change(**change)
    with pytest.raises(SlackRefused) as refused:
        await world.start()
    assert cure in refused.value.user_message
    assert all(token not in refused.value.user_message for token in change.values())


async def test_slack_may_be_down_when_waggle_starts(world: SlackWorld) -> None:
    await world.host.stop()
    await world.start()
    await world.host.start()
    world.visitor = world.host.visitor
    task = await world.ask_for()
    await world.visitor.say(PRODUCT, "approve", task.thread_ts)
    await world.state(task.id, TaskState.QUEUED)
    await world.stop()


async def test_a_restart_of_the_workspace_is_survived(world: SlackWorld) -> None:
    await world.start()
    task = await world.ask_for()
    await world.quiet()
    await world.host.restart()
    world.visitor = world.host.visitor
    await world.visitor.say(PRODUCT, "approve", task.thread_ts)
    await world.state(task.id, TaskState.QUEUED)
    await world.quiet()
    assert sum("Approved." in text for text in await world.thread(task)) == 1
    await world.stop()


async def test_the_settings_of_another_app_in_the_environment_change_nothing(
    world: SlackWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SLACK_BOT_TOKEN", "SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET"):
        monkeypatch.setenv(name, "of another app")
    await world.start()
    await world.ask_for()
    await world.stop()
