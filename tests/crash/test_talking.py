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
MESSAGES = ("card", "answer", "ready", "merged")
MOMENTS = pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])


async def _each_thing_is_said_once(tmp_path: Path, plan: Sequence[Kill], *, at_least: int | None = None) -> None:
    async with playing(tmp_path, "conversation", plan) as case:
        await play(case)
        await judge(case)
        assert len(plan) >= case.lives.deaths >= (len(plan) if at_least is None else at_least)


@MOMENTS
async def test_a_kill_at_each_message_leaves_it_said_once(tmp_path: Path, moment: Moment) -> None:
    # What was not posted is posted by the next life, which is let go on.
    later = 2 if moment is Moment.BEFORE else 1
    await _each_thing_is_said_once(tmp_path, [Kill(POST, moment, later if n else 1) for n, _ in enumerate(MESSAGES)])


@MOMENTS
async def test_a_second_kill_while_the_doubt_is_settled_changes_nothing(tmp_path: Path, moment: Moment) -> None:
    plan = []
    for n, _ in enumerate(MESSAGES):
        again = Kill(LOOK, Moment.AFTER) if moment is Moment.AFTER else Kill(POST, moment)
        plan += [Kill(POST, moment, 2 if n and moment is Moment.BEFORE else 1), again]
    await _each_thing_is_said_once(tmp_path, plan)


@MOMENTS
@pytest.mark.parametrize("model", [ANTHROPIC, OPENAI])
async def test_a_kill_at_each_question_to_a_model_leaves_one_of_everything(
    tmp_path: Path, model: str, moment: Moment
) -> None:
    plan, review = Kill(ANTHROPIC, moment), 2 if model == ANTHROPIC else 1  # the next life asks for the plan again
    await _each_thing_is_said_once(tmp_path, [plan, Kill(model, moment, review)])


@MOMENTS
async def test_a_kill_at_edit_after_edit_leaves_one_of_everything(tmp_path: Path, moment: Moment) -> None:
    """How many edits there are depends on how much happens between two of them."""
    await _each_thing_is_said_once(tmp_path, [Kill(EDIT, moment)] * 6, at_least=3)


@pytest.mark.parametrize("n", range(9, 17))
async def test_a_kill_between_hearing_and_saying_leaves_each_thing_said_once(tmp_path: Path, n: int) -> None:
    """How many transactions there are depends on the ticks: some kills may come after the end."""
    await _each_thing_is_said_once(tmp_path, [Kill(COMMIT, Moment.BEFORE, n)] * 6, at_least=3)
