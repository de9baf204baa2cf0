"""The card of a proposal: what a person needs to decide, with nothing alive in it that a stranger wrote."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from bot.slack.buttons import read_action_id
from bot.slack.views import budget
from bot.slack.views.budget import Message
from bot.slack.views.card import card
from integrations.playground.slack.blocks import Surface, check_blocks
from scheduler.lifecycle import TaskState
from tests.unit import error_facts, slack_facts
from tests.unit.test_views_card import all_text, pressable

WORDS = "invalid literal for int() with base 10: 'abc'"


def shown(state: TaskState = TaskState.PROPOSED, words: str = WORDS, **fields: Any) -> Message:
    bare = {"goal": "", "acceptance": [], "expected_files": [], "citations": [], "guidance": [], "help_cause": ""}
    if state is not TaskState.PROPOSED:
        bare = {}
    task = slack_facts.task(state, "Fix ValueError in invoice_page", **{**bare, **fields})
    nothing: dict[str, Any] = {"attempts": (), "pull": None, "evidence": (), "reviews": (), "question": None}
    nothing |= {"diagnoses": (), "approved": None, "spent_usd": 0.0, "spent_tokens": 0, "missing": ()}
    return card(slack_facts.facts(state, task=task, signal=error_facts.signal(words=words), **nothing))


GOLDEN = """\
T-12 · Fix ValueError in invoice_page: Proposed
T-12 · Fix ValueError in invoice_page
💡 *Proposed*
Decide with a button, or reply `start`, `snooze` or `never`.
Waggle found this by itself. Nothing runs until a person starts it.
🐞 *<https://acme.sentry.io/issues/7/|LEDGERLINE-7> in `acme/ledgerline`*
`ValueError: invalid literal for int() with base 10: 'abc'`
12 events, 5 people · first <!date^1772193600^{date_short_pretty} {time}|2026-02-27 12:00 UTC> · last \
<!date^1772366400^{date_short_pretty} {time}|2026-03-01 12:00 UTC> · release `0123456789ab`
*Where, in the application*
```
app/web.py:41 in __call__
    response = handler(query)
app/web.py:71 in invoice_page
    int("invalid literal for int() with base 10: 'abc'")
ValueError: invalid literal for int() with base 10: 'abc'
```
*Why it is proposed*
• 12 events, 5 people
• the last time was 0 min ago
• nobody has taken it
• no fix of it was merged
• app/web.py is in acme/ledgerline
• it is no known noise
Start
Snooze 7 d
Never
found by Waggle"""


def test_the_proposal_says_what_where_how_often_and_why() -> None:
    assert all_text(shown()) == GOLDEN


def test_its_buttons_are_start_snooze_and_never() -> None:
    buttons = pressable(shown())
    assert [read_action_id(one["action_id"]) for one in buttons] == [("start", None), ("snooze", None), ("never", None)]


def test_set_aside_it_says_until_when_and_can_still_be_decided() -> None:
    message = shown(not_before=error_facts.NOON + timedelta(days=7))
    assert "Set aside until <!date^1772971200^" in all_text(message)
    assert [one["text"]["text"] for one in pressable(message)] == ["Start", "Never"]


@pytest.mark.parametrize(
    "words",
    [
        "<!channel> <https://evil.example|click> @here <@U0ANA>",
        "``` end of code\n*bold* _it_ `code`",
        "x" * 20_000,
        "<&>" * 3000,
        "",
        "ü🎉" * 900,
        "line\n" * 500,
    ],
)
@pytest.mark.parametrize("state", [TaskState.PROPOSED, TaskState.PLANNED, TaskState.RUNNING, TaskState.DROPPED])
def test_what_strangers_wrote_is_data(words: str, state: TaskState) -> None:
    message = shown(state, words)
    check_blocks(list(message.blocks), Surface.MESSAGE)
    assert len(message.blocks) <= budget.BLOCKS
    text = all_text(message)
    for alive in ("<!channel", "<https://evil", "<@U0ANA|", "<!here"):
        assert alive not in text
    code = [one["text"]["text"] for one in message.blocks if "*Where" in json.dumps(one)]
    assert all(one.count("```") == 2 for one in code), "nothing in a trace ends its fence"


@pytest.mark.parametrize("state", [one for one in TaskState if one is not TaskState.PROPOSED])
def test_every_later_card_links_the_issue(state: TaskState) -> None:
    text = all_text(shown(state))
    assert "<https://acme.sentry.io/issues/7/|LEDGERLINE-7>" in text
    assert "Where, in the application" not in text
