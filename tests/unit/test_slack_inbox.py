"""Slack's payloads as deliveries: what is the same delivery, and what is not for us."""

from __future__ import annotations

from typing import Any

import pytest

from bot.slack.buttons import Token, read_action_id, read_token
from bot.slack.deliveries import Joined, Noted, Pressed, Said, Submitted, payload_of, read_delivery
from bot.slack.inbox import (
    Home,
    read_action,
    read_context,
    read_edit,
    read_history,
    read_joined,
    read_message,
    read_slash,
    read_submission,
)
from bot.slack.intents import Surface

HOME = Home("T1", "U0WAGGLE", "B0WAGGLE", "https://work.slack.com/")


def event(**fields: Any) -> dict[str, Any]:
    given = {"type": "message", "channel": "C1", "user": "U0ANA", "team": "T1", "ts": "1700000000.000100", **fields}
    return {"team_id": "T1", "event_id": "Ev1", "event": given}


def test_a_mention_is_one_thing_said_however_it_arrives() -> None:
    text = "<@U0WAGGLE> do it"
    as_mention = read_message(event(type="app_mention", text=text), HOME)
    as_message = read_message({**event(text=text, channel_type="channel"), "event_id": "Ev2"}, HOME)
    assert as_mention is not None and as_message is not None
    assert as_mention.key == as_message.key
    assert as_mention.delivery == as_message.delivery
    assert isinstance(as_mention.delivery, Said) and as_mention.delivery.addressed


def test_the_key_names_our_own_team_not_the_senders() -> None:
    arrival = read_message(event(text="x", team="T2", user_team="T2"), HOME)
    assert arrival is not None and arrival.key.startswith("msg:T1:")
    assert isinstance(arrival.delivery, Said) and arrival.delivery.user_team == "T2"


@pytest.mark.parametrize(
    "subtype", ["channel_join", "message_changed", "message_deleted", "channel_topic", "pinned_item"]
)
def test_what_nobody_said_is_not_said(subtype: str) -> None:
    assert read_message(event(subtype=subtype, text="x"), HOME) is None


def test_bots_are_known_as_bots() -> None:
    for fields in ({"bot_id": "B1"}, {"subtype": "bot_message"}, {"bot_profile": {"id": "B1"}}):
        arrival = read_message(event(text="<@U0WAGGLE> approve", **fields), HOME)
        assert arrival is not None and isinstance(arrival.delivery, Said) and arrival.delivery.is_bot


def test_a_direct_message_is_addressed() -> None:
    arrival = read_message(event(channel="D1", channel_type="im", text="status"), HOME)
    assert arrival is not None and isinstance(arrival.delivery, Said)
    assert arrival.delivery.surface is Surface.DM and arrival.delivery.addressed


def test_a_shared_channel_without_a_team_is_outside() -> None:
    body = event(text="<@U0WAGGLE> x")
    del body["event"]["team"]
    arrival = read_message({**body, "is_ext_shared_channel": True}, HOME)
    assert arrival is not None and isinstance(arrival.delivery, Said) and arrival.delivery.external


def test_slash_commands_are_told_apart_by_their_trigger() -> None:
    body = {"team_id": "T1", "user_id": "U0ANA", "channel_id": "C1", "text": "status", "trigger_id": "t.1"}
    assert read_slash(body, HOME).key == read_slash(body, HOME).key
    assert read_slash(body, HOME).key != read_slash({**body, "trigger_id": "t.2"}, HOME).key


def pressed(**fields: Any) -> dict[str, Any]:
    action = {"action_id": "waggle.approve", "value": "v1|12|3|card", "action_ts": "1700000001.000000", **fields}
    return {
        "type": "block_actions",
        "team": {"id": "T1"},
        "user": {"id": "U0BEN", "team_id": "T1"},
        "container": {
            "type": "message",
            "channel_id": "C1",
            "message_ts": "1700000000.000200",
            "thread_ts": "1700000000.000100",
        },
        "actions": [action],
        "trigger_id": "t.9",
    }


def test_a_press_names_task_state_and_thread() -> None:
    arrival = read_action(pressed(), HOME)
    assert arrival is not None
    assert arrival.delivery == Pressed(
        user="U0BEN",
        user_team="T1",
        channel="C1",
        thread_ts="1700000000.000100",
        ts="1700000000.000200",
        verb="approve",
        task_id=12,
        version=3,
        nonce="card",
    )


