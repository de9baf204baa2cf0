"""The card in every state: what it says, what can be pressed, and that Slack takes it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.slack.buttons import read_action_id, read_token
from bot.slack.views import budget, checklist, escape
from bot.slack.views.budget import Block, Message, clip_mrkdwn, fit
from bot.slack.views.card import card, fingerprint
from bot.slack.views.checklist import checks
from bot.slack.views.facts import TaskFacts
from integrations.playground.slack.blocks import Surface, check_blocks
from scheduler.done import Check, State
from scheduler.lifecycle import AttemptState, TaskState
from scheduler.registry import Evidence
from tests.unit import slack_facts as build


def all_text(message: Message) -> str:
    found: list[str] = [message.text]

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("text"), str):
                found.append(value["text"])
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list | tuple):
            for inner in value:
                walk(inner)

    walk(message.blocks)
    return "\n".join(found)


def pressable(message: Message) -> list[Block]:
    return [one for block in message.blocks if block["type"] == "actions" for one in block["elements"]]


BUTTONS = {
    TaskState.PROPOSED: ["Start", "Snooze 7 d", "Never"],
    TaskState.SCOPING: ["Stop"],
    TaskState.PLANNED: ["Approve plan", "Edit…", "Reject"],
    TaskState.QUEUED: ["Stop", "Add guidance…", "Open PR"],
    TaskState.RUNNING: ["Stop", "Add guidance…", "Open PR"],
    TaskState.ASKING: ["semicolons", "Export invoices as CSV", "Answer…", "Stop"],
    TaskState.VERIFYING: ["Open PR", "Add guidance…", "Stop"],
    TaskState.READY: ["Open PR", "Request changes…", "Stop"],
    TaskState.DIAGNOSING: ["Stop", "Add guidance…", "Open PR"],
    TaskState.NEEDS_HELP: ["Retry with guidance…", "Open PR", "Take over", "Close"],
    TaskState.TAKEN_OVER: ["Give back", "Open PR", "Close"],
    TaskState.MERGED: ["Revert"],
    TaskState.DROPPED: ["Retry with guidance…"],
    TaskState.STOPPED: ["Retry with guidance…"],
    TaskState.PAUSED: ["Resume", "Stop"],
}


@pytest.mark.parametrize("state", list(TaskState))
def test_each_state_offers_what_can_be_done_in_it(state: TaskState) -> None:
    offered = pressable(card(build.facts(state)))
    assert [one["text"]["text"] for one in offered] == BUTTONS[state]


@pytest.mark.parametrize("state", list(TaskState))
def test_every_button_leads_back_to_the_task_and_its_state(state: TaskState) -> None:
    for one in pressable(card(build.facts(state))):
        if "url" in one:
            assert one["url"] == "https://github.test/acme/ledgerline/pull/7"
            continue
        token = read_token(one["value"])
        assert token is not None and (token.task_id, token.version) == (12, 3)
        assert read_action_id(one["action_id"]) is not None


@pytest.mark.parametrize("state", list(TaskState))
@pytest.mark.parametrize("words", ["Export", "long " * 3000, "<&>" * 2000, "```" * 500, "", "ü🎉" * 900])
def test_slack_takes_every_card(state: TaskState, words: str) -> None:
    message = card(build.facts(state, words))
    check_blocks(list(message.blocks), Surface.MESSAGE)
    assert len(message.blocks) <= budget.BLOCKS
    assert len(json.dumps(message.blocks, ensure_ascii=False)) <= budget.TOTAL


def test_the_plan_says_what_was_understood() -> None:
    text = all_text(card(build.facts(attempts=(), pull=None, evidence=(), reviews=())))
    for piece in (
        "T-12 · Export invoices as CSV",
        "*Waits for your approval*",
        "`acme/ledgerline` · base `main`",
        "agent claude-code/opus",
        "budget $15.00",
        "“Export invoices as CSV”",
        "— Priya, Northwind, 2026-02-24 · <https://x.test/1|source>",
        "• GET /invoices.csv answers 200",
        "`app/web.py`",
        "rules: no model answered",
        "asked by <@U0ANA>",
    ):
        assert piece in text


def test_the_checks_carry_marks_details_and_links() -> None:
    text = all_text(card(build.facts(TaskState.VERIFYING, "3 of 3")))
    assert "✅ <https://x.test|Pull request open> · 3 of 3" in text
    assert "❌ <https://x.test|Merges cleanly> · 3 of 3" in text
    assert "`01234567`" in text


def test_a_line_does_not_say_its_name_twice() -> None:
    def shown(check: Check, state: State, detail: str) -> str:
        return checks([Evidence(pull_request_id=1, head="0" * 40, check=check, state=state, detail=detail)])

    assert shown(Check.HUMAN_REVIEW, State.HUMAN, "a person merges") == "👤 A person merges"
    assert shown(Check.WORKFLOW_FILES, State.OK, "untouched") == "✅ CI configuration untouched"
    assert shown(Check.CI, State.OK, "2 of 2 passed") == "✅ CI · 2 of 2 passed"
    assert shown(Check.CI, State.FAIL, "CI") == "❌ CI · CI"


def test_attempts_say_what_came_of_them_and_what_was_changed() -> None:
    text = all_text(card(build.facts(TaskState.RUNNING, "look at app/db.py")))
    assert "(1 of 3 retries spent)" in text
    assert "❌ 1. claude-code/opus · CI is red on the pull request in 12 min · $1.25" in text
    assert "⚙️ 2. claude-code/opus · running since" in text
    assert "told: _look at app/db.py_" in text


def test_a_finished_task_shows_no_plan_any_more() -> None:
    text = all_text(card(build.facts(TaskState.MERGED)))
    assert "*Done when*" not in text
    assert "Merged" in text


def test_the_same_facts_are_the_same_card() -> None:
    one, same = card(build.facts()), card(build.facts())
    assert fingerprint(one) == fingerprint(same)
    assert fingerprint(one) != fingerprint(card(replace(build.facts(), spent_usd=4.0)))


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab &<>;`\n…", max_size=400), st.integers(min_value=20, max_value=200))
def test_clipped_text_is_short_and_whole(raw: str, limit: int) -> None:
    clipped = clip_mrkdwn(escape.text(raw), limit)
    assert len(clipped) <= limit
    rest = clipped
    for entity in ("&amp;", "&lt;", "&gt;"):
        rest = rest.replace(entity, "")
    assert "&" not in rest
    if len(escape.text(raw)) > limit:
        assert clipped.count("```") % 2 == 0


def test_a_link_is_not_cut_in_half() -> None:
    text = "x" * 80 + " <https://example.com/a/very/long/path|the label of it>"
    assert clip_mrkdwn(text, 100) == "x" * 80 + "…"


def test_too_much_of_everything_still_keeps_heading_and_buttons() -> None:
    long = [{"type": "section", "text": {"type": "mrkdwn", "text": "y" * 2900}} for _ in range(80)]
    head = {"type": "header", "text": {"type": "plain_text", "text": "h"}}
    row = {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "b"}}]}
    message = fit("t", [head, *long, row])
    assert message.blocks[0] == head
    assert message.blocks[-1] == row
    assert len(message.blocks) <= budget.BLOCKS


def test_a_time_to_wait_for_is_shown_in_the_readers_own() -> None:
    waits = "waits until 2026-03-01 12:05 UTC: the provider of claude-code limits it (place 1 in the queue)"
    text = all_text(card(TaskFacts(build.task(TaskState.QUEUED, waits_for=waits))))
    at = int((build.NOON + timedelta(minutes=5)).timestamp())
    assert f"waits until <!date^{at}^{{date_short_pretty}} {{time}}|2026-03-01 12:05 UTC>: the provider" in text
    assert escape.with_times("at 2026-13-01 12:05 UTC <!here>") == "at 2026-13-01 12:05 UTC &lt;!here&gt;"


def test_a_running_attempt_shows_its_signs_of_life_each_with_its_age() -> None:
    noon = build.NOON
    at = noon + timedelta(seconds=70)
    signs = {
        "process": {"state": "alive", "detail": "3 processes", "at": at.isoformat()},
        "events": {"state": "unknown", "detail": "", "at": noon.isoformat()},
        "course": {"state": "tool", "detail": "Bash echo <!here>", "at": noon.isoformat()},
    }
    row = build.attempt(state=AttemptState.RUNNING, outcome="", signs=signs)
    shown = checklist.attempts(TaskFacts(build.task(TaskState.RUNNING), attempts=(row,)))
    minute = int(noon.timestamp()) + 60
    assert f"process alive (3 processes) <!date^{minute}^{{ago}}|12:01 UTC>" in shown
    assert "events unknown, last one <!date^" in shown
    assert "waits for its tool, since <!date^" in shown and "&lt;!here&gt;" in shown
    over = build.attempt(signs=signs)
    assert "process alive" not in checklist.attempts(TaskFacts(build.task(TaskState.RUNNING), attempts=(over,)))
