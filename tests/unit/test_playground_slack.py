"""What the stand-in Slack decides without doing anything: texts, limits, redelivery."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.playground.slack.composing import composed
from integrations.playground.slack.deliveries import Envelope, Kind, Patience, State
from integrations.playground.slack.limits import Limits
from integrations.playground.slack.messages import ts_of
from integrations.playground.slack.pressing import Impossible, action_of, element_in

USERS = {"waggle": "U0WAGGLE", "ana": "U0ANA"}
CHANNELS = {"product": "C0PRODUCT"}


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("@waggle hello", "<@U0WAGGLE> hello"),
        ("@Waggle, please", "<@U0WAGGLE>, please"),
        ("ask @nobody", "ask @nobody"),
        ("mail ana@waggle.example", "mail ana@waggle.example"),
        ("see #product", "see <#C0PRODUCT|product>"),
        ("issue #12", "issue #12"),
        ("@here now", "<!here> now"),
        ("a < b && c > d", "a &lt; b &amp;&amp; c &gt; d"),
        ("<@U0ANA> typed", "&lt;@U0ANA&gt; typed"),
        ("<!channel>", "&lt;!channel&gt;"),
        ("https://a.b/c?d=1&e=2, and", "<https://a.b/c?d=1&amp;e=2>, and"),
        ("https://a.b/@waggle", "<https://a.b/@waggle>"),
        ("`@waggle` is a name", "`@waggle` is a name"),
        ("```\n@waggle <b>\n```", "```\n@waggle &lt;b&gt;\n```"),
    ],
)
def test_what_is_typed_is_stored_as_slack_stores_it(typed: str, stored: str) -> None:
    assert composed(typed, USERS, CHANNELS) == stored


@given(st.text(alphabet="ab<>&!@#|`:/. \nwaggle", max_size=60))
def test_nobody_can_type_a_token_that_is_not_a_name_or_an_address(typed: str) -> None:
    stored = composed(typed, USERS, CHANNELS)
    allowed = ("<@U0WAGGLE>", "<@U0ANA>", "<#C0PRODUCT|", "<!here>", "<!channel>", "<!everyone>", "<http")
    rest = stored
    for token in allowed:
        rest = rest.replace(token, "")
    assert "<" not in rest


def envelope(kind: Kind = Kind.EVENT, attempt: int = 0) -> Envelope:
    return Envelope("id", 1, kind, {}, State.SENT, attempt, created=100.0, due=100.0, sent=100.0)


@pytest.mark.parametrize(
    ("kind", "attempt", "state", "due"),
    [
        (Kind.EVENT, 0, State.WAITING, 103.0),
        (Kind.EVENT, 1, State.WAITING, 163.0),
        (Kind.EVENT, 2, State.WAITING, 403.0),
        (Kind.EVENT, 3, State.LOST, 100.0),
        (Kind.SLASH, 0, State.LOST, 100.0),
        (Kind.INTERACTIVE, 0, State.LOST, 100.0),
    ],
)
def test_what_becomes_of_a_delivery_that_nobody_acknowledged(
    kind: Kind, attempt: int, state: State, due: float
) -> None:
    after = Patience().after_silence(envelope(kind, attempt), now=103.0)
    assert (after.state, after.due) == (state, due)


def test_only_events_say_how_often_they_came() -> None:
    assert envelope(attempt=2).frame()["retry_attempt"] == 2
    assert "retry_attempt" not in envelope(Kind.SLASH).frame()
    assert envelope(Kind.SLASH).frame()["accepts_response_payload"]


def test_strict_limits_refuse_and_then_let_through_again() -> None:
    now = [1000.0]
    limits = Limits(lambda: now[0])
    limits.strict = True
    assert [limits.spend("conversations.list") for _ in range(20)] == [0] * 20
    wait = limits.spend("conversations.list")
    assert 0 < wait <= 60
    now[0] += wait
    assert limits.spend("conversations.list") == 0


def test_a_channel_takes_about_one_message_a_second() -> None:
    now = [1000.0]
    limits = Limits(lambda: now[0])
    limits.strict = True
    assert [limits.spend("chat.postMessage", "C1") for _ in range(4)] == [0] * 4
    assert limits.spend("chat.postMessage", "C1") > 0
    assert limits.spend("chat.postMessage", "C2") == 0
    now[0] += 5
    assert limits.spend("chat.postMessage", "C1") == 0


def test_the_playground_is_generous_by_default() -> None:
    limits = Limits(lambda: 1000.0)
    assert not any(limits.spend("chat.update") for _ in range(1000))


def test_timestamps_keep_their_six_digits() -> None:
    assert ts_of(1_700_000_000_000_001) == "1700000000.000001"


def test_what_is_not_there_cannot_be_pressed() -> None:
    select = {"type": "static_select", "action_id": "s", "options": [{"text": {}, "value": "1"}]}
    block = {"type": "section", "block_id": "b", "accessory": select}
    with pytest.raises(Impossible, match="there is s"):
        element_in([block], "other")
    found, element = element_in([block], "s")
    assert action_of(found, element, "1", "1.0")["selected_option"]["value"] == "1"
    with pytest.raises(Impossible, match="no choice '2'"):
        action_of(found, element, "2", "1.0")