def test_two_presses_are_two_deliveries_and_one_press_is_one() -> None:
    first, again, second = (read_action(pressed(action_ts=ts), HOME) for ts in ("1.0", "1.0", "2.0"))
    assert first is not None and again is not None and second is not None
    assert first.key == again.key != second.key


@pytest.mark.parametrize(
    "fields",
    [
        {"action_id": "other.approve"},
        {"action_id": "waggle.link.0", "value": ""},
        {"action_id": "waggle.launch"},
        {"value": "v2|12|3|card"},
        {"value": "v1|12|3|a b"},
        {"value": "v1|-1|3|card"},
        {"value": ""},
    ],
)
def test_foreign_and_forged_buttons_are_nothing(fields: dict[str, Any]) -> None:
    assert read_action(pressed(**fields), HOME) is None


def test_a_form_comes_back_with_its_words_and_its_thread() -> None:
    body = {
        "type": "view_submission",
        "team": {"id": "T1"},
        "user": {"id": "U0ANA", "team_id": "T1"},
        "view": {
            "id": "V1",
            "callback_id": "waggle.retry",
            "private_metadata": "v1|12|3|card@C1:1700000000.000100",
            "state": {"values": {"words": {"text": {"type": "plain_text_input", "value": "use semicolons"}}}},
        },
    }
    arrival = read_submission(body, HOME)
    assert arrival is not None and isinstance(arrival.delivery, Submitted)
    assert (arrival.delivery.text, arrival.delivery.channel) == ("use semicolons", "C1")
    assert arrival.delivery.lane == "C1:1700000000.000100"


def test_edits_and_deletions_of_context_are_deliveries_of_their_own() -> None:
    written = read_context(event(text="We want CSV"), HOME, "feedback")
    message = {"user": "U0ANA", "text": "We want CSV and PDF", "ts": "1700000000.000100"}
    changed = event(
        subtype="message_changed", message=message, previous_message={"text": "We want CSV"}, event_ts="9.9"
    )
    edited = read_context(changed, HOME, "feedback")
    gone = read_context(event(subtype="message_deleted", deleted_ts="1700000000.000100"), HOME, "feedback")
    assert written and edited and gone
    assert len({written.key, edited.key, gone.key}) == 3
    assert isinstance(gone.delivery, Noted) and gone.delivery.deleted
    assert isinstance(written.delivery, Noted)
    assert written.delivery.permalink == "https://work.slack.com/archives/C1/p1700000000000100"


def test_an_unfurled_link_is_no_edit() -> None:
    same = event(subtype="message_changed", message={"text": "x", "ts": "1.1"}, previous_message={"text": "x"})
    assert read_context(same, HOME, "notes") is None
    assert read_edit(same, HOME) is None


def test_our_own_words_are_no_context() -> None:
    assert read_history({"type": "message", "user": "U0WAGGLE", "text": "x", "ts": "1.1"}, "C1", HOME, "notes") is None
    assert (
        read_history({"type": "message", "bot_id": "B0WAGGLE", "text": "x", "ts": "1.1"}, "C1", HOME, "notes") is None
    )


def test_only_our_own_joining_is_told() -> None:
    body = event(type="member_joined_channel", user="U0BEN")
    assert read_joined(body, HOME) is None
    arrival = read_joined(event(type="member_joined_channel", user="U0WAGGLE", inviter="U0ANA"), HOME)
    assert arrival is not None and arrival.delivery == Joined(channel="C1", inviter="U0ANA")


def test_what_is_stored_is_read_back() -> None:
    arrival = read_message(event(text="x", thread_ts="1.0"), HOME)
    assert arrival is not None
    payload = payload_of(arrival.delivery)
    assert payload["lane"] == "C1:1.0"
    assert read_delivery(payload) == arrival.delivery


@pytest.mark.parametrize(
    "body", [{}, {"event": None}, {"event": "x"}, {"actions": []}, {"view": 3}, {"actions": ["x"]}]
)
def test_malformed_payloads_are_nothing(body: dict[str, Any]) -> None:
    for read in (read_message, read_edit, read_joined, read_action, read_submission):
        assert read(body, HOME) is None


def test_tokens_read_back_what_they_wrote() -> None:
    assert read_token(str(Token(12, 3, "q7"))) == Token(12, 3, "q7")
    assert read_action_id("waggle.answer.2") == ("answer", 2)
