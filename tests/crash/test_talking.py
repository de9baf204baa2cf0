"""Waggle is killed while it talks: at its calls to Slack and to models, and between what it heard and what it said.

The playground does it, at the n-th call: before anything was done about it, or when all was and no answer was given.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.crash.judging import judge
from tests.crash.killing import COMMIT, Kill, Moment
from tests.crash.lives import play, playing

pytestmark = [pytest.mark.crash_all, pytest.mark.timeout(300)]

POST, EDIT, LOOK = "chat.postMessage", "chat.update", "conversations.replies"
ANTHROPIC, OPENAI = "messages", "responses"
MOMENTS = pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])


async def _each_thing_is_said_once(tmp_path: Path, plan: Sequence[Kill], *, surely: bool = True) -> None:
    async with playing(tmp_path, "conversation", plan) as case:
        await play(case)
        assert not surely or case.lives.deaths == len(plan)
        await judge(case)


@MOMENTS
@pytest.mark.parametrize("n", [1, 2, 3, 4], ids=["card", "answer", "ready", "merged"])
async def test_a_kill_at_a_message_leaves_it_said_once(tmp_path: Path, n: int, moment: Moment) -> None:
    await _each_thing_is_said_once(tmp_path, [Kill(POST, moment, n)])


@MOMENTS
@pytest.mark.parametrize("n", [1, 2, 3, 4], ids=["card", "answer", "ready", "merged"])
async def test_a_second_kill_while_the_doubt_is_settled_changes_nothing(tmp_path: Path, n: int, moment: Moment) -> None:
    again = Kill(LOOK, Moment.AFTER) if moment is Moment.AFTER else Kill(POST, moment, n + 1)
    await _each_thing_is_said_once(tmp_path, [Kill(POST, moment, n), again])


@MOMENTS
@pytest.mark.parametrize(("call", "n"), [(EDIT, 1), (EDIT, 3), (ANTHROPIC, 1), (ANTHROPIC, 2), (OPENAI, 1)])
async def test_a_kill_at_an_edit_or_a_question_to_a_model_leaves_one_of_everything(
    tmp_path: Path, call: str, n: int, moment: Moment
) -> None:
    await _each_thing_is_said_once(tmp_path, [Kill(call, moment, n)])


@pytest.mark.parametrize("n", range(2, 90, 8))
async def test_a_kill_between_hearing_and_saying_leaves_each_thing_said_once(tmp_path: Path, n: int) -> None:
    """How many transactions there are depends on the ticks, so a late number may come after the end."""
    await _each_thing_is_said_once(tmp_path, [Kill(COMMIT, Moment.BEFORE, n)], surely=False)
